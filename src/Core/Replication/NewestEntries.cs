namespace Diststore.Core;

/// <summary>What a key holds newest, tombstones included.</summary>
/// <param name="Head">All but the value; <see langword="null"/> where there was never such a key.</param>
/// <param name="Value">The value, where it was asked for.</param>
internal readonly record struct Newest(EntryHead? Head, byte[]? Value)
{
    /// <summary>The head, where the key exists.</summary>
    public EntryHead? Live => Head is { IsTombstone: false } ? Head : null;

    public static Newest Of(Entry entry) => new(EntryHead.Of(entry), entry.Value);
}

/// <summary>
/// The newest state of keys, with what is ordered and not applied yet: what writes are judged by. Values are read only for those that
/// carry one over. For the node's scheduler.
/// </summary>
internal sealed class NewestEntries(IStore store)
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
    public async Task<Dictionary<string, Newest>> ReadAsync(IEnumerable<string> keys)
    {
        var newest = new Dictionary<string, Newest>(StringComparer.Ordinal);
        var unknown = new List<string>();
        foreach (string key in keys)
        {
            if (newest.TryAdd(key, _ordered.TryGetValue(key, out Entry? ordered) ? Newest.Of(ordered) : default) && ordered is null)
            {
                unknown.Add(key);
            }
        }

        IReadOnlyList<EntryHead?> stored = await store.ReadHeadsAsync(unknown);
        for (int i = 0; i < unknown.Count; i++)
        {
            newest[unknown[i]] = new Newest(stored[i], null);
        }

        return newest;
    }

    /// <summary>
    /// Reads the values of those of the keys that exist and whose value is not there yet. How much that is has been bounded before, by the
    /// heads; it is read in pieces of about <see cref="WaitingWrites.MaxBatchBytes"/>.
    /// </summary>
    /// <exception cref="StoreFailedException">The store cannot be read.</exception>
    public async Task ReadValuesAsync(Dictionary<string, Newest> newest, IEnumerable<string> keys)
    {
        string[] missing = [.. keys.Where(key => newest[key] is { Live: not null, Value: null }).Distinct(StringComparer.Ordinal)];
        for (int at = 0; at < missing.Length;)
        {
            ManyEntries read = await store.ReadManyAsync(missing[at..], WaitingWrites.MaxBatchBytes);
            foreach (Entry? entry in read.Entries)
            {
                // Nothing is ordered meanwhile, so what was pending is at most applied by now: the version stands.
                if (entry is not null && entry.Version == newest[entry.Key].Head!.Version)
                {
                    newest[entry.Key] = Newest.Of(entry);
                }
            }

            at += read.Entries.Count;
        }
    }
}
