using System.Globalization;

namespace Diststore.SystemTests;

/// <summary>What <c>GET /metrics</c> says.</summary>
internal static class Metrics
{
    /// <summary>The sum of all series of a name, or of those whose labels contain a text.</summary>
    public static async Task<long> SumAsync(HttpFace http, string name, string labels = "")
    {
        Answer metrics = await http.FetchAsync("/metrics");
        Assert.Equal(200, metrics.Status);
        return metrics.Text.Split('\n')
            .Where(line => (line.StartsWith(name + "{", StringComparison.Ordinal) || line.StartsWith(name + " ", StringComparison.Ordinal))
                && line.Contains(labels, StringComparison.Ordinal))
            .Sum(static line => long.Parse(line[(line.IndexOf('}') + 1)..].Split(' ')[1], CultureInfo.InvariantCulture));
    }
}
