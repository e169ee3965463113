using System.Collections.Immutable;
using RocksDbSharp;

namespace Diststore.Storage;

/// <content>
/// The reads of many rows in order. What masters and followers wait for (pages of a sync, changes) has one lane, what users
/// and housekeeping ask for (listings, what expired, backups) another.
/// </content>
public sealed partial class RocksStore
{
    private const int PageThreads = 2;
    private const int WalkThreads = 2;
    private const int MaxScanBytes = 4 << 20; // of rows read for one page, where long values lie in them: local-only ones, and older formats
    private const int MaxCollectedAtOnce = 512; // tombstones of one write operation
    private const int MaxAgedAtOnce = 8192; // rows that one step of a collecting looks at

    private readonly ReadLane _pages;
    private readonly ReadLane _walks;
    private readonly Lock _sweeping = new(); // one reader of the expiry index at a time
    private readonly ExpiryFloor _expiries = new();

    /// <inheritdoc/>
    public ValueTask<LocalKeysPage> ScanLocalAsync(string? after, string? upto, int maxBytes) => OnAsync(_walks, () =>
    {
        var keys = new List<string>();
        byte[]? end = upto is null ? null : Rows.Key(upto);
        long bytes = 0;
        long read = 0;
        using Rowset rows = _engine.Scan(Family.Local, null, fillCache: false);
        for (SeekPast(rows, after); rows.IsValid && (end is null || rows.Key.SequenceCompareTo(end) <= 0); rows.Next())
        {
            if (bytes >= maxBytes || read >= MaxScanBytes)
            {
                return new LocalKeysPage(keys, More: true);
            }

            keys.Add(Rows.Text(rows.Key));
            bytes += 2 * keys[^1].Length;
            read += rows.Row.Length;
        }

        return new LocalKeysPage(keys, More: false);
    });

    /// <inheritdoc/>
    public ValueTask<KeyPage> ScanAsync(KeyScan scan)
    {
        ArgumentNullException.ThrowIfNull(scan);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scan.MaxKeys);
        return OnAsync(_pages, () => Scan(scan));
    }

    /// <inheritdoc/>
    public ValueTask<HeadPage> ScanHeadsAsync(HeadScan scan)
    {
        ArgumentNullException.ThrowIfNull(scan);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scan.MaxKeys);
        return OnAsync(_walks, () => ScanHeads(scan));
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<EntryHead>> ReadExpiredAsync(DateTimeOffset now, int limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return OnAsync<IReadOnlyList<EntryHead>>(_walks, () =>
        {
            lock (_sweeping)
            {
                return ReadExpired(now, limit);
            }
        });
    }

    /// <inheritdoc/>
    public ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes)
    {
        // Who follows closely asks most often when there is nothing new.
        StoreState state = State;
        return since >= state.Applied.Sequence
            ? new ValueTask<ChangePage>(
                new ChangePage([], state.Applied.Sequence, true, state.Applied, state.Epochs, state.Floor, state.VoidUpto))
            : OnAsync(_pages, () => ReadChanges(since, maxBytes));
    }

    /// <inheritdoc/>
    public ValueTask<ChangeIndexPage> ReadChangeIndexAsync(long since, int maxRows)
    {
        StoreState state = State;
        return since >= state.Applied.Sequence
            ? new ValueTask<ChangeIndexPage>(new ChangeIndexPage([], state.Applied.Sequence, true, state.Applied, state.Epochs, state.Floor))
            : OnAsync(_pages, () => ReadChangeIndex(since, maxRows));
    }

    /// <inheritdoc/>
    /// <remarks>They are looked for on a reading thread; the writer only removes what still is there, a few at a time.</remarks>
    public async ValueTask<bool> CollectTombstonesAsync(DateTimeOffset orderedBefore, long keepFrom)
    {
        (List<AgedTombstone> found, byte[]? next) = await OnAsync(_walks, () => ReadTombstones(_collectAt, orderedBefore, keepFrom));
        if (found.Count > 0)
        {
            await _loop.RunAsync(Answer.Written, writer => writer.ForgetTombstones(found, keepFrom));
        }

        _collectAt = next;
        return next is not null;
    }

    /// <inheritdoc/>
    /// <remarks>They are looked for on a reading thread, in the change index; the writer only removes what still is there.</remarks>
    public async ValueTask<bool> RemoveVoidAsync()
    {
        long syncs = _writer.Syncs; // before the state
        StoreState state = State;
        if (!state.HasVoid)
        {
            return false;
        }

        // Where nothing is remembered nothing has to be looked at.
        long end = state.RemovesVoidUpTo;
        (List<VoidRow> found, long upto) = state.Memories == 0 ? ([], end) : await OnAsync(_walks, () => ReadVoid(state.VoidRemoved, end));
        bool isDone = await _loop.RunAsync(Answer.Written, writer => writer.RemoveVoid(found, upto, syncs));
        return !isDone || upto < end;
    }

    private static void SeekPast(Rowset rows, string? after, ReadOnlySpan<byte> first = default)
    {
        byte[]? past = after is null ? null : Rows.Key(after);
        bool goesOn = past is not null && past.AsSpan().SequenceCompareTo(first) >= 0;
        rows.Seek(goesOn ? past : first);
        if (goesOn && rows.IsValid && rows.Key.SequenceEqual(past))
        {
            rows.Next();
        }
    }

    private static ReadOptions Within(Snapshot snapshot) => new ReadOptions().SetVerifyChecksums(true).SetFillCache(false).SetSnapshot(snapshot);

    private KeyPage Scan(KeyScan scan)
    {
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>();
        byte[] prefix = Rows.Key(scan.Prefix);
        long bytes = 0;
        bool more = false;
        using Snapshot snapshot = _engine.Snapshot();
        StoreState state = StateOf(snapshot);
        ReadOptions options = Within(snapshot);

        // One key at a time may be wanted again; a whole walk would only drive out what is.
        using Rowset rows = _engine.Scan(Family.Entries, snapshot, fillCache: false);
        for (SeekPast(rows, scan.After, prefix); rows.IsValid && rows.Key.StartsWith(prefix); rows.Next())
        {
            if (!scan.Tombstones && Rows.IsTombstone(rows.Row))
            {
                continue;
            }

            // Only now is it known that something follows the page.
            more = entries.Count >= scan.MaxKeys || (entries.Count > 0 && bytes >= scan.MaxBytes);
            if (more)
            {
                break;
            }

            Entry entry = _entries.Read(Rows.Text(rows.Key), rows.Key, rows.Row, options);
            entries.Add(entry);
            bytes += entry.SizeBytes;
        }

        return new KeyPage(entries.DrainToImmutable(), more, state.Applied, state.Floor);
    }

    private HeadPage ScanHeads(HeadScan scan)
    {
        ImmutableArray<EntryHead>.Builder heads = ImmutableArray.CreateBuilder<EntryHead>();
        byte[] prefix = Rows.Key(scan.Prefix);
        byte[] begin = Rows.Key(scan.First);
        string? scanned = null;
        long shown = 0;
        long read = 0;
        int count = 0;
        using Snapshot snapshot = _engine.Snapshot();
        StoreState state = StateOf(snapshot);
        using Rowset rows = _engine.Scan(Family.Entries, snapshot, fillCache: false);
        for (SeekPast(rows, scan.After, begin); rows.IsValid && rows.Key.StartsWith(prefix) && rows.Key[0] != 0; rows.Next())
        {
            bool isFull = heads.Count >= scan.MaxKeys || (heads.Count > 0 && shown >= scan.MaxBytes);
            if (isFull || count >= HeadScan.MaxRows || read >= MaxScanBytes)
            {
                return new HeadPage(heads.DrainToImmutable(), scanned, state.Applied);
            }

            count++;
            scanned = Rows.Text(rows.Key);
            read += rows.Key.Length + rows.Row.Length;
            EntryHead head = Rows.ReadHead(scanned, rows.Row);
            if (!head.IsTombstone && !(scan.NotExpiredAt is { } now && head.HasExpired(now)))
            {
                heads.Add(head);
                shown += head.SizeBytes;
            }
        }

        return new HeadPage(heads.DrainToImmutable(), null, state.Applied);
    }

    private ChangePage ReadChanges(long since, int maxBytes)
    {
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>();
        long bytes = 0;
        bool more = false;
        using Snapshot snapshot = _engine.Snapshot();
        StoreState state = StateOf(snapshot);
        ReadOptions options = Within(snapshot);
        EpochHistory epochs = EpochsOf(options);

        // Rows beyond the applied point were pulled by a sync that has not ended.
        long end = state.Applied.Sequence;
        using Rowset rows = _engine.Scan(Family.Changes, snapshot, fillCache: false);
        for (SeekChange(rows, since); since < end && rows.IsValid; rows.Next())
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
            Entry entry = _entries.Read(key, row.Rest, options)
                ?? throw _engine.Fail("reading changes", $"the change index names '{key}', which has no entry", isDamage: true);
            entries.Add(entry);
            bytes += entry.SizeBytes;
        }

        long upto = more ? entries[^1].Version.Sequence : end;
        return new ChangePage(entries.DrainToImmutable(), upto, !more, state.Applied, epochs, state.Floor, state.VoidUpto);
    }

    private ChangeIndexPage ReadChangeIndex(long since, int maxRows)
    {
        ImmutableArray<IndexedChange>.Builder found = ImmutableArray.CreateBuilder<IndexedChange>();
        long bytes = 0;
        bool more = false;
        using Snapshot snapshot = _engine.Snapshot();
        StoreState state = StateOf(snapshot);
        EpochHistory epochs = EpochsOf(Within(snapshot));
        long end = state.Applied.Sequence;
        using Rowset rows = _engine.Scan(Family.Changes, snapshot, fillCache: false);
        for (SeekChange(rows, since); since < end && rows.IsValid; rows.Next())
        {
            var row = new RowReader(rows.Key);
            long sequence = row.Long();
            if (sequence > end)
            {
                break;
            }

            more = found.Count >= maxRows || bytes >= ChangeIndexPage.MaxBytes;
            if (more)
            {
                break;
            }

            found.Add(new IndexedChange(sequence, Rows.Text(row.Rest)));
            bytes += sizeof(char) * found[^1].Key.Length;
        }

        long upto = more ? found[^1].Sequence : end;
        return new ChangeIndexPage(found.DrainToImmutable(), upto, !more, state.Applied, epochs, state.Floor);
    }

    private static void SeekChange(Rowset rows, long since) => rows.Seek(new RowWriter().Long(since < 0 ? 0 : since + 1).Written);

    private EpochHistory EpochsOf(ReadOptions options) =>
        _engine.Get(Family.Meta, MetaRows.Epochs, MetaRows.ReadEpochs, options) ?? EpochHistory.Empty;

    private List<EntryHead> ReadExpired(DateTimeOffset now, int limit)
    {
        var heads = new List<EntryHead>();
        long first = long.MaxValue;
        long from = _expiries.Begin();
        using Snapshot snapshot = _engine.Snapshot();
        ReadOptions options = Within(snapshot);
        using Rowset rows = _engine.Scan(Family.Expiries, snapshot, fillCache: false);
        for (rows.Seek(new RowWriter().Long(Math.Max(from, 0)).Written); heads.Count < limit && rows.IsValid; rows.Next())
        {
            var row = new RowReader(rows.Key);
            long at = row.Long();
            first = Math.Min(first, at);
            if (at > now.UtcTicks)
            {
                break;
            }

            string key = Rows.Text(row.Rest);
            heads.Add(_engine.Get(Family.Entries, row.Rest, value => Rows.ReadHead(key, value), options)
                ?? throw _engine.Fail("reading what expired", $"the expiry index names '{key}', which has no entry", isDamage: true));
        }

        _expiries.Raise(first);
        return heads;
    }

    // The oldest tombstones from there on, and where to go on if there are more to look at.
    private (List<AgedTombstone> Found, byte[]? Next) ReadTombstones(byte[]? from, DateTimeOffset orderedBefore, long keepFrom)
    {
        var found = new List<AgedTombstone>();
        int count = 0;
        using Rowset rows = _engine.Scan(Family.Tombstones, null, fillCache: false);
        for (rows.Seek(from ?? []); rows.IsValid; rows.Next())
        {
            if (found.Count >= MaxCollectedAtOnce || count >= MaxAgedAtOnce)
            {
                return (found, rows.Key.ToArray());
            }

            count++;
            var key = new RowReader(rows.Key);
            long ticks = key.Long();
            if (ticks >= orderedBefore.UtcTicks)
            {
                break;
            }

            long sequence = key.Long();
            if (sequence < keepFrom)
            {
                found.Add(new AgedTombstone(ticks, sequence, Rows.Text(key.Rest)));
            }
        }

        return (found, null);
    }

    // The rows that remember requests, of those ordered after one sequence and up to another, and up to where these are all.
    private (List<VoidRow> Found, long Upto) ReadVoid(long after, long end)
    {
        var found = new List<VoidRow>();
        int count = 0;
        long last = after;
        using Rowset rows = _engine.Scan(Family.Changes, null, fillCache: false);
        for (rows.Seek(new RowWriter().Long(after + 1).Written); rows.IsValid; rows.Next())
        {
            var row = new RowReader(rows.Key);
            long sequence = row.Long();
            if (sequence > end)
            {
                break;
            }

            if (sequence > last && (found.Count >= MaxCollectedAtOnce || count >= MaxAgedAtOnce))
            {
                return (found, last);
            }

            count++;
            last = sequence;
            if (row.Rest[0] == 0 && Rows.Text(row.Rest) is var key && InternalKeys.IsMemory(key))
            {
                found.Add(new VoidRow(sequence, key));
            }
        }

        return (found, end);
    }

    // The state is read from the snapshot like all else, so a page and its point are from one moment.
    private StoreState StateOf(Snapshot snapshot)
    {
        ReadOptions options = new ReadOptions().SetVerifyChecksums(true).SetSnapshot(snapshot);
        return _engine.Get(Family.Meta, MetaRows.Point, static row => MetaRows.ReadPoint(row), options) ?? StoreState.Empty;
    }
}
