using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Diststore.SystemTests;

/// <summary>
/// A network of the test's own (Linux network namespace) that has only a loopback interface, or is one machine of a
/// <c>Lan</c>. The programs run inside; the test reaches them through sockets that are made inside.
/// </summary>
internal sealed partial class NetworkNamespace : IDisposable
{
    private const int CloneNewNet = 0x40000000;
    private static int _made;

    private readonly string _name = $"diststore-{Environment.ProcessId}-{Interlocked.Increment(ref _made)}";

    private NetworkNamespace(IPAddress address) => Address = address;

    /// <summary>Why none can be made here, or <see langword="null"/>.</summary>
    public static string? Missing { get; } =
        !OperatingSystem.IsLinux() || Environment.UserName != "root" ? "network namespaces need root on Linux"
        : Programs.Find("ip") is null ? "ip is not installed (Debian: apt-get install iproute2)"
        : Programs.Find("iptables") is null ? "iptables is not installed (Debian: apt-get install iptables)"
        : null;

    /// <summary>Where a server that runs inside listens.</summary>
    public IPAddress Address { get; }

    /// <summary>Makes one with a loopback interface.</summary>
    /// <param name="address">What <see cref="Address"/> is to be; the loopback address, unless another is given to it later.</param>
    public static NetworkNamespace Create(IPAddress? address = null)
    {
        var network = new NetworkNamespace(address ?? IPAddress.Loopback);
        Run("ip", "netns", "add", network._name);
        network.Link("set", "lo", "up");
        return network;
    }

    /// <summary>Connects to a port inside, or on this machine's own network when there is no namespace.</summary>
    public static async ValueTask<Socket> ConnectAsync(NetworkNamespace? network, EndPoint endpoint)
    {
        Socket socket = network is null ? NewSocket() : await network.MakeSocketAsync(NewSocket);
        try
        {
            await socket.ConnectAsync(endpoint);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>The same command, run inside. The process id stays that of the program itself.</summary>
    public IReadOnlyList<string> Wrap(IReadOnlyList<string> command) => ["ip", "netns", "exec", _name, .. command];

    /// <summary>What <c>ip link</c> does, inside.</summary>
    public void Link(params string[] arguments) => Run("ip", ["-n", _name, "link", .. arguments]);

    /// <summary>Gives an interface inside its <see cref="Address"/> and connects it by a cable to a port of a switch.</summary>
    public void Plug(NetworkNamespace @switch, string bridge, string port)
    {
        @switch.Link("add", port, "type", "veth", "peer", "name", "eth0", "netns", _name);
        @switch.Link("set", port, "master", bridge, "up");
        Assign("eth0");
    }

    /// <summary>Gives an interface inside its <see cref="Address"/> and turns it on.</summary>
    public void Assign(string device)
    {
        Run("ip", "-n", _name, "address", "add", $"{Address}/24", "dev", device);
        Link("set", device, "up");
    }

    /// <summary>Loses datagrams that come in: all, or by chance.</summary>
    public void DropDatagrams(double share = 1) => Filter(
        ["-A", "INPUT", "-p", "udp", "-m", "statistic", "--mode", "random", "--probability", share.ToString(CultureInfo.InvariantCulture), "-j", "DROP"]);

    /// <summary>Loses whatever comes in from another machine.</summary>
    public void DropFrom(NetworkNamespace other) => Filter("-A", "INPUT", "-s", $"{other.Address}", "-j", "DROP");

    /// <summary>From now on it sends so many megabits a second and no more.</summary>
    public void Slow(int megabits) => Run(
        "ip", "netns", "exec", _name, "tc", "qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", $"{megabits}mbit", "burst", "64k", "latency", "300ms");

    /// <summary>Connections from here to a port of another machine go elsewhere from now on, and nobody here is told.</summary>
    public void Divert(NetworkNamespace other, int port, IPEndPoint to) => Run(
        "ip", "netns", "exec", _name, "iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-d", $"{other.Address}", "--dport", $"{port}", "-j", "DNAT",
        "--to-destination", $"{to}");

    /// <summary>Loses nothing any more.</summary>
    public void DropNothing() => Filter("-F", "INPUT");

    /// <summary>How many datagrams were lost so far.</summary>
    public long DroppedDatagrams()
    {
        string rules = Filter("-L", "INPUT", "-v", "-x", "-n");
        string rule = rules.Split('\n').Single(
            static line => line.Contains("DROP", StringComparison.Ordinal) && !line.StartsWith("Chain", StringComparison.Ordinal));
        return long.Parse(rule.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], null);
    }

    /// <summary>Makes a socket inside.</summary>
    /// <remarks>
    /// A socket belongs to the namespace that its thread was in when it was made, wherever it is used later. The thread is
    /// one of its own and ends here: a pool thread would carry the namespace on to whoever gets it next.
    /// </remarks>
    public Task<Socket> MakeSocketAsync(Func<Socket> make)
    {
        var made = new TaskCompletionSource<Socket>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                using SafeFileHandle handle = File.OpenHandle($"/run/netns/{_name}", share: FileShare.ReadWrite);
                if (EnterNamespace(handle, CloneNewNet) != 0)
                {
                    throw new IOException($"cannot enter network namespace {_name}: error {Marshal.GetLastPInvokeError()}");
                }

                made.SetResult(make());
            }
            catch (Exception e)
            {
                made.SetException(e);
            }
        });
        thread.Start();
        return made.Task;
    }

    /// <inheritdoc/>
    public void Dispose() => Run("ip", "netns", "del", _name);

    private static Socket NewSocket() => new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private string Filter(params string[] arguments) => Run("ip", ["netns", "exec", _name, "iptables", .. arguments]);

    private static string Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(Programs.Find(program)!, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new IOException($"{program} {string.Join(' ', arguments)}: {error}");
    }

    [LibraryImport("libc", EntryPoint = "setns", SetLastError = true)]
    private static partial int EnterNamespace(SafeFileHandle handle, int kind);
}
