using Diststore.Logging;
using Diststore.Silo;

namespace Diststore.Cluster.Tests;

/// <summary>What <c>/metrics</c> shows of real nodes, each under its name.</summary>
public sealed class MetricsTests : IDisposable
{
    private readonly DirectoryInfo _data = Directory.CreateTempSubdirectory("diststore-");

    private static readonly Uri Base = new($"http://127.8.{Random.Shared.Next(1, 255)}.{Random.Shared.Next(1, 255)}:8181");

    [Fact]
    public async Task A_silo_shows_what_its_nodes_count()
    {
        StartOrder order = SettingsReader.Read(
            ["--nodes", "2", $"--Diststore:Node:Address={Base.Host}", "--Diststore:Multicast:Enabled=false", $"--Diststore:Data:Path={_data.FullName}"]);
        await using Clustering clustering = await Clustering.OpenAsync(order.Nodes[0]);
        using var output = LineOutput.ToStandardOutput();
        await using var nodes = new NodeGroup(order, clustering, output);
        await nodes.StartAsync(CancellationToken.None);
        using var http = new HttpClient { BaseAddress = Base };
        using var value = new StringContent("value");
        using HttpResponseMessage put = await http.PutAsync(new Uri("/v1/kv/key", UriKind.Relative), value);
        Assert.True(put.IsSuccessStatusCode);
        using HttpResponseMessage missing = await http.GetAsync(new Uri("/v1/kv/missing", UriKind.Relative));
        Assert.False(missing.IsSuccessStatusCode);

        string shown = "";
        await Eventually.IsTrueAsync("the other node has synced, and says so", async () =>
        {
            shown = await http.GetStringAsync(new Uri("/metrics", UriKind.Relative));
            return new[] { "node=\"node-1\"", "node=\"node-2\"" }.All(node =>
                Value(shown, "diststore_sequence_followed", node) == 1
                && Value(shown, "diststore_sequence_applied", node) == 1
                && Value(shown, "diststore_epoch", node) >= 2);
        });
        string primary = Value(shown, "diststore_batches_ordered_total", "node=\"node-1\"") is null ? "node-2" : "node-1";
        string learner = primary == "node-1" ? "node-2" : "node-1";
        Assert.Equal(1, Value(shown, "diststore_batches_ordered_total", $"node=\"{primary}\""));
        Assert.Equal(1, Value(shown, "diststore_writes_total", $"node=\"{primary}\",outcome=\"acknowledged\""));
        Assert.Contains($"kind=\"full\",node=\"{learner}\"", shown, StringComparison.Ordinal); // one entry or none: the write may come before or after
        Assert.Equal(1, Value(shown, "diststore_reads_missed_total", "node=\"node-1\""));
        foreach (string node in new[] { "node=\"node-1\"", "node=\"node-2\"" })
        {
            Assert.Equal(1, Value(shown, "diststore_sequence_pending", node));
            Assert.Equal(1, Value(shown, "diststore_sequence_applied", node));
            Assert.True(Value(shown, "diststore_epoch", node) >= 2, "the first view has one master, the next one both");
            Assert.Equal(1, Value(shown, "diststore_store_entries", node));
            Assert.Equal(0, Value(shown, "diststore_copies_entries", node));
            Assert.Equal(0, Value(shown, "diststore_copies_size_bytes", node));
        }
    }

    public void Dispose() => _data.Delete(recursive: true);

    private static long? Value(string shown, string name, string labels) => shown.Split('\n')
        .Where(line => line.StartsWith(name + "{", StringComparison.Ordinal) && line.Contains(labels, StringComparison.Ordinal))
        .Select(static line => (long?)long.Parse(line[(line.LastIndexOf(' ') + 1)..], provider: null))
        .SingleOrDefault();
}
