using System.Collections.Frozen;
using System.Net;
using Diststore.Contracts;

namespace Diststore.Grains;

/// <summary>The live nodes of one membership snapshot: their names in ordinal order and where each can be reached.</summary>
public sealed class MemberSet
{
    private const char SiloMark = '@';

    private readonly FrozenDictionary<string, SiloAddress> _silos;
    private readonly FrozenDictionary<string, SocketAddress> _endpoints;
    private readonly FrozenDictionary<SocketAddress, string> _senders;

    internal MemberSet(ClusterMembershipSnapshot snapshot, ILocalSiloDetails local)
    {
        Snapshot = snapshot;
        var silos = new Dictionary<string, SiloAddress>(StringComparer.Ordinal);
        foreach (ClusterMember member in snapshot.Members.Values)
        {
            if (member.Status == SiloStatus.Active && (!silos.TryGetValue(member.Name, out SiloAddress? known) || GoesBefore(member.SiloAddress, known)))
            {
                silos[member.Name] = member.SiloAddress;
            }
        }

        // A node that is on its way in or out still counts itself, unless its name is another's.
        if (!silos.TryGetValue(local.Name, out SiloAddress? holder) || !GoesBefore(holder, local.SiloAddress))
        {
            silos[local.Name] = local.SiloAddress;
        }

        Namesakes = [.. snapshot.Members.Values
            .Where(member => member.Name == local.Name
                && member.Status is SiloStatus.Active or SiloStatus.ShuttingDown or SiloStatus.Stopping
                && !member.SiloAddress.Endpoint.Equals(local.SiloAddress.Endpoint))
            .Select(static member => member.SiloAddress)];
        Self = local.Name;
        Names = [.. silos.Keys.Order(StringComparer.Ordinal)];
        _silos = silos.ToFrozenDictionary(StringComparer.Ordinal);
        _endpoints = silos.ToFrozenDictionary(static pair => pair.Key, static pair => pair.Value.Endpoint.Serialize(), StringComparer.Ordinal);
        _senders = _endpoints.DistinctBy(static pair => pair.Value).ToFrozenDictionary(static pair => pair.Value, static pair => pair.Key);
    }

    /// <summary>The name of the node that asks.</summary>
    public string Self { get; }

    /// <summary>Other silos of this node's name, elsewhere, that run or stop.</summary>
    public IReadOnlyList<SiloAddress> Namesakes { get; }

    /// <summary>The live nodes' names in ordinal order.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Where the others take datagrams: UDP at the address and port number of their silo.</summary>
    public IReadOnlyDictionary<string, SocketAddress> Endpoints => _endpoints;

    internal ClusterMembershipSnapshot Snapshot { get; }

    /// <summary>Whose datagrams come from there; <see langword="null"/> when no live node's do.</summary>
    public string? FindSender(SocketAddress endpoint) => _senders.GetValueOrDefault(endpoint);

    /// <summary>Where the silo of a live node is.</summary>
    public IPEndPoint? EndpointOf(string name) => FindSilo(name)?.Endpoint;

    /// <summary>The key of the node in that very silo, whatever it is called; no name begins so.</summary>
    public static string KeyOf(SiloAddress silo)
    {
        ArgumentNullException.ThrowIfNull(silo);
        return SiloMark + silo.ToParsableString();
    }

    internal SiloAddress? FindSilo(string name) =>
        name.StartsWith(SiloMark)
            ? Snapshot.Members.Keys.FirstOrDefault(silo => name.AsSpan(1).SequenceEqual(silo.ToParsableString()))
            : _silos.GetValueOrDefault(name);

    /// <summary>
    /// Which of two silos of one name is the node: the one that joined first, then the one with the lower address. At one endpoint
    /// only the later one can be alive.
    /// </summary>
    public static bool GoesBefore(SiloAddress one, SiloAddress other) =>
        one.Endpoint.Equals(other.Endpoint) ? one.Generation > other.Generation
        : one.Generation != other.Generation ? one.Generation < other.Generation
        : string.CompareOrdinal(one.Endpoint.ToString(), other.Endpoint.ToString()) < 0;
}

/// <summary>The live nodes by the cluster's membership. Any thread.</summary>
public sealed class ClusterMembers
{
    private readonly IClusterMembershipService _membership;
    private readonly ILocalSiloDetails _local;
    private volatile MemberSet? _current; // replaced as a whole when the snapshot is another; made twice at worst

    /// <summary>Reads the silo's membership.</summary>
    public ClusterMembers(IClusterMembershipService membership, ILocalSiloDetails local)
    {
        _membership = membership;
        _local = local;
    }

    /// <summary>The live nodes now.</summary>
    public MemberSet Current
    {
        get
        {
            ClusterMembershipSnapshot snapshot = _membership.CurrentSnapshot;
            MemberSet? current = _current;
            if (current is null || !ReferenceEquals(current.Snapshot, snapshot))
            {
                _current = current = new MemberSet(snapshot, _local);
            }

            return current;
        }
    }

    /// <summary>The nodes as clients are told of them: the same from each node that has the same version.</summary>
    public MemberList List()
    {
        ClusterMembershipSnapshot snapshot = _membership.CurrentSnapshot;
        IEnumerable<Member> members = snapshot.Members.Values
            .Where(static member => member.Status is SiloStatus.Active or SiloStatus.ShuttingDown or SiloStatus.Stopping)
            .GroupBy(static member => member.Name, StringComparer.Ordinal)
            .Select(static lives => lives
                .OrderByDescending(static life => life.Status == SiloStatus.Active)
                .ThenBy(static life => life.SiloAddress, Comparer<SiloAddress>.Create(static (one, other) =>
                    one.Equals(other) ? 0 : MemberSet.GoesBefore(one, other) ? -1 : 1))
                .First())
            .Select(static life => new Member(life.Name, life.SiloAddress.ToParsableString(), life.Status != SiloStatus.Active));
        return new MemberList(snapshot.Version.Value, [.. members]);
    }

    /// <summary>The nodes, once the membership is newer than a version, or after a while.</summary>
    public async Task<MemberList> WaitAsync(long known, TimeSpan patience)
    {
        if (_membership.CurrentSnapshot.Version.Value <= known && patience > TimeSpan.Zero)
        {
            using var late = new CancellationTokenSource(patience < INodeGrain.MaxPatience ? patience : INodeGrain.MaxPatience);
            try
            {
                await foreach (ClusterMembershipSnapshot snapshot in _membership.MembershipUpdates.WithCancellation(late.Token))
                {
                    if (snapshot.Version.Value > known)
                    {
                        break;
                    }
                }
            }
            catch (OperationCanceledException) when (late.IsCancellationRequested)
            {
                // It is as it was.
            }
        }

        return List();
    }
}
