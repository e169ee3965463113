using System.Net;
using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace Diststore.Silo;

/// <summary>
/// Who this silo is. Orleans takes the generation, which tells one life of an endpoint from another, from the clock alone: a node
/// that once ran with its clock in the future would be taken for that life's predecessor, and never get in again. Here it lies above
/// all lives of this endpoint that the membership remembers.
/// </summary>
internal sealed class LocalSilo : ILocalSiloDetails
{
    private readonly Lazy<SiloAddress> _address;
    private int _highestBefore;

    public LocalSilo(IOptions<SiloOptions> silo, IOptions<ClusterOptions> cluster, IOptions<EndpointOptions> endpoints)
    {
        Name = silo.Value.SiloName;
        ClusterId = cluster.Value.ClusterId;
        DnsHostName = Dns.GetHostName();
        EndpointOptions own = endpoints.Value;
        Endpoint = new IPEndPoint(own.AdvertisedIPAddress!, own.SiloPort);
        _address = new Lazy<SiloAddress>(() => SiloAddress.New(
            Endpoint, Math.Max(SiloAddress.AllocateNewGeneration(), _highestBefore == int.MaxValue ? _highestBefore : _highestBefore + 1)));
        GatewayAddress = own.GatewayPort == 0 ? null! : SiloAddress.New(new IPEndPoint(Endpoint.Address, own.GatewayPort), 0);
    }

    public string Name { get; }

    public string ClusterId { get; }

    public string DnsHostName { get; }

    public SiloAddress SiloAddress => _address.Value;

    /// <summary>Null where no clients are taken; Orleans does not say so.</summary>
    public SiloAddress GatewayAddress { get; }

    /// <summary>Where this silo is reached.</summary>
    public IPEndPoint Endpoint { get; }

    /// <summary>Before the silo starts: takes note of the lives of this endpoint that the membership remembers.</summary>
    public async Task SeeFormerLivesAsync(IMembershipTable table)
    {
        await table.InitializeMembershipTableAsync(true);
        MembershipTableData rows = await table.ReadAllAsync();
        _highestBefore = rows.Members
            .Select(static row => row.Item1.SiloAddress)
            .Where(address => address.Endpoint.Equals(Endpoint))
            .Select(static address => address.Generation)
            .DefaultIfEmpty()
            .Max();
    }
}
