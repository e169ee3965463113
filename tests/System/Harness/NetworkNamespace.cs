using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Diststore.SystemTests;

/// <summary>
/// A network of the test's own (Linux network namespace) that has only a loopback interface and, if so asked, loses
/// every datagram. The programs run inside; the test reaches them through sockets that are made inside.
/// </summary>
internal sealed partial class NetworkNamespace : IDisposable
{
    private const int CloneNewNet = 0x40000000;
    private static int _made;

    private readonly string _name = $"diststore-{Environment.ProcessId}-{Interlocked.Increment(ref _made)}";

    private NetworkNamespace()
    {
    }

    /// <summary>Why none can be made here, or <see langword="null"/>.</summary>
    public static string? Missing { get; } =
        !OperatingSystem.IsLinux() || Environment.UserName != "root" ? "network namespaces need root on Linux"
        : Programs.Find("ip") is null ? "ip is not installed (Debian: apt-get install iproute2)"
        : Programs.Find("iptables") is null ? "iptables is not installed (Debian: apt-get install iptables)"
        : null;

    /// <summary>Makes one.</summary>
    public static NetworkNamespace Create(bool dropDatagrams)
    {
        var network = new NetworkNamespace();
        Run("ip", "netns", "add", network._name);
        Run("ip", "-n", network._name, "link", "set", "lo", "up");
        if (dropDatagrams)
        {
            Run("ip", "netns", "exec", network._name, "iptables", "-A", "INPUT", "-p", "udp", "-j", "DROP");
        }

        return network;
    }

    /// <summary>Connects to a port inside, or on this machine's own network when there is no namespace.</summary>
    public static async ValueTask<Socket> ConnectAsync(NetworkNamespace? network, EndPoint endpoint)
    {
        Socket socket = network is null ? NewSocket() : await network.MakeSocketAsync();
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

    /// <summary>How many datagrams were lost so far.</summary>
    public long DroppedDatagrams()
    {
        string rules = Run("ip", "netns", "exec", _name, "iptables", "-L", "INPUT", "-v", "-x", "-n");
        string rule = rules.Split('\n').Single(
            static line => line.Contains("DROP", StringComparison.Ordinal) && !line.StartsWith("Chain", StringComparison.Ordinal));
        return long.Parse(rule.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0], null);
    }

    /// <inheritdoc/>
    public void Dispose() => Run("ip", "netns", "del", _name);

    private static Socket NewSocket() => new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    // A socket belongs to the namespace that its thread was in when it was made, wherever it is used later. The thread
    // is one of its own and ends here: a pool thread would carry the namespace on to whoever gets it next.
    private Task<Socket> MakeSocketAsync()
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

                made.SetResult(NewSocket());
            }
            catch (Exception e)
            {
                made.SetException(e);
            }
        });
        thread.Start();
        return made.Task;
    }

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
