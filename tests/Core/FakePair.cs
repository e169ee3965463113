using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Diststore.Core.Tests;

/// <summary>A cluster of the node under test and of a primary "p" that answers as it is told to; the registry says what the view is.</summary>
internal sealed class FakePair : ITransport
{
    public FakePair()
    {
        Registry = DispatchProxy.Create<IRegistry, RegistryProxy>();
        ((RegistryProxy)(object)Registry).Pair = this;
    }

    public MasterView? View { get; set; }

    public MasterId Primary { get; } = new("p", Guid.NewGuid(), Guid.NewGuid(), Durable: true);

    public List<SyncStartRequest> Starts { get; } = [];

    public List<FetchRequest> Fetches { get; } = [];

    public Func<SyncStartRequest, SyncStartReply>? OnStart { get; set; }

    public Func<SyncChangesRequest, SyncChangesReply>? OnChanges { get; set; }

    public Func<FollowRequest, FollowReply>? OnFollow { get; set; }

    public Func<FetchRequest, FetchReply>? OnFetch { get; set; }

    public Func<ManyQuery, SnapshotReply>? OnSnapshot { get; set; }

    public Func<Guid, int, SnapshotPart>? OnRest { get; set; }

    /// <summary>Calls with questions for keys, each of how many.</summary>
    public List<int> FetchCalls { get; } = [];

    public IReadOnlyList<string> Members { get; } = [OneNode.Name, "p"];

    public IRegistry Registry { get; }

    public IPeer Peer(string node)
    {
        IPeer peer = DispatchProxy.Create<IPeer, PrimaryProxy>();
        ((PrimaryProxy)(object)peer).Pair = this;
        return peer;
    }

    public void Multicast(ReadOnlySpan<byte> datagram)
    {
    }

    public void Send(string node, ReadOnlySpan<byte> datagram)
    {
    }

    public static async Task WaitAsync(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!condition())
        {
            deadline.Token.ThrowIfCancellationRequested();
            await Task.Yield();
        }
    }

    private static Task<T> Answer<TRequest, T>(object?[]? args, Func<TRequest, T>? answer, List<TRequest>? asked = null)
    {
        asked?.Add((TRequest)args![0]!);
        return answer is null ? Task.FromException<T>(new TimeoutException()) : Task.FromResult(answer((TRequest)args![0]!));
    }

    // The runtime derives from these.
    [SuppressMessage("Performance", "CA1852", Justification = "DispatchProxy makes a subtype")]
    private class RegistryProxy : DispatchProxy
    {
        public FakePair? Pair { get; set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => Task.FromResult(Pair!.View);
    }

    [SuppressMessage("Performance", "CA1852", Justification = "DispatchProxy makes a subtype")]
    private class PrimaryProxy : DispatchProxy
    {
        public FakePair? Pair { get; set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name switch
        {
            nameof(IPeer.StartSyncAsync) => Answer(args, Pair!.OnStart, Pair.Starts),
            nameof(IPeer.ReadChangesAsync) => Answer(args, Pair!.OnChanges),
            nameof(IPeer.FollowAsync) => Answer(args, Pair!.OnFollow),
            nameof(IPeer.ReadSnapshotAsync) => Answer(args, Pair!.OnSnapshot),
            nameof(IPeer.ReadRestAsync) => Task.FromResult(Pair!.OnRest!((Guid)args![0]!, (int)args[1]!)),
            nameof(IPeer.FetchAsync) => Fetch((FetchRequest[])args![0]!),
            nameof(IPeer.PingAsync) => Task.FromException<PingReply>(new TimeoutException()),
            _ => throw new NotSupportedException(targetMethod.Name),
        };

        private Task<FetchReply?[]> Fetch(FetchRequest[] requests)
        {
            Pair!.Fetches.AddRange(requests);
            Pair.FetchCalls.Add(requests.Length);
            return Pair.OnFetch is { } answer
                ? Task.FromResult<FetchReply?[]>([.. requests.Select(answer)])
                : Task.FromException<FetchReply?[]>(new TimeoutException());
        }
    }
}
