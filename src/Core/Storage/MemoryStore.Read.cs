using System.Collections.Immutable;

namespace Diststore.Core;

/// <content>The reads.</content>
public sealed partial class MemoryStore
{
    /// <inheritdoc/>
    public ValueTask<Entry?> ReadAsync(string key) => new(_entries.GetValueOrDefault(key));

    /// <inheritdoc/>
    public ValueTask<Entry?> ReadLocalAsync(string key) => new(_local.GetValueOrDefault(key));

    /// <inheritdoc/>
    public ValueTask<LocalKeysPage> ScanLocalAsync(string? after, string? upto, int maxBytes)
    {
        var keys = new List<string>();
        long bytes = 0;
        lock (_gate)
        {
            foreach (string key in KeysFrom(_localKeys, after, upto).Where(key => key != after))
            {
                if (bytes >= maxBytes)
                {
                    return new ValueTask<LocalKeysPage>(new LocalKeysPage(keys, More: true));
                }

                keys.Add(key);
                bytes += 2 * key.Length;
            }
        }

        return new ValueTask<LocalKeysPage>(new LocalKeysPage(keys, More: false));
    }

    /// <inheritdoc/>
    public ValueTask<ManyEntries> ReadManyAsync(IReadOnlyList<string> keys, long maxBytes)
    {
        ArgumentNullException.ThrowIfNull(keys);
        var entries = new List<Entry?>(keys.Count);
        long bytes = 0;
        foreach (string key in keys)
        {
            Entry? entry = _entries.GetValueOrDefault(key);
            bytes += entry?.SizeBytes ?? 0;
            if (entries.Count > 0 && bytes > maxBytes)
            {
                break;
            }

            entries.Add(entry);
        }

        return new ValueTask<ManyEntries>(new ManyEntries(entries));
    }

    /// <inheritdoc/>
    public ValueTask<ManyEntries> ReadSnapshotAsync(IReadOnlyList<string> keys, long maxBytes)
    {
        lock (_gate)
        {
            return ReadManyAsync(keys, maxBytes);
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<EntryHead?>> ReadHeadsAsync(IReadOnlyList<string> keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return new ValueTask<IReadOnlyList<EntryHead?>>(
            [.. keys.Select(key => _entries.GetValueOrDefault(key) is { } entry ? EntryHead.Of(entry) : null)]);
    }

    /// <inheritdoc/>
    public ValueTask<KeyPage> ScanAsync(KeyScan scan)
    {
        ArgumentNullException.ThrowIfNull(scan);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scan.MaxKeys);
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>();
        long bytes = 0;
        bool more = false;
        lock (_gate)
        {
            foreach (string key in KeysToScan(scan.Prefix, scan.After))
            {
                if (!key.StartsWith(scan.Prefix, StringComparison.Ordinal))
                {
                    break;
                }

                Entry entry = _entries[key];
                if (entry.IsTombstone && !scan.Tombstones)
                {
                    continue;
                }

                // Only now is it known that something follows the page.
                more = entries.Count >= scan.MaxKeys || (entries.Count > 0 && bytes >= scan.MaxBytes);
                if (more)
                {
                    break;
                }

                entries.Add(entry);
                bytes += entry.SizeBytes;
            }

            return new ValueTask<KeyPage>(new KeyPage(entries.DrainToImmutable(), more, _state.Applied, _state.Floor));
        }
    }

    /// <inheritdoc/>
    public ValueTask<HeadPage> ScanHeadsAsync(HeadScan scan)
    {
        ArgumentNullException.ThrowIfNull(scan);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scan.MaxKeys);
        ImmutableArray<EntryHead>.Builder heads = ImmutableArray.CreateBuilder<EntryHead>();
        string? scanned = null;
        long bytes = 0;
        int rows = 0;
        lock (_gate)
        {
            foreach (string key in KeysToScan(scan.First, scan.After))
            {
                if (InternalKeys.Is(key) || !key.StartsWith(scan.Prefix, StringComparison.Ordinal))
                {
                    break;
                }

                if (heads.Count >= scan.MaxKeys || rows >= HeadScan.MaxRows || (heads.Count > 0 && bytes >= scan.MaxBytes))
                {
                    return new ValueTask<HeadPage>(new HeadPage(heads.DrainToImmutable(), scanned, _state.Applied));
                }

                rows++;
                scanned = key;
                Entry entry = _entries[key];
                if (!entry.IsTombstone && !(scan.NotExpiredAt is { } now && entry.HasExpired(now)))
                {
                    heads.Add(EntryHead.Of(entry));
                    bytes += heads[^1].SizeBytes;
                }
            }

            return new ValueTask<HeadPage>(new HeadPage(heads.DrainToImmutable(), null, _state.Applied));
        }
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<EntryHead>> ReadExpiredAsync(DateTimeOffset now, int limit)
    {
        lock (_gate)
        {
            return new ValueTask<IReadOnlyList<EntryHead>>(
                [.. _expiries.TakeWhile(expiry => expiry.At <= now).Take(limit).Select(expiry => EntryHead.Of(_entries[expiry.Key]))]);
        }
    }

    /// <inheritdoc/>
    public ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes)
    {
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>();
        long bytes = 0;
        bool more = false;
        lock (_gate)
        {
            foreach (Change row in ChangesAfter(since))
            {
                more = entries.Count > 0 && bytes >= maxBytes;
                if (more)
                {
                    break;
                }

                Entry entry = _entries[row.Key];
                entries.Add(entry);
                bytes += entry.SizeBytes;
            }

            long upto = more ? entries[^1].Version.Sequence : _state.Applied.Sequence;
            return new ValueTask<ChangePage>(
                new ChangePage(entries.DrainToImmutable(), upto, !more, _state.Applied, _state.Epochs, _state.Floor, _state.VoidUpto));
        }
    }

    /// <inheritdoc/>
    public ValueTask<ChangeIndexPage> ReadChangeIndexAsync(long since, int maxRows)
    {
        ImmutableArray<IndexedChange>.Builder found = ImmutableArray.CreateBuilder<IndexedChange>();
        long bytes = 0;
        bool more = false;
        lock (_gate)
        {
            foreach (Change row in ChangesAfter(since))
            {
                more = found.Count >= maxRows || bytes >= ChangeIndexPage.MaxBytes;
                if (more)
                {
                    break;
                }

                found.Add(new IndexedChange(row.Sequence, row.Key));
                bytes += sizeof(char) * row.Key.Length;
            }

            long upto = more ? found[^1].Sequence : _state.Applied.Sequence;
            return new ValueTask<ChangeIndexPage>(
                new ChangeIndexPage(found.DrainToImmutable(), upto, !more, _state.Applied, _state.Epochs, _state.Floor));
        }
    }

    // Under the gate. Rows beyond the applied point were pulled by a sync that has not ended. Keys are never empty, so the bounds include
    // no row of `since` itself and all rows of the last.
    private SortedSet<Change> ChangesAfter(long since) =>
        since < _state.Applied.Sequence ? _changes.GetViewBetween(new Change(since + 1, ""), new Change(_state.Applied.Sequence + 1, "")) : [];

    private IEnumerable<string> KeysToScan(string prefix, string? after)
    {
        bool goesOn = after is not null && KeyOrder.Instance.Compare(after, prefix) >= 0;
        return goesOn ? KeysFrom(_keys, after, null).Where(key => key != after) : KeysFrom(_keys, prefix, null);
    }

    // Both ends are included, null leaves an end open. Costs the depth of the tree, not the set.
    private static SortedSet<string> KeysFrom(SortedSet<string> keys, string? lower, string? upper)
    {
        if (keys.Count == 0)
        {
            return keys;
        }

        lower ??= keys.Min!;
        upper ??= keys.Max!;
        return KeyOrder.Instance.Compare(lower, upper) > 0 ? [] : keys.GetViewBetween(lower, upper);
    }
}
