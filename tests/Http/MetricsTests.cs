using System.Diagnostics.Metrics;
using Diststore.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Diststore.Http.Tests;

public sealed class MetricsTests
{
    [Fact]
    public async Task Metrics_show_each_nodes_counters_under_its_name()
    {
        await using TestServer first = await TestServer.StartAsync();
        await using TestServer second = await TestServer.StartAsync();
        string name = nameof(Metrics_show_each_nodes_counters_under_its_name);
        Count(first, "a", name);
        Count(second, "b", name);
        Answer answer = await first.SendAsync("GET", "/metrics");
        Assert.Equal(200, answer.Status);
        Assert.Contains("text/plain", answer.Headers, StringComparison.Ordinal);
        Assert.Matches($"(?m)^{name}_total\\{{.*node=\"a\".*\\}} 3", answer.Body);

        // The end of one node leaves another's as they are, also where both live in one process.
        await second.DisposeAsync();
        Assert.Matches($"(?m)^{name}_total\\{{.*node=\"a\".*\\}} 3", (await first.SendAsync("GET", "/metrics")).Body);
        Assert.Equal(400, (await first.SendAsync("GET", "/metrics?x=1")).Status);
    }

    [Fact]
    public async Task Metrics_need_a_token_where_there_are_any()
    {
        await using TestServer guarded = await TestServer.StartAsync(options => options.Tokens = ["one"]);
        Assert.Equal(401, (await guarded.SendAsync("GET", "/metrics")).Status);
        Assert.Equal(200, (await guarded.SendAsync("GET", "/metrics", "Authorization: Bearer one\r\n")).Status);
    }

    private static void Count(TestServer server, string node, string name)
    {
        Meter meter = server.Services.GetRequiredService<IMeterFactory>().CreateFor(node, "Diststore.Test");
        meter.CreateCounter<long>(name).Add(3, NodeMeters.TagOf(node));
    }
}
