using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;

namespace Diststore.SystemTests;

/// <summary>What becomes of calls to a node that dies, and how a gateway finds its cluster.</summary>
public sealed class GatewayTests
{
    private static readonly TimeSpan AfterDeclaration = TimeSpan.FromSeconds(0.3);
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    /// <summary>
    /// A node stands still, is called in every way, by way of the gateway and of another node, and is killed. Each call ends when the
    /// cluster has declared it dead; what this machine is slow by, as a lively route of the gateway tells, comes on top.
    /// </summary>
    [SkippableFact]
    public async Task Calls_to_a_killed_node_end_when_it_is_declared_dead()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 3 });
        using GatewayProcess gateway = await cluster.StartGatewayAsync();
        await gateway.Http.PostUntilDoneAsync("key", "1", cluster.Tails);
        ClusterView view = await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        SiloProcess doomed = cluster.Nodes.First(node => node.Name != view.Primary && node.Name != view.Secondary);
        SiloProcess witness = cluster[view.Primary!];

        var clock = Stopwatch.StartNew();
        doomed.Process.Pause();
        var calls = new List<Task<(string What, Answer Answer, TimeSpan Ended)>>();
        foreach ((string where, HttpFace http) in new[] { ("gateway", gateway.Http), (witness.Name, witness.Http) })
        {
            foreach ((HttpMethod method, string target) in new[]
            {
                (HttpMethod.Get, $"/getlocal/key?node={doomed.Name}"),
                (HttpMethod.Post, $"/local/mine?node={doomed.Name}"),
                (HttpMethod.Get, $"/list?node={doomed.Name}"),
                (HttpMethod.Post, $"/v1/cluster/step-down?node={doomed.Name}"),
            })
            {
                calls.Add(TimedAsync($"{method} {target} at the {where}", () => http.SendAsync(method, target, new ByteArrayContent([1]))));
            }
        }

        // Some of these are posted to the doomed node, and some go by way of it.
        for (int i = 0; i < 12; i++)
        {
            string key = $"{i}";
            calls.Add(TimedAsync($"PUT {key} at the gateway", () => gateway.Http.PutAsync(key, "1")));
        }

        Assert.Equal(200, (await gateway.Http.FetchAsync("/health/live")).Status);
        doomed.Kill();
        (TimeSpan declared, TimeSpan slowBy) = await UntilDeclaredDeadAsync(doomed.Name, [.. cluster.Running], gateway, clock, Task.WhenAll(calls));

        foreach ((string what, Answer answer, TimeSpan ended) in await Task.WhenAll(calls).WaitAsync(Deadline))
        {
            string said = $"{what}: {answer} at {ended}; declared dead at {declared}, slow by {slowBy}\n{gateway.Process.Tail()}\n{cluster.Tails()}";
            Assert.True(answer.Status == 503 || what.StartsWith("PUT", StringComparison.Ordinal), said);
            Assert.True(answer.Status is 201 or 204 or 503, said);
            bool wrote = what.StartsWith("POST /local", StringComparison.Ordinal);
            Assert.True(!wrote || answer.Text.Contains("outcome is unknown", StringComparison.Ordinal), said);
            Assert.True(ended < declared + AfterDeclaration + slowBy, said);
        }

        Assert.Equal(404, (await gateway.Http.FetchAsync($"/getlocal/key?node={doomed.Name}")).Status);
        Assert.Equal(404, (await witness.Http.FetchAsync($"/list?node={doomed.Name}")).Status);
        await gateway.Http.PostUntilDoneAsync("key", "2", cluster.Tails);

        async Task<(string What, Answer Answer, TimeSpan Ended)> TimedAsync(string what, Func<Task<Answer>> send)
        {
            Answer answer = await send();
            return (what, answer, clock.Elapsed);
        }
    }

    /// <summary>The silo comes later than the gateway; on many machines the name has an IPv6 address too, where nobody listens.</summary>
    [Fact]
    public async Task A_gateway_tries_all_addresses_of_a_name_and_says_what_it_tries()
    {
        using var directory = new TempDirectory();
        int[] ports = Ports.Free(5, [IPAddress.Loopback]);
        using ChildProcess gateway = ChildProcess.Start(
            directory.Path, "gateway",
            [
                .. Programs.Gateway, $"--Diststore:Http:Port={ports[4]}", "--Diststore:Cluster:Provider=Development",
                $"--Diststore:Cluster:Gateways=localhost:{ports[2]}",
            ]);
        using var http = new HttpFace(IPAddress.Loopback, ports[4]);
        await Eventually.TrueAsync(
            () => Task.FromResult(
                gateway.Output.Contains($"tried localhost:{ports[2]} (127.0.0.1", StringComparison.Ordinal) ? null : "it did not say what it tries"),
            Eventually.Patience,
            () => gateway.Tail());
        Assert.Equal(503, (await http.ReadAsync("key")).Status);

        using ChildProcess silo = ChildProcess.Start(
            directory.Path, "silo",
            [
                .. Programs.Silo, $"--Diststore:Http:Port={ports[0]}", $"--Diststore:Silo:Port={ports[1]}", $"--Diststore:Silo:GatewayPort={ports[2]}",
                $"--Diststore:Multicast:Port={ports[3]}", "--Diststore:Cluster:Provider=Development", $"--Diststore:Cluster:Primary=127.0.0.1:{ports[1]}",
            ]);
        await Readiness.WaitAsync("the gateway", http, gateway);
        await http.PostUntilDoneAsync("key", "1", () => $"{gateway.Tail()}\n{silo.Tail()}");
        Assert.Contains("The cluster answers.", gateway.Output, StringComparison.Ordinal);
    }

    // When the first of the others no longer counted it in; and the longest that the gateway took for an answer of its own meanwhile.
    // Each question goes its own way: one that still counts the dead node in waits for it.
    private static async Task<(TimeSpan Declared, TimeSpan SlowBy)> UntilDeclaredDeadAsync(
        string dead, SiloProcess[] others, GatewayProcess gateway, Stopwatch clock, Task calls)
    {
        var declared = new ConcurrentBag<TimeSpan>();
        TimeSpan slowBy = TimeSpan.Zero;
        var questions = new List<Task>();
        while (declared.IsEmpty || !calls.IsCompleted)
        {
            Assert.True(clock.Elapsed < Deadline, $"{dead} was not declared dead");
            if (declared.IsEmpty)
            {
                questions.AddRange(others.Select(AskAsync));
            }

            TimeSpan before = clock.Elapsed;
            Assert.Equal(200, (await gateway.Http.FetchAsync("/health/live")).Status);
            await Task.Delay(10); // polls: no process tells by itself
            TimeSpan took = clock.Elapsed - before;
            slowBy = took > slowBy ? took : slowBy;
        }

        await Task.WhenAll(questions);
        return (declared.Min(), slowBy);

        async Task AskAsync(SiloProcess node)
        {
            TimeSpan asked = clock.Elapsed;
            if (!(await node.Http.ClusterAsync()).Nodes.ContainsKey(dead))
            {
                declared.Add(asked);
            }
        }
    }
}
