namespace Diststore.Core;

/// <summary>
/// A read of many keys of which some are there and some have to be fetched: these are fetched in order, some at once, until all are there or
/// the values fill the answer. So what is held at a time is bounded by one answer and one fetch.
/// </summary>
/// <param name="found">One for each key, in order; what is missing is replaced.</param>
/// <param name="missing">The indexes of what is missing, ascending.</param>
/// <param name="maxAtOnce">Keys that are fetched at once.</param>
/// <param name="maxValueBytes">The bytes of values that the answer may have.</param>
internal sealed class ManyFilling(ReadResult[] found, IReadOnlyList<int> missing, int maxAtOnce, long maxValueBytes)
{
    /// <summary>
    /// Fetches what is needed. <paramref name="fetch"/> gives the results of the first of these indexes, at least of one.
    /// </summary>
    /// <returns>The first results, all known, or the last of them the first that is not.</returns>
    public async Task<ReadResult[]> RunAsync(Func<IReadOnlyList<int>, Task<IReadOnlyList<ReadResult>>> fetch)
    {
        long bytes = 0;
        int upto = 0; // of so many is known what there is
        for (int at = 0; at < missing.Count;)
        {
            for (; upto < missing[at]; upto++)
            {
                bytes += found[upto].Entry?.Value?.Length ?? 0;
            }

            if (bytes > maxValueBytes)
            {
                return found[..upto];
            }

            int[] next = [.. missing.Skip(at).Take(maxAtOnce)];
            foreach (ReadResult result in await fetch(next))
            {
                int index = missing[at++];
                found[index] = result;
                if (!ManyResult.IsKnown(result))
                {
                    return found[..(index + 1)];
                }
            }
        }

        return found;
    }
}
