using System.Collections.Frozen;
using System.Net;
using Diststore.Contracts;

namespace Diststore.Grains;

/// <summary>The live nodes of one membership snapshot: their names in ordinal order and where each can be reached.</summary>
public sealed class MemberSet
{
    private readonly FrozenDictionary<string, SiloAddress> _silos;
    private readonly FrozenDictionary<string, SocketAddress> _endpoints;
    private readonly FrozenDictionary<SocketAddress, string> _senders;

    internal MemberSet(ClusterMembershipSnapshot snapshot, ILocalSiloDetails local)
    {
        Snapshot = snapshot;
        var silos = new Dictionary<string, SiloAddress>(StringComparer.Ordinal);
        foreach (ClusterMember member in snapshot.Members.Values)
        {
            // A name twice means that a node came back elsewhere before its former life was declared dead: the later one is it.
            if (member.Status == SiloStatus.Active
                && (!silos.TryGetValue(member.Name, out SiloAddress? known) || known.Generation < member.SiloAddress.Generation))
            {
                silos[member.Name] = member.SiloAddress;
            }
        }

        // A node that is on its way in or out still counts itself.
        silos[local.Name] = local.SiloAddress;
        Self = local.Name;
        Names = [.. silos.Keys.Order(StringComparer.Ordinal)];
        _silos = silos.ToFrozenDictionary(StringComparer.Ordinal);
        _endpoints = silos.ToFrozenDictionary(static pair => pair.Key, static pair => pair.Value.Endpoint.Serialize(), StringComparer.Ordinal);
        _senders = _endpoints.DistinctBy(static pair => pair.Value).ToFrozenDictionary(static pair => pair.Value, static pair => pair.Key);
    }

    /// <summary>The name of the node that asks.</summary>
    public string Self { get; }

    /// <summary>The live nodes' names in ordinal order.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Where the others take datagrams: UDP at the address and port number of their silo.</summary>
    public IReadOnlyDictionary<string, SocketAddress> Endpoints => _endpoints;

    internal ClusterMembershipSnapshot Snapshot { get; }

    /// <summary>Whose datagrams come from there; <see langword="null"/> when no live node's do.</summary>
    public string? FindSender(SocketAddress endpoint) => _senders.GetValueOrDefault(endpoint);

    internal SiloAddress? FindSilo(string name) => _silos.GetValueOrDefault(name);
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
            .Select(static lives => lives.MaxBy(static life => (life.Status == SiloStatus.Active, life.SiloAddress.Generation))!)
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
