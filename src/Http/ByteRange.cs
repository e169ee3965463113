using System.Globalization;
using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Diststore.Http;

/// <summary>
/// One range of a value's bytes (RFC 9110, section 14). Several at once, another unit and what cannot be understood are answered with
/// the whole value, as the RFC lets a server do.
/// </summary>
internal static class ByteRange
{
    /// <summary>
    /// Cuts a value to the range that is asked for, and says so in the answer; leaves it whole where the request's <c>Range</c> does not count.
    /// False where no byte of the value lies in the range.
    /// </summary>
    public static bool TryTake(IHeaderDictionary asked, Entry entry, HttpResponse response, ref ReadOnlyMemory<byte> body)
    {
        if (!Names(asked.IfRange.ToString(), entry)
            || !RangeHeaderValue.TryParse(asked.Range.ToString(), out RangeHeaderValue? range)
            || !range.Unit.Equals("bytes", StringComparison.OrdinalIgnoreCase)
            || range.Ranges.Count != 1)
        {
            return true;
        }

        RangeItemHeaderValue item = range.Ranges.First();
        int whole = body.Length;
        if (item.From >= whole || (item.From is null && item.To == 0))
        {
            return false;
        }

        // The last bytes of nothing are nothing, for which there is no Content-Range.
        if (whole == 0)
        {
            return true;
        }

        int from = (int)(item.From ?? Math.Max(0, whole - item.To!.Value));
        int last = item.From is null || item.To is null ? whole - 1 : (int)Math.Min(item.To.Value, whole - 1);
        body = body[from..(last + 1)];
        response.StatusCode = StatusCodes.Status206PartialContent;
        response.Headers.ContentRange = string.Create(CultureInfo.InvariantCulture, $"bytes {from}-{last}/{whole}");
        return true;
    }

    // Whether a condition on the range, if there is one, names just this version. A date names none: there are none here.
    private static bool Names(string ifRange, Entry entry) =>
        ifRange.Length == 0 || (entry.Version != LogPoint.Zero && ifRange == entry.ETag);
}
