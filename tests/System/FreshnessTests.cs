using System.Diagnostics;
using System.Globalization;
using Diststore.Testing;
using Xunit.Abstractions;

namespace Diststore.SystemTests;

/// <summary>
/// One key, read on ten nodes a thousand times a second in all and written anew ten times a second: no read shows what was
/// superseded longer ago than the bound. <c>DISTSTORE_FRESHNESS_SECONDS</c> makes it go on for longer than the suite does.
/// </summary>
[Trait("Category", "long")]
public sealed class FreshnessTests(ITestOutputHelper output)
{
    private const int Nodes = 10;

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(1); // the default of Copies:MaxStaleness
    private static readonly TimeSpan Fresh = TimeSpan.FromMilliseconds(10);

    [SkippableFact]
    public async Task No_read_is_older_than_the_bound()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = Nodes });
        await NoneIsTooOldAsync(cluster, "with all datagrams");
    }

    [SkippableFact]
    public async Task No_read_is_older_than_the_bound_with_every_datagram_lost()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        Skip.IfNot(NetworkNamespace.Missing is null, NetworkNamespace.Missing);
        using NetworkNamespace network = NetworkNamespace.Create();
        network.DropDatagrams();
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = Nodes, Network = network });
        await NoneIsTooOldAsync(cluster, "with every datagram lost");
        Assert.True(network.DroppedDatagrams() > 0, "no datagram was sent at all");
    }

    private async Task NoneIsTooOldAsync(TestCluster cluster, string how)
    {
        var key = new RewrittenKey([.. cluster.Nodes.Select(static node => node.Http)], cluster.Tails);
        await key.WriteAsync();
        await cluster.WaitForTwoMastersAsync(cluster[1], Eventually.Patience);
        await key.RunAsync(TimeSpan.FromSeconds(LongRun.Number("DISTSTORE_FRESHNESS_SECONDS", 10)));

        (HttpFace Node, TimeSpan Age)[] ages = key.Ages();
        (HttpFace Node, TimeSpan Age) oldest = ages.MaxBy(static read => read.Age);
        double share = ages.Count(static read => read.Age > Fresh) / (double)ages.Length;
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{how}: {ages.Length:N0} reads of {key.Writes:N0} versions in {key.Took.TotalSeconds:0.0} s; "
            + $"{share:P2} showed what had been superseded for more than "
            + $"{Fresh.TotalMilliseconds:0} ms, the oldest for {oldest.Age.TotalMilliseconds:0} ms"));
        int tooOld = ages.Count(static read => read.Age > Bound);
        string what = $"{tooOld} of {ages.Length} reads were older than {Bound.TotalSeconds} s, one of {oldest.Node.Url} by {oldest.Age}";
        Assert.True(tooOld == 0, $"{what}\n{cluster.Tails()}");
    }
}

/// <summary>
/// A key whose value is a number that each write makes one higher. Writer and readers have one clock, so what a read showed
/// can be judged by when the number after it was acknowledged.
/// </summary>
internal sealed class RewrittenKey(HttpFace[] nodes, Func<string> explain)
{
    private const string Path = "/v1/kv/rewritten";
    private const int ReadsPerSecond = 1000; // over all nodes
    private const int WritesPerSecond = 10;

    private readonly List<(string Tag, long AcknowledgedAt)> _writes = []; // by number, from 0
    private readonly List<(HttpFace Node, long BegunAt, int Number, string? Tag)> _reads = []; // guarded by itself

    /// <summary>How many times it was written.</summary>
    public int Writes => _writes.Count;

    /// <summary>How long it took.</summary>
    public TimeSpan Took { get; private set; }

    /// <summary>Writes once, by the node whose turn it is.</summary>
    public async Task WriteAsync()
    {
        using var value = new StringContent(_writes.Count.ToString(CultureInfo.InvariantCulture));
        Answer answer = await nodes[_writes.Count % nodes.Length].SendAsync(HttpMethod.Put, Path, value);
        Assert.True(answer.Status is 201 or 204 && answer.ETag is not null, $"write {_writes.Count}: {answer}\n{explain()}");
        _writes.Add((answer.ETag, Stopwatch.GetTimestamp()));
    }

    /// <summary>Reads as often as that time asks for, and writes meanwhile; takes longer where the machine is too slow.</summary>
    public async Task RunAsync(TimeSpan time)
    {
        long started = Stopwatch.GetTimestamp();
        int reads = (int)(time.TotalSeconds * ReadsPerSecond) / nodes.Length;
        Task reading = Task.WhenAll(nodes.Select(node => EachAsync(ReadsPerSecond / nodes.Length, number => number < reads, () => ReadAsync(node))));
        await EachAsync(WritesPerSecond, _ => !reading.IsCompleted, WriteAsync);
        await reading;
        Took = Stopwatch.GetElapsedTime(started);
    }

    /// <summary>For each read: how long before it began the number after the one that it showed had been acknowledged; zero for the newest.</summary>
    public (HttpFace Node, TimeSpan Age)[] Ages()
    {
        return [.. _reads.Select(read => (read.Node, AgeOf(read.BegunAt, read.Number, read.Tag)))];

        TimeSpan AgeOf(long begunAt, int number, string? tag)
        {
            // A value and its version belong together.
            bool isWritten = number < _writes.Count && tag == _writes[number].Tag;
            Assert.True(isWritten, $"{number} was shown as {tag}, in place of {_writes.ElementAtOrDefault(number).Tag}");
            return number + 1 < _writes.Count && _writes[number + 1].AcknowledgedAt < begunAt
                ? Stopwatch.GetElapsedTime(_writes[number + 1].AcknowledgedAt, begunAt)
                : TimeSpan.Zero;
        }
    }

    private async Task ReadAsync(HttpFace node)
    {
        long begunAt = Stopwatch.GetTimestamp();
        Answer answer = await node.FetchAsync(Path);
        Assert.True(answer.Status == 200, $"read of {node.Url}: {answer}\n{explain()}");
        lock (_reads)
        {
            _reads.Add((node, begunAt, int.Parse(answer.Text, CultureInfo.InvariantCulture), answer.ETag));
        }
    }

    // So often a second, as long as there is a next one; what comes late is made up for.
    private static async Task EachAsync(int perSecond, Func<int, bool> isNext, Func<Task> act)
    {
        var clock = Stopwatch.StartNew();
        for (int number = 0; isNext(number); number++)
        {
            TimeSpan early = TimeSpan.FromSeconds(number / (double)perSecond) - clock.Elapsed;
            if (early > TimeSpan.Zero)
            {
                await Task.Delay(early); // polls: its own pace, and nothing that anybody waits for
            }

            await act();
        }
    }
}
