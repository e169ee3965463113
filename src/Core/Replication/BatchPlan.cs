namespace Diststore.Core;

/// <summary>
/// Which requests make the next batch: bounded by what they write, which is known once the heads of their keys are, carried-over values
/// included. A request is never split; the first is always taken.
/// </summary>
internal static class BatchPlan
{
    /// <summary>The most entries of a batch, tombstones of what has expired and memories included, unless its first request makes more.</summary>
    public const int MaxEntries = 1024;

    /// <summary>How many of these fit into one batch, from the first on.</summary>
    public static int Fitting(IReadOnlyList<PendingWrite> writes, Dictionary<string, Newest> newest, DateTimeOffset now)
    {
        var stored = new Dictionary<string, int>(StringComparer.Ordinal); // what earlier ones may leave, where it is larger than what there is
        long bytes = 0;
        int entries = 0;
        for (int i = 0; i < writes.Count; i++)
        {
            foreach (Write operation in writes[i].Transaction.Operations)
            {
                bytes += operation.SizeBytes + (operation.Kind == WriteKind.Touch ? Carried(operation.Key) : 0);
            }

            entries += writes[i].KeyCount + writes[i].Keys.Count(key => newest[key].Live?.HasExpired(now) == true);
            if (i > 0 && (bytes > WaitingWrites.MaxBatchBytes || entries > MaxEntries))
            {
                return i;
            }

            foreach (Write operation in writes[i].Transaction.Operations)
            {
                if (operation.Value is { } value && value.Length > Carried(operation.Key))
                {
                    stored[operation.Key] = value.Length;
                }
            }
        }

        return writes.Count;

        int Carried(string key) => Math.Max(stored.GetValueOrDefault(key), newest[key].Live?.ValueBytes ?? 0);
    }

    /// <summary>The keys whose values these need to be judged: those that carry one over, a number's, and what is remembered.</summary>
    public static IEnumerable<string> KeysOfValues(IEnumerable<PendingWrite> writes, Dictionary<string, Newest> newest)
    {
        foreach (Transaction asked in writes.Select(static write => write.Transaction))
        {
            foreach (Write operation in asked.Operations)
            {
                if (operation.Kind == WriteKind.Touch
                    || (operation.Kind == WriteKind.Add && newest[operation.Key].Live?.ValueBytes <= WholeNumber.MaxBytes))
                {
                    yield return operation.Key;
                }
            }

            if (asked.Mark is { } mark)
            {
                yield return mark.Key;
            }
        }
    }
}
