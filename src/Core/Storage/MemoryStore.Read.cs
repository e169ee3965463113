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
    public ValueTask<IReadOnlyList<string>> ListLocalAsync()
    {
        string[] keys = [.. _local.Select(static pair => pair.Key)];
        Array.Sort(keys, KeyOrder.Instance);
        return new ValueTask<IReadOnlyList<string>>(keys);
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
            foreach (string key in KeysToScan(scan))
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
    public ValueTask<ChangePage> ReadChangesAsync(long since, int maxBytes)
    {
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>();
        long bytes = 0;
        bool more = false;
        lock (_gate)
        {
            // Rows beyond the applied point were pulled by a sync that has not ended.
            long end = _state.Applied.Sequence;
            if (since < end)
            {
                // Keys are never empty, so the bounds include no row of `since` itself and all rows of `end`.
                SortedSet<Change> rows = _changes.GetViewBetween(new Change(since + 1, ""), new Change(end + 1, ""));
                foreach (Change row in rows)
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
            }

            long upto = more ? entries[^1].Version.Sequence : end;
            return new ValueTask<ChangePage>(
                new ChangePage(entries.DrainToImmutable(), upto, !more, _state.Applied, _state.Epochs, _state.Floor));
        }
    }

    private IEnumerable<string> KeysToScan(KeyScan scan)
    {
        bool goesOn = scan.After is not null && KeyOrder.Instance.Compare(scan.After, scan.Prefix) >= 0;
        return goesOn ? KeysFrom(scan.After, null).Where(key => key != scan.After) : KeysFrom(scan.Prefix, null);
    }

    // Both ends are included, null leaves an end open. Costs the depth of the tree, not the set.
    private SortedSet<string> KeysFrom(string? lower, string? upper)
    {
        if (_keys.Count == 0)
        {
            return _keys;
        }

        lower ??= _keys.Min!;
        upper ??= _keys.Max!;
        return KeyOrder.Instance.Compare(lower, upper) > 0 ? [] : _keys.GetViewBetween(lower, upper);
    }
}
