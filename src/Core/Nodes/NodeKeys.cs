using System.Text;

namespace Diststore.Core;

/// <summary>
/// The keys that this node itself holds, page by page: what it shows of the replicated ones, as a master or as copies, and
/// the local-only ones, in one order. Where the node's role changes between two pages, the later one goes on with what the
/// node holds then. Any thread; a page's work is bounded.
/// </summary>
internal sealed class NodeKeys(NodeContext context, Partition partition, CopyReader copies)
{
    /// <summary>Bytes of one page: of its keys as UTF-8, and of what a message adds to each.</summary>
    public const int MaxPageBytes = 1 << 20;

    /// <summary>Keys of one page.</summary>
    public const int MaxPageKeys = 1 << 15;

    /// <summary>Pages that are made at once; who asks beyond them is told so at once, and asks again later.</summary>
    public const int MaxUnderWay = 8;

    // A message says with each key how long it is, and what it is.
    private const int FramingBytes = 8;

    // Keys looked at in a row, some 0.1 ms, before others get their turn on the scheduler that this runs on.
    private const int KeysPerTurn = 1024;

    private static readonly Comparer<string> LargestFirst = Comparer<string>.Create(static (x, y) => KeyOrder.Instance.Compare(y, x));

    private int _underWay; // any thread

    /// <summary>The keys after this one, from the first where it is <see langword="null"/>.</summary>
    public async Task<KeysResult> ReadAsync(string? after)
    {
        try
        {
            return Interlocked.Increment(ref _underWay) <= MaxUnderWay
                ? await ReadPageAsync(after)
                : new KeysResult(KeysOutcome.Busy, [], null, context.Settings.Name, $"this node makes {MaxUnderWay} pages of its keys already");
        }
        finally
        {
            Interlocked.Decrement(ref _underWay);
        }
    }

    /// <summary>
    /// Two slices in one order, each key once. The page ends where the first of them ends, for behind that the other says
    /// nothing of the whole; and where it is full.
    /// </summary>
    public static (string[] Keys, string? Next) Merge(KeySlice left, KeySlice right, int maxBytes = MaxPageBytes)
    {
        string? end = left.End is null ? right.End
            : right.End is null || KeyOrder.Instance.Compare(left.End, right.End) <= 0 ? left.End
            : right.End;
        var keys = new List<string>(Math.Min(left.Keys.Count + right.Keys.Count, MaxPageKeys));
        long bytes = 0;
        for (int l = 0, r = 0; l < left.Keys.Count || r < right.Keys.Count;)
        {
            int order = l == left.Keys.Count ? 1 : r == right.Keys.Count ? -1 : KeyOrder.Instance.Compare(left.Keys[l], right.Keys[r]);
            string key = order <= 0 ? left.Keys[l] : right.Keys[r];
            l += order <= 0 ? 1 : 0;
            r += order >= 0 ? 1 : 0;
            if (end is not null && KeyOrder.Instance.Compare(key, end) > 0)
            {
                break;
            }

            bytes += Cost(key);
            if (keys.Count > 0 && (bytes > maxBytes || keys.Count == MaxPageKeys))
            {
                return ([.. keys], keys[^1]);
            }

            keys.Add(key);
        }

        return ([.. keys], end);
    }

    /// <summary>
    /// The smallest of these keys that come after one, as many as a page takes. They come in no order, and may be millions: one
    /// walk that remembers no more of them than it gives.
    /// </summary>
    public static async Task<KeySlice> SmallestAsync(IEnumerable<string> keys, string? after)
    {
        var smallest = new PriorityQueue<string, string>(LargestFirst);
        long bytes = 0;
        bool more = false;
        int seen = 0;
        foreach (string key in keys)
        {
            if (++seen % KeysPerTurn == 0)
            {
                await Task.Yield();
            }

            // Once one did not fit, what comes after the largest that does is for the next page.
            if ((after is not null && KeyOrder.Instance.Compare(key, after) <= 0)
                || (more && KeyOrder.Instance.Compare(key, smallest.Peek()) > 0))
            {
                continue;
            }

            smallest.Enqueue(key, key);
            bytes += Cost(key);
            while (smallest.Count > 1 && (bytes > MaxPageBytes || smallest.Count > MaxPageKeys))
            {
                bytes -= Cost(smallest.Dequeue());
                more = true;
            }
        }

        string[] page = [.. smallest.UnorderedItems.Select(static item => item.Element).Order(KeyOrder.Instance)];
        return new KeySlice(page, more ? page[^1] : null);
    }

    private static int Cost(string key) => Encoding.UTF8.GetByteCount(key) + FramingBytes;

    private async Task<KeysResult> ReadPageAsync(string? after)
    {
        ServedState served = partition.Served;
        KeySlice shown = served.IsFromStore ? await StoredAsync(after, served.PrimaryNow(context.Time)) : await SmallestAsync(copies.Keys, after);
        LocalKeysPage local = await context.Store.ScanLocalAsync(after, shown.End, MaxPageBytes);
        (string[] keys, string? next) = Merge(shown, new KeySlice(local.Keys, local.More ? local.Keys[^1] : null));
        return new KeysResult(KeysOutcome.Page, keys, next, context.Settings.Name);
    }

    private async Task<KeySlice> StoredAsync(string? after, DateTimeOffset? now)
    {
        HeadPage page = await context.Store.ScanHeadsAsync(new HeadScan("", after, MaxPageKeys, MaxPageBytes, now));
        return new KeySlice([.. page.Heads.Select(static head => head.Key)], page.Next);
    }
}

/// <summary>Keys in order.</summary>
/// <param name="Keys">The keys.</param>
/// <param name="End">Up to where they are all; <see langword="null"/> where none follow.</param>
internal sealed record KeySlice(IReadOnlyList<string> Keys, string? End);
