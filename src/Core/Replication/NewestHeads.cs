namespace Diststore.Core;

/// <summary>
/// The newest state of keys, with what is ordered and not applied yet: what conditions and existence are judged by. Values are not
/// needed for that. For the node's scheduler.
/// </summary>
internal sealed class NewestHeads(IStore store)
{
    private readonly Dictionary<string, Entry> _ordered = new(StringComparer.Ordinal); // by key, what is not applied yet

    /// <summary>A batch is ordered.</summary>
    public void Remember(Batch batch)
    {
        foreach (Entry entry in batch.Entries)
        {
            _ordered[entry.Key] = entry;
        }
    }

    /// <summary>A batch is applied: the store has it.</summary>
    public void Forget(Batch batch)
    {
        foreach (Entry entry in batch.Entries)
        {
            if (_ordered.TryGetValue(entry.Key, out Entry? newest) && newest.Version == entry.Version)
            {
                _ordered.Remove(entry.Key);
            }
        }
    }

    /// <summary>The state of each key; what the store has to be asked for is read together.</summary>
    /// <exception cref="StoreFailedException">The store cannot be read.</exception>
    public async Task<Dictionary<string, EntryHead?>> ReadAsync(IEnumerable<string> keys)
    {
        var heads = new Dictionary<string, EntryHead?>(StringComparer.Ordinal);
        var unknown = new List<string>();
        foreach (string key in keys)
        {
            if (heads.TryAdd(key, _ordered.TryGetValue(key, out Entry? ordered) ? EntryHead.Of(ordered) : null) && ordered is null)
            {
                unknown.Add(key);
            }
        }

        IReadOnlyList<EntryHead?> stored = await store.ReadHeadsAsync(unknown);
        for (int i = 0; i < unknown.Count; i++)
        {
            heads[unknown[i]] = stored[i];
        }

        return heads;
    }
}
