using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using RocksDbSharp;

namespace Diststore.Storage;

/// <content>The reads.</content>
public sealed partial class RocksStore
{
    private const int MaxBlockingReads = 8; // at once; more wait, none of them on a caller's thread

    private readonly TaskScheduler _offload = new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, MaxBlockingReads).ConcurrentScheduler;

    /// <inheritdoc/>
    public ValueTask<Entry?> ReadAsync(string key) =>
        _cache.TryGet(key, out Entry? entry) ? new ValueTask<Entry?>(entry) : ReadEngineAsync(Family.Entries, key);

    /// <inheritdoc/>
    public ValueTask<Entry?> ReadLocalAsync(string key) =>
        State.LocalEntries == 0 ? default : ReadEngineAsync(Family.Local, key);

    /// <inheritdoc/>
    public ValueTask<LocalKeysPage> ScanLocalAsync(string? after, int maxBytes) => OffloadAsync(() =>
    {
        var keys = new List<string>();
        long bytes = 0;
        byte[]? first = after is null ? null : Rows.Key(after);
        using Rowset rows = _engine.Scan(Family.Local, null, fillCache: true);
        for (rows.Seek(first ?? []); rows.IsValid; rows.Next())
        {
            if (first is not null && rows.Key.SequenceEqual(first))
            {
                continue;
            }

            if (bytes >= maxBytes)
            {
                return new LocalKeysPage(keys, More: true);
            }

            keys.Add(Rows.Text(rows.Key));
            bytes += 2 * keys[^1].Length;
        }

        return new LocalKeysPage(keys, More: false);
    });

    /// <inheritdoc/>
    public async ValueTask<ManyEntries> ReadManyAsync(IReadOnlyList<string> keys, long maxBytes)
    {
        var entries = new List<Entry?>();
        long bytes = 0;
        for (int i = 0; i < keys.Count && (i == 0 || bytes < maxBytes); i++)
        {
            entries.Add(await ReadAsync(keys[i]));
            bytes += entries[^1]?.SizeBytes ?? 0;
        }

        return new ManyEntries(entries);
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<EntryHead?>> ReadHeadsAsync(IReadOnlyList<string> keys)
    {
        var heads = new List<EntryHead?>();
        foreach (string key in keys)
        {
            heads.Add(await ReadAsync(key) is { } entry ? EntryHead.Of(entry) : null);
        }

        return heads;
    }

    /// <inheritdoc/>
    public async ValueTask<HeadPage> ScanHeadsAsync(HeadScan scan)
    {
        KeyPage page = await ScanAsync(new KeyScan(scan.Prefix, scan.After, scan.MaxKeys, scan.MaxBytes, Tombstones: false));
        return new HeadPage([.. page.Entries.Select(EntryHead.Of)], page.More ? page.Entries[^1].Key : null, page.Applied);
    }

    /// <inheritdoc/>
    public ValueTask<KeyPage> ScanAsync(KeyScan scan)
    {
        ArgumentNullException.ThrowIfNull(scan);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scan.MaxKeys);
        return OffloadAsync(() => Scan(scan));
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<EntryHead>> ReadExpiredAsync(DateTimeOffset now, int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return OffloadAsync<IReadOnlyList<EntryHead>>(() => ReadExpired(now, limit));
    }

    /// <inheritdoc/>
    public ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes)
    {
        // Who follows closely asks most often when there is nothing new.
        StoreState state = State;
        return since >= state.Applied.Sequence
            ? new ValueTask<ChangePage>(new ChangePage([], state.Applied.Sequence, true, state.Applied, state.Epochs, state.Floor))
            : OffloadAsync(() => ReadChanges(since, maxBytes));
    }

    private KeyPage Scan(KeyScan scan)
    {
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>();
        byte[] prefix = Rows.Key(scan.Prefix);
        byte[]? after = scan.After is null ? null : Rows.Key(scan.After);
        long bytes = 0;
        bool more = false;
        using Snapshot snapshot = _engine.Snapshot();
        StoreState state = StateOf(snapshot);

        // One key at a time may be wanted again; a whole walk would only drive out what is.
        using Rowset rows = _engine.Scan(Family.Entries, snapshot, fillCache: false);
        bool goesOn = after is not null && after.AsSpan().SequenceCompareTo(prefix) >= 0;
        for (rows.Seek(goesOn ? after : prefix); rows.IsValid && rows.Key.StartsWith(prefix); rows.Next())
        {
            if (goesOn && rows.Key.SequenceEqual(after))
            {
                continue;
            }

            if (!scan.Tombstones && Rows.ReadHeader(rows.Key.Length, rows.Row).TombstoneTicks is not null)
            {
                continue;
            }

            // Only now is it known that something follows the page.
            more = entries.Count >= scan.MaxKeys || (entries.Count > 0 && bytes >= scan.MaxBytes);
            if (more)
            {
                break;
            }

            Entry entry = Rows.ReadEntry(Rows.Text(rows.Key), rows.Row);
            entries.Add(entry);
            bytes += entry.SizeBytes;
        }

        return new KeyPage(entries.DrainToImmutable(), more, state.Applied, state.Floor);
    }

    private ChangePage ReadChanges(long since, int maxBytes)
    {
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>();
        long bytes = 0;
        bool more = false;
        using Snapshot snapshot = _engine.Snapshot();
        StoreState state = StateOf(snapshot);
        ReadOptions options = new ReadOptions().SetVerifyChecksums(true).SetFillCache(false).SetSnapshot(snapshot);
        EpochHistory epochs = _engine.Get(Family.Meta, MetaRows.Epochs, MetaRows.ReadEpochs, options) ?? EpochHistory.Empty;

        // Rows beyond the applied point were pulled by a sync that has not ended.
        long end = state.Applied.Sequence;
        using Rowset rows = _engine.Scan(Family.Changes, snapshot, fillCache: false);
        for (rows.Seek(new RowWriter().Long(since < 0 ? 0 : since + 1).Written); since < end && rows.IsValid; rows.Next())
        {
            var row = new RowReader(rows.Key);
            if (row.Long() > end)
            {
                break;
            }

            more = entries.Count > 0 && bytes >= maxBytes;
            if (more)
            {
                break;
            }

            string key = Rows.Text(row.Rest);
            Entry entry = _engine.Get(Family.Entries, row.Rest, value => Rows.ReadEntry(key, value), options)
                ?? throw _engine.Fail("reading changes", $"the change index names '{key}', which has no entry", isDamage: true);
            entries.Add(entry);
            bytes += entry.SizeBytes;
        }

        long upto = more ? entries[^1].Version.Sequence : end;
        return new ChangePage(entries.DrainToImmutable(), upto, !more, state.Applied, epochs, state.Floor);
    }

    private List<EntryHead> ReadExpired(DateTimeOffset now, int limit)
    {
        var entries = new List<EntryHead>();
        using Snapshot snapshot = _engine.Snapshot();
        ReadOptions options = new ReadOptions().SetVerifyChecksums(true).SetFillCache(false).SetSnapshot(snapshot);
        using Rowset rows = _engine.Scan(Family.Expiries, snapshot, fillCache: false);
        for (rows.Seek([]); entries.Count < limit && rows.IsValid; rows.Next())
        {
            var row = new RowReader(rows.Key);
            if (row.Long() > now.UtcTicks)
            {
                break;
            }

            string key = Rows.Text(row.Rest);
            entries.Add(_engine.Get(Family.Entries, row.Rest, value => EntryHead.Of(Rows.ReadEntry(key, value)), options)
                ?? throw _engine.Fail("reading what expired", $"the expiry index names '{key}', which has no entry", isDamage: true));
        }

        return entries;
    }

    // The state is read from the snapshot like all else, so a page and its point are from one moment.
    private StoreState StateOf(Snapshot snapshot)
    {
        ReadOptions options = new ReadOptions().SetVerifyChecksums(true).SetSnapshot(snapshot);
        return _engine.Get(Family.Meta, MetaRows.Point, static row => MetaRows.ReadPoint(row), options) ?? StoreState.Empty;
    }

    private ValueTask<Entry?> ReadEngineAsync(Family family, string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        byte[] rented = ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetMaxByteCount(key.Length));
        try
        {
            _engine.Enter();
            try
            {
                int ticket = _cache.Ticket(key);
                ReadOnlySpan<byte> bytes = rented.AsSpan(0, Encoding.UTF8.GetBytes(key, rented));
                return _engine.TryGetFromMemory(family, bytes, row => Rows.ReadEntry(key, row), out Entry? entry)
                    ? new ValueTask<Entry?>(Kept(family, entry, ticket))
                    : OffloadAsync(() => ReadDisk(family, key));
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
        finally
        {
            ArrayPool<byte>.Shared.Return(rented);
        }
    }

    private Entry? ReadDisk(Family family, string key)
    {
        int ticket = _cache.Ticket(key);
        return Kept(family, _engine.Get(family, Rows.Key(key), row => Rows.ReadEntry(key, row)), ticket);
    }

    private Entry? Kept(Family family, Entry? entry, int ticket)
    {
        if (entry is not null && family == Family.Entries)
        {
            _cache.Offer(entry, ticket);
        }

        return entry;
    }

    private ValueTask<T> OffloadAsync<T>(Func<T> read) => new(Task.Factory.StartNew(
        () =>
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
        },
        CancellationToken.None,
        TaskCreationOptions.DenyChildAttach,
        _offload));
}
