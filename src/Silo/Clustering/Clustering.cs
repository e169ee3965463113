using System.Net;
using System.Net.Sockets;
using Diststore.Settings;

namespace Diststore.Silo;

/// <summary>What the process's nodes share to form a cluster, or to join one: one for all of them.</summary>
internal abstract class Clustering : IAsyncDisposable
{
    /// <summary>Gets ready what the settings name; a <see cref="StartException"/> when that cannot be had.</summary>
    public static async Task<Clustering> OpenAsync(SiloSettings settings) => settings.Provider switch
    {
        ClusterProvider.Single => new SingleProcess(),
        ClusterProvider.Development => new DevelopmentCluster(await ResolveAsync(settings.Primary!)),
        ClusterProvider.Redis => await RedisCluster.OpenAsync(settings.ConnectionString!, settings.ClusterId),
        ClusterProvider.PostgreSql => await PostgreSqlCluster.OpenAsync(settings.ConnectionString!),
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    /// <summary>What an operator should know of the server, or <see langword="null"/>.</summary>
    public virtual string? Warning => null;

    /// <summary>Whether the membership's rows lie on a server, which may forget them, and remembers former lives.</summary>
    public virtual bool KeepsRows => false;

    /// <summary>Gives a silo its membership and its grain storage.</summary>
    public abstract void Configure(ISiloBuilder silo);

    public abstract ValueTask DisposeAsync();

    private static async Task<IPEndPoint> ResolveAsync(string hostAndPort)
    {
        int colon = hostAndPort.LastIndexOf(':');
        string host = hostAndPort[..colon];
        int port = int.Parse(hostAndPort[(colon + 1)..], System.Globalization.CultureInfo.InvariantCulture);
        try
        {
            IPAddress[] addresses = await Dns.GetHostAddressesAsync(host, AddressFamily.InterNetwork);
            return new IPEndPoint(addresses[0], port);
        }
        catch (Exception exception) when (exception is SocketException or IndexOutOfRangeException or ArgumentException)
        {
            throw new StartException($"Diststore:Cluster:Primary takes host:port of a silo, and '{host}' has no IPv4 address.");
        }
    }
}
