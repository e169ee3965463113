namespace Diststore.Simulation;

/// <summary>
/// The network between nodes and registries: messages take their time, are lost, overtake each other; datagrams are
/// doubled too; links are cut one way. Where a call's process was killed nobody answers any more.
/// </summary>
internal sealed class SimNetwork(Pump pump)
{
    private readonly Dictionary<string, SimHost> _hosts = new(StringComparer.Ordinal);
    private readonly HashSet<(string From, string To)> _cut = [];
    private readonly HashSet<(string From, string To)> _losesNext = [];

    public static readonly (int Least, int Most) UsuallySlow = (150, 300);

    /// <summary>A datagram was sent, and to whom; it may yet be lost.</summary>
    public event Action<string, byte[]>? Sent;

    /// <summary>Part of all messages that is lost.</summary>
    public double Loss { get; set; }

    /// <summary>Part of all datagrams that is lost.</summary>
    public double DatagramLoss { get; set; }

    /// <summary>Part of all messages that take long, some longer than a reply is waited for.</summary>
    public double Slow { get; set; }

    /// <summary>The host that hears everything late; null for none.</summary>
    public string? SlowHost { get; set; }

    /// <summary>By how much at least, and at most.</summary>
    public (int Least, int Most) SlowMilliseconds { get; set; } = UsuallySlow;

    /// <summary>Names of the nodes that membership lists.</summary>
    public IReadOnlyList<string> Members { get; set; } = [];

    public void Add(SimHost host) => _hosts[host.Name] = host;

    public void Cut(string from, string to) => _cut.Add((from, to));

    public void HealLinks() => _cut.Clear();

    /// <summary>The next call from one to the other is lost.</summary>
    public void LoseNextCall(string from, string to) => _losesNext.Add((from, to));

    /// <summary>
    /// Calls a host from another. The task ends on the caller's scheduler with the answer, with the exception that the
    /// callee threw, or never.
    /// </summary>
    public Task<T> CallAsync<TTarget, T>(SimHost from, string to, Func<TTarget, Task<T>> call)
        where TTarget : class
    {
        var answer = new TaskCompletionSource<T>();
        SimScheduler caller = from.Scheduler;
        if (_losesNext.Remove((from.Name, to)))
        {
            return answer.Task;
        }

        Deliver(from.Name, to, () =>
        {
            SimHost target = _hosts[to];
            SimScheduler callee = target.Scheduler;
            if (callee.IsDead || target.Service is not TTarget service)
            {
                return;
            }

            callee.Post(async () =>
            {
                Action settle;
                try
                {
                    T result = await call(service);
                    settle = () => answer.TrySetResult(result);
                }
                catch (Exception e)
                {
                    settle = () => answer.TrySetException(e);
                }

                Deliver(to, from.Name, () => caller.Post(settle));
            });
        });
        return answer.Task;
    }

    public void Send(string from, string to, byte[] datagram)
    {
        Sent?.Invoke(to, datagram);
        int copies = pump.Random.NextDouble() < DatagramLoss ? 0 : pump.Random.NextDouble() < 0.02 ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            Deliver(from, to, () =>
            {
                SimHost target = _hosts[to];
                target.Scheduler.Post(() => (target.Service as Node)?.ReceiveDatagram(from, datagram));
            });
        }
    }

    private void Deliver(string from, string to, Action action)
    {
        if (!_cut.Contains((from, to)) && pump.Random.NextDouble() >= Loss)
        {
            int late = to == SlowHost ? pump.Random.Next(SlowMilliseconds.Least, SlowMilliseconds.Most) : 0;
            pump.Schedule(Delay() + TimeSpan.FromMilliseconds(late), action);
        }
    }

    // Mostly a fraction of a millisecond, now and then long enough to be overtaken, rarely longer than a time-out.
    private TimeSpan Delay()
    {
        double x = pump.Random.NextDouble();
        double milliseconds = x < 0.92 ? 0.1 + pump.Random.NextDouble()
            : x < 1 - Slow ? 1 + (pump.Random.NextDouble() * 30)
            : 30 + (pump.Random.NextDouble() * 1500);
        return TimeSpan.FromMilliseconds(milliseconds);
    }
}

/// <summary>A process of the simulation: what runs on one scheduler and answers calls.</summary>
internal abstract class SimHost(Pump pump, string name, int number)
{
    public Pump Pump => pump;

    public string Name => name;

    public int Number => number;

    public SimScheduler Scheduler { get; protected set; } = new(pump, name, number);

    /// <summary>What answers calls; null while the process is down.</summary>
    public object? Service { get; protected set; }
}
