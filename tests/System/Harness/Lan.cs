using System.Net;

namespace Diststore.SystemTests;

/// <summary>
/// Machines on one network of the test's own: namespaces, each with an address of its own, on one switch. The storage's
/// server runs at the switch. Links between any two are cut and healed while programs run; the test reaches every program
/// from the program's own machine, so it is never cut off itself.
/// </summary>
internal sealed class Lan : IDisposable
{
    private const string Bridge = "lan";

    private readonly List<NetworkNamespace> _machines = [];

    private Lan(int machines)
    {
        Server = NetworkNamespace.Create(AddressOf(254));
        try
        {
            // Multicast reaches every port: there is nobody here who asks for memberships.
            Server.Link("add", Bridge, "type", "bridge", "mcast_snooping", "0");
            Server.Assign(Bridge);
            for (int number = 1; number <= machines; number++)
            {
                _machines.Add(NetworkNamespace.Create(AddressOf(number)));
                _machines[^1].Plug(Server, Bridge, $"port{number}");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The machine of the storage's server.</summary>
    public NetworkNamespace Server { get; }

    /// <summary>The nodes' machines.</summary>
    public IReadOnlyList<NetworkNamespace> Machines => _machines;

    /// <summary>Makes one.</summary>
    public static Lan Create(int machines) => new(machines);

    /// <summary>Cuts the link between two machines: each loses what comes from the other, and nobody is told.</summary>
    public static void Cut(NetworkNamespace one, NetworkNamespace other)
    {
        one.DropFrom(other);
        other.DropFrom(one);
    }

    /// <summary>Cuts a machine off from all others, the server among them.</summary>
    public void CutOff(NetworkNamespace machine)
    {
        foreach (NetworkNamespace other in _machines.Append(Server).Where(other => other != machine))
        {
            Cut(machine, other);
        }
    }

    /// <summary>Heals all links.</summary>
    public void Heal()
    {
        foreach (NetworkNamespace machine in _machines.Append(Server))
        {
            machine.DropNothing();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _machines.ForEach(static machine => machine.Dispose());
        Server.Dispose();
    }

    private static IPAddress AddressOf(int number) => new([10, 77, 0, (byte)number]);
}
