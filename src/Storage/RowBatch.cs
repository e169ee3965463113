using System.Runtime.InteropServices;
using RocksDbSharp;

namespace Diststore.Storage;

/// <summary>
/// One atomic batch in the making: entries with their rows in the change index, among the tombstones and among what
/// expires, and what that does to the counts. The writer thread's.
/// </summary>
internal sealed class RowBatch : IDisposable
{
    private readonly Engine _engine;
    private readonly WriteBatch _batch = new();
    private readonly RowWriter _key = new();
    private readonly RowWriter _row = new();

    // What this batch has already made of a key; the engine does not show it before it is written.
    private readonly Dictionary<string, StoredRow?> _made;

    /// <param name="engine">Where it is to be written.</param>
    /// <param name="memory">
    /// Room for what it makes, emptied here and used until the next batch: for thousands of keys it is too large to be
    /// thrown away each time.
    /// </param>
    public RowBatch(Engine engine, Dictionary<string, StoredRow?> memory)
    {
        _engine = engine;
        _made = memory;
        _made.Clear();
    }

    /// <summary>What a batch makes of keys is kept in such a table.</summary>
    public static Dictionary<string, StoredRow?> Memory() => new(StringComparer.Ordinal);

    /// <summary>Bytes of keys and rows so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>By how much the number of entries that are no tombstones changes.</summary>
    public long Entries { get; private set; }

    /// <summary>By how much the number of rows that remember requests changes; internal rows count for nothing else.</summary>
    public long Memories { get; private set; }

    /// <summary>By how much their keys and values change, in bytes.</summary>
    public long LiveBytes { get; private set; }

    /// <summary>The earliest expiry (UTC ticks) that it brings; <see cref="long.MaxValue"/> for none.</summary>
    public long EarliestExpiry { get; private set; } = long.MaxValue;

    /// <summary>The keys whose entries change.</summary>
    public IReadOnlyCollection<string> Keys => _made.Keys;

    public bool IsEmpty => Bytes == 0;

    /// <summary>Replaces what is under the key, whatever its version.</summary>
    /// <param name="entry">The new entry.</param>
    /// <param name="orderedAt">By when its tombstone ages, if it is one.</param>
    /// <param name="ticket">What is under the key now, where the caller has read it; else it is read here.</param>
    public void Put(Entry entry, DateTimeOffset orderedAt, Known ticket = default)
    {
        bool elsewhere = Rows.HasValueElsewhere(entry);
        Uncount(entry.Key, ticket, keepsValueRow: elsewhere);
        long ticks = orderedAt.UtcTicks;
        Put(Family.Entries, _key.Clear().Tail(entry.Key), Rows.Entry(_row.Clear(), entry, ticks, elsewhere).Written);
        if (elsewhere)
        {
            Put(Family.Values, _key, Rows.Value(_row, entry).Written);
        }

        if (entry.IsTombstone)
        {
            Put(Family.Tombstones, Rows.TombstoneKey(_key, ticks, entry.Version.Sequence, entry.Key), []);
        }
        else
        {
            Count(entry.Key, 1, Rows.LiveBytes(entry));
        }

        long? expiry = entry.IsTombstone ? null : entry.ExpiresAt?.UtcTicks;
        if (expiry is { } at)
        {
            Put(Family.Expiries, Rows.ExpiryKey(_key, at, entry.Key), []);
            EarliestExpiry = Math.Min(EarliestExpiry, at);
        }

        _made[entry.Key] = new StoredRow(entry.Version, entry.IsTombstone ? ticks : null, expiry, Rows.LiveBytes(entry), elsewhere);
    }

    /// <summary>Removes the key and all its rows.</summary>
    public void Remove(string key, Known ticket = default)
    {
        Uncount(key, ticket, keepsValueRow: false);
        Delete(Family.Entries, _key.Clear().Tail(key));
        _made[key] = null;
    }

    public void PutPending(Batch batch) => Put(Family.Pending, Rows.PendingKey(_key, batch.Last), Rows.Batch(_row, batch).Written);

    public void DeletePending(Batch batch) => Delete(Family.Pending, Rows.PendingKey(_key, batch.Last));

    public void PutLocal(Entry entry) => Put(Family.Local, _key.Clear().Tail(entry.Key), Rows.Entry(_row.Clear(), entry, 0).Written);

    public void DeleteLocal(string key) => Delete(Family.Local, _key.Clear().Tail(key));

    public void PutMeta(ReadOnlySpan<byte> name, ReadOnlySpan<byte> row)
    {
        _engine.Put(_batch, Family.Meta, name, row);
        Bytes += name.Length + row.Length;
    }

    public void Write()
    {
        PutChanges();
        _engine.Write(_batch);
    }

    public void Dispose() => _batch.Dispose();

    // In their own order: a page of a sync comes in the order of the keys, so each row would be searched for from the top.
    private void PutChanges()
    {
        long[] sequences = new long[_made.Count];
        string[] keys = new string[_made.Count];
        int count = 0;
        foreach ((string key, StoredRow? header) in _made)
        {
            if (header is { } made)
            {
                (sequences[count], keys[count++]) = (made.Version.Sequence, key);
            }
        }

        Array.Sort(sequences, keys, 0, count);
        for (int i = 0; i < count; i++)
        {
            Put(Family.Changes, Rows.ChangeKey(_key, sequences[i], keys[i]), []);
        }
    }

    private void Uncount(string key, Known known, bool keepsValueRow)
    {
        if (OldOf(key, known) is not { } old)
        {
            return;
        }

        Delete(Family.Changes, Rows.ChangeKey(_key, old.Version.Sequence, key));
        if (old.TombstoneTicks is { } ticks)
        {
            Delete(Family.Tombstones, Rows.TombstoneKey(_key, ticks, old.Version.Sequence, key));
        }
        else
        {
            Count(key, -1, old.LiveBytes);
        }

        if (old.HasValueElsewhere && !keepsValueRow)
        {
            Delete(Family.Values, _key.Clear().Tail(key));
        }

        if (old.ExpiryTicks is { } expiry)
        {
            Delete(Family.Expiries, Rows.ExpiryKey(_key, expiry, key));
        }
    }

    private void Count(string key, int by, long bytes)
    {
        if (InternalKeys.Is(key))
        {
            Memories += InternalKeys.IsMemory(key) ? by : 0;
            return;
        }

        Entries += by;
        LiveBytes += by * bytes;
    }

    private StoredRow? OldOf(string key, Known known)
    {
        if (_made.TryGetValue(key, out StoredRow? made))
        {
            return made;
        }

        if (known.IsKnown)
        {
            return known.Header;
        }

        byte[] bytes = Rows.Key(key);
        return _engine.Get<StoredRow?>(Family.Entries, bytes, row => Rows.ReadStored(bytes.Length, row));
    }

    private void Put(Family family, RowWriter key, ReadOnlySpan<byte> row)
    {
        _engine.Put(_batch, family, key.Written, row);
        Bytes += key.Written.Length + row.Length;
    }

    private void Delete(Family family, RowWriter key)
    {
        _engine.Delete(_batch, family, key.Written);
        Bytes += key.Written.Length;
    }
}

/// <summary>What a caller has already read of a key: nothing, that there is no entry, or its header.</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct Known(bool IsKnown, StoredRow? Header)
{
    public static Known Nothing => new(true, null);

    public static Known Entry(StoredRow header) => new(true, header);
}
