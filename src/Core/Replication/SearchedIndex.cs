using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// A page of the change index that watchers of few keys search for what they watch. One goes through all of it; where more do, they
/// share an order by key, in which each finds its own in a few steps. For one scheduler.
/// </summary>
internal sealed class SearchedIndex(ChangeIndexPage page)
{
    private bool _wasSearched;
    private int[]? _byKey; // the numbers of the rows in the order of their keys

    public ChangeIndexPage Page => page;

    /// <summary>The rows that the filter shows, in sequence order.</summary>
    public IReadOnlyList<IndexedChange> Find(in ChangeFilter filter)
    {
        ChangeFilter shown = filter;
        if (shown.Text is null || !_wasSearched)
        {
            _wasSearched |= shown.Text is not null;
            return [.. page.Rows.Where(row => shown.Shows(row.Key))];
        }

        var found = new List<int>();
        int[] byKey = _byKey ??= InOrder(page.Rows);
        for (int i = FirstFrom(byKey, shown.Text); i < byKey.Length && shown.Shows(page.Rows[byKey[i]].Key); i++)
        {
            found.Add(byKey[i]);
        }

        found.Sort();
        return found.ConvertAll(row => page.Rows[row]);
    }

    // In UTF-16's order too, keys that begin alike lie side by side, and a key comes before those that it begins.
    private static int[] InOrder(ImmutableArray<IndexedChange> rows)
    {
        int[] order = [.. Enumerable.Range(0, rows.Length)];
        Array.Sort(order, (left, right) => string.CompareOrdinal(rows[left].Key, rows[right].Key));
        return order;
    }

    // Where the first key stands that is not before the text.
    private int FirstFrom(int[] byKey, string text)
    {
        int low = 0, high = byKey.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = string.CompareOrdinal(page.Rows[byKey[middle]].Key, text) < 0 ? (middle + 1, high) : (low, middle);
        }

        return low;
    }
}
