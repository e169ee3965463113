using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Diststore.Contracts;
using Diststore.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Gateway.Tests;

/// <summary>A gateway's nodes as tests have them answer, on a clock that stands still: nothing ends for want of time.</summary>
internal sealed class FakeNodes
{
    private readonly ConcurrentDictionary<string, FakeNode> _nodes = new(StringComparer.Ordinal);

    public FakeNodes(params string[] names)
    {
        Live = new LiveNodes(Time, NullLogger<LiveNodes>.Instance);
        Live.Connect(name => this[name].Grain);
        Say(1, names);
        Store = new ClusterDiststore(Live, GatewayCopies.None, Time, NullLogger<ClusterDiststore>.Instance);
    }

    public StillTime Time { get; } = new();

    public LiveNodes Live { get; }

    public ClusterDiststore Store { get; }

    public FakeNode this[string name] => _nodes.GetOrAdd(name, static name => new FakeNode(name));

    /// <summary>All calls so far, as <c>node.Method</c>.</summary>
    public IEnumerable<string> Calls => _nodes.Values.SelectMany(static node => node.Calls);

    /// <summary>Some node says who lives; a name that ends in an exclamation mark is leaving.</summary>
    public void Say(long version, params string[] names) => Live.Take(new MemberList(
        version, [.. names.Select(static name => new Member(name.TrimEnd('!'), "life of " + name.TrimEnd('!'), name.EndsWith('!')))]));
}

/// <summary>A node whose every call a test answers.</summary>
internal sealed class FakeNode
{
    public FakeNode(string name)
    {
        Name = name;
        Grain = DispatchProxy.Create<INodeGrain, Proxy>();
        ((Proxy)Grain).Node = this;
    }

    public string Name { get; }

    public INodeGrain Grain { get; }

    public ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>Answers a call by its name, or gives null for one that is never answered.</summary>
    public Func<string, object?[], object?> Answer { get; set; } = static (_, _) => null;

    [SuppressMessage("Performance", "CA1852", Justification = "The proxy that is made derives from it.")]
    internal class Proxy : DispatchProxy
    {
        public FakeNode Node { get; set; } = null!;

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
        {
            Node.Calls.Enqueue($"{Node.Name}.{targetMethod!.Name}");
            object? answer = Node.Answer(targetMethod.Name, args!);
            return answer is Task ? answer
                : GetType().BaseType!.GetMethod(nameof(Task), BindingFlags.NonPublic | BindingFlags.Static)!
                    .MakeGenericMethod(targetMethod.ReturnType.GetGenericArguments()[0]).Invoke(null, [answer]);
        }

        private static Task<T> Task<T>(object? answer) => answer switch
        {
            null => new TaskCompletionSource<T>().Task,
            Exception exception => System.Threading.Tasks.Task.FromException<T>(exception),
            _ => System.Threading.Tasks.Task.FromResult((T)answer),
        };
    }
}

/// <summary>A clock that stands still until it is moved; its timers never fire.</summary>
internal sealed class StillTime : TimeProvider
{
    private long _ticks = TimeSpan.TicksPerHour;

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => Volatile.Read(ref _ticks);

    public void Advance(TimeSpan by) => Interlocked.Add(ref _ticks, by.Ticks);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => new NoTimer();

    private sealed class NoTimer : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
