using System.Collections.Concurrent;

namespace Diststore.SystemTests;

/// <summary>Ten nodes on 127.1.2.1 to 127.1.2.10, HTTP on port 8181, one multicast group; shared by the scenarios of the plain routes.</summary>
public sealed class TenNodes : IAsyncLifetime
{
    private TestCluster? _cluster;

    /// <summary>Every key that was ever posted, with its last value.</summary>
    internal ConcurrentDictionary<string, string> Posted { get; } = new();

    /// <summary>The cluster; skips the test where there can be none.</summary>
    internal TestCluster Cluster
    {
        get
        {
            Skip.If(_cluster is null, RedisServer.Missing);
            return _cluster!;
        }
    }

    /// <summary>Posts by a node and remembers it.</summary>
    internal async Task PostAsync(SiloProcess node, string key, string value)
    {
        Answer answer = await node.Http.PostAsync(key, value);
        Assert.True(answer.Status == 200, $"POST {key} at {node.Name}: {answer}\n{Cluster.Tails()}");
        Posted[key] = value;
    }

    /// <inheritdoc/>
    public async Task InitializeAsync()
    {
        if (RedisServer.Missing is null)
        {
            _cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 10, HttpPort = 8181 });
        }
    }

    /// <inheritdoc/>
    public async Task DisposeAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }
}
