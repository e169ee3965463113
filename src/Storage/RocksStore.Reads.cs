using System.Buffers;
using System.Text;
using RocksDbSharp;

namespace Diststore.Storage;

/// <content>The reads of one key, and of many.</content>
public sealed partial class RocksStore
{
    // Reads of keys at once. The keys of one read of many are split into as many parts: a disk takes several questions at a time.
    private const int PointThreads = 4;

    private const int HeadThreads = 2;

    // A row with a value of up to Rows.MaxInlineBytes, or with none, is shorter.
    private const int MaxShortRowBytes = 4096;

    private readonly ReadLane _points;
    private readonly ReadLane _heads; // what a batch is judged by does not wait behind values of any size
    private readonly EntryRows _entries;

    /// <inheritdoc/>
    public ValueTask<Entry?> ReadAsync(string key) =>
        _cache.TryGet(key, out Entry? entry) ? new ValueTask<Entry?>(entry) : ReadEngineAsync(Family.Entries, key);

    /// <inheritdoc/>
    public ValueTask<Entry?> ReadLocalAsync(string key) =>
        State.LocalEntries == 0 ? default : ReadEngineAsync(Family.Local, key);

    /// <inheritdoc/>
    public ValueTask<ManyEntries> ReadManyAsync(IReadOnlyList<string> keys, long maxBytes)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var entries = new Entry?[keys.Count];
        long bytes = 0;
        for (int i = 0; i < entries.Length; i++)
        {
            if (!_cache.TryGet(keys[i], out entries[i]))
            {
                return ReadManyEngineAsync(keys, maxBytes);
            }

            bytes += entries[i]!.SizeBytes;
            if (bytes > maxBytes && i > 0)
            {
                return new ValueTask<ManyEntries>(new ManyEntries(entries[..i]));
            }
        }

        return new ValueTask<ManyEntries>(new ManyEntries(entries));
    }

    // Heads first: how large a value is, is known before it is read.
    private async ValueTask<ManyEntries> ReadManyEngineAsync(IReadOnlyList<string> keys, long maxBytes)
    {
        IReadOnlyList<EntryHead?> heads = await ReadHeadsAsync(keys);
        long bytes = 0;
        int count = heads.TakeWhile((head, i) => (bytes += head is null ? 0 : head.SizeBytes + head.ValueBytes) <= maxBytes || i == 0).Count();
        var entries = new Entry?[count];
        int[] onDisk = Entered(() => Indexes(count, i => heads[i] is not null && !TryReadMemory(Family.Entries, keys[i], out entries[i])));
        await SideBySideAsync(_points, PointThreads, onDisk, i => entries[i] = ReadDisk(Family.Entries, keys[i]));

        // Some may have grown since their heads were read.
        bytes = 0;
        return new ManyEntries([.. entries.TakeWhile((entry, i) => (bytes += entry?.SizeBytes ?? 0) <= maxBytes || i == 0)]);
    }

    /// <inheritdoc/>
    /// <remarks>Nothing of it is read where batches look for the heads that they are judged by.</remarks>
    public async ValueTask<ManyEntries> ReadSnapshotAsync(IReadOnlyList<string> keys, long maxBytes)
    {
        ArgumentNullException.ThrowIfNull(keys);

        // The snapshot is the engine's, which is not closed before this has ended.
        _engine.Enter();
        try
        {
            using Snapshot snapshot = _engine.Snapshot();
            ReadOptions options = new ReadOptions().SetVerifyChecksums(true).SetSnapshot(snapshot);
            var rows = new StoredEntry[keys.Count];
            await SideBySideAsync(
                _points,
                PointThreads,
                Indexes(keys.Count, static _ => true),
                i => rows[i] = _engine.Get(Family.Entries, Rows.Key(keys[i]), row => ReadShort(keys[i], row), options));

            // How large a long value is, is known before it is read.
            long bytes = 0;
            int count = rows.TakeWhile((row, i) => (bytes += SizeBytes(row)) <= maxBytes || i == 0).Count();
            Entry?[] entries = [.. rows.Take(count).Select(static row => row.Entry)];
            int[] apart = Indexes(count, i => rows[i].Head is { } head && !TryGetCached(head, out entries[i]));
            await SideBySideAsync(_points, PointThreads, apart, i => entries[i] = _entries.Read(keys[i], Rows.Key(keys[i]), options));
            return new ManyEntries(entries);
        }
        finally
        {
            _engine.Exit();
        }
    }

    // Rows of older formats have long values in them.
    private static StoredEntry ReadShort(string key, ReadOnlySpan<byte> row) =>
        row.Length <= MaxShortRowBytes ? Rows.Read(key, row) : new StoredEntry(null, Rows.ReadHead(key, row));

    private static long SizeBytes(StoredEntry row) => row.Entry?.SizeBytes ?? (row.Head is { } head ? head.SizeBytes + (long)head.ValueBytes : 0);

    // The cache shows no snapshot, but a version is the same entry wherever it is met.
    private bool TryGetCached(EntryHead head, out Entry? entry) => _cache.TryGet(head.Key, out entry) && entry.Version == head.Version;

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<EntryHead?>> ReadHeadsAsync(IReadOnlyList<string> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var heads = new EntryHead?[keys.Count];
        int[] onDisk = Entered(() => Indexes(keys.Count, i => !TryReadHeadMemory(keys[i], out heads[i])));
        await SideBySideAsync(_heads, HeadThreads, onDisk, i => heads[i] = _engine.Get(Family.Entries, Rows.Key(keys[i]), row => Rows.ReadHead(keys[i], row)));
        return heads;
    }

    private static int[] Indexes(int count, Func<int, bool> isWanted) => [.. Enumerable.Range(0, count).Where(isWanted)];

    private async ValueTask SideBySideAsync(ReadLane lane, int parts, int[] indexes, Action<int> read)
    {
        if (indexes.Length > 0)
        {
            await Task.WhenAll(indexes.Chunk((indexes.Length + parts - 1) / parts).Select(part => OnAsync(lane, () =>
            {
                Array.ForEach(part, read);
                return true;
            }).AsTask()));
        }
    }

    private ValueTask<Entry?> ReadEngineAsync(Family family, string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        try
        {
            _engine.Enter();
            try
            {
                return TryReadMemory(family, key, out Entry? entry)
                    ? new ValueTask<Entry?>(entry)
                    : OnAsync(_points, () => ReadDisk(family, key));
            }
            finally
            {
                _engine.Exit();
            }
        }
        catch (Exception e) when (e is StoreFailedException or ObjectDisposedException)
        {
            return ValueTask.FromException<Entry?>(e);
        }
    }

    // On the caller's thread; false when it takes the disk to say.
    private bool TryReadMemory(Family family, string key, out Entry? entry)
    {
        if (family == Family.Entries && _cache.TryGet(key, out entry))
        {
            return true;
        }

        byte[] rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(key.Length));
        try
        {
            int ticket = _cache.Ticket(key);
            ReadOnlySpan<byte> bytes = rented.AsSpan(0, Encoding.UTF8.GetBytes(key, rented));
            bool isKnown = family == Family.Entries
                ? _entries.TryReadFromMemory(key, bytes, out entry)
                : _engine.TryGetFromMemory(family, bytes, row => Rows.ReadEntry(key, row), out entry);
            entry = isKnown ? Kept(family, entry, ticket) : null;
            return isKnown;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private bool TryReadHeadMemory(string key, out EntryHead? head)
    {
        if (_cache.TryGet(key, out Entry? entry))
        {
            head = EntryHead.Of(entry);
            return true;
        }

        byte[] rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(key.Length));
        try
        {
            ReadOnlySpan<byte> bytes = rented.AsSpan(0, Encoding.UTF8.GetBytes(key, rented));
            return _engine.TryGetFromMemory(Family.Entries, bytes, row => Rows.ReadHead(key, row), out head);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private Entry? ReadDisk(Family family, string key)
    {
        int ticket = _cache.Ticket(key);
        byte[] bytes = Rows.Key(key);
        Entry? entry = family == Family.Entries ? _entries.Read(key, bytes) : _engine.Get(family, bytes, row => Rows.ReadEntry(key, row));
        return Kept(family, entry, ticket);
    }

    private Entry? Kept(Family family, Entry? entry, int ticket)
    {
        if (entry is not null && family == Family.Entries)
        {
            _cache.Offer(entry, ticket);
        }

        return entry;
    }

    private ValueTask<T> OnAsync<T>(ReadLane lane, Func<T> read) => new(lane.RunAsync(() => Entered(read)));

    private T Entered<T>(Func<T> read)
    {
        _engine.Enter();
        try
        {
            return read();
        }
        finally
        {
            _engine.Exit();
        }
    }
}
