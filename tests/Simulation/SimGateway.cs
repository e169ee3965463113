namespace Diststore.Simulation;

/// <summary>A gateway that keeps copies: it has no store, no role and no datagrams, and calls the nodes.</summary>
internal sealed class SimGateway : SimHost
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(1.5);

    private readonly SimNetwork _network;
    private SimClock _clock = null!;
    private CopyReader? _copies;
    private CopiedReads? _reads;
    private string? _followed;

    public SimGateway(Pump pump, string name, int number, SimNetwork network)
        : base(pump, name, number)
    {
        _network = network;
    }

    /// <summary>Reads that were answered from its copies.</summary>
    public int Hits { get; private set; }

    /// <summary>The process is killed, and another one begins without copies.</summary>
    public void Restart()
    {
        if (Service is null)
        {
            return;
        }

        Scheduler.Kill();
        Scheduler = new SimScheduler(Pump, Name, Number);
        Start();
    }

    /// <summary>What it would show of a key without asking anyone.</summary>
    public HeldEntry Look(string key) => _copies?.Look(key) ?? default;

    /// <summary>Reads a key; the answer comes on the caller's own scheduler.</summary>
    public Task<ReadResult> GetAsync(string key, ReadOptions options) => HereAsync(async () =>
    {
        ReadResult read = await _reads!.GetAsync(key, options);
        Hits += read is { Outcome: ReadOutcome.Found, Node: var node } && node == Name ? 1 : 0;
        return read;
    });

    /// <summary>Writes through some node, and keeps what was written.</summary>
    public Task<WriteResult> WriteAsync(Write write) => HereAsync(async () =>
    {
        long sent = _clock.GetTimestamp();
        WriteResult result = await AskAsync(node => node.WriteAsync(write).AsTask(), new WriteResult(WriteOutcome.Unknown, default, Name));
        _copies!.OnWritten(Transaction.Of(write), result, _clock.GetElapsedTime(sent));
        return result;
    });

    /// <summary>Begins to follow some node; until then it costs nothing.</summary>
    public void Start()
    {
        _clock = SimClock.Drifting(Pump, Scheduler);
        _copies = new CopyReader(1 << 20, TimeSpan.FromMinutes(5), _clock);
        _reads = new CopiedReads(_copies, Name, SimCluster.MaxStaleness, _clock, async (key, options) => await AskAsync(
            node => node.GetAsync(key, options).AsTask(), new ReadResult(ReadOutcome.Unavailable, null, Name)));
        var follower = new CopyFollower(_copies, SimCluster.MaxStaleness, _clock, FollowAsync);
        Service = this;
        Scheduler.Post(() => follower.RunAsync(CancellationToken.None));
    }

    // As the process that is killed never answers, the task of its caller never ends.
    private Task<T> HereAsync<T>(Func<Task<T>> request)
    {
        var answer = new TaskCompletionSource<T>();
        Scheduler.Post(async () => answer.SetResult(await request()));
        return answer.Task;
    }

    // A node whose disk fails meanwhile answers with that: the real one takes whatever a call throws for no answer.
    private static bool IsNoAnswer(Exception e) => e is TimeoutException or OperationCanceledException or StoreFailedException;

    private async Task<CopyNews?> FollowAsync(CopyQuestion question, TimeSpan timeout)
    {
        if (_network.Members.Count == 0)
        {
            return null;
        }

        _followed ??= Pump.Pick([.. _network.Members]);
        try
        {
            Task<CopyNews> asked = _network.CallAsync<Node, CopyNews>(this, _followed, node => node.FollowCopiesAsync(question));
            if (await asked.WaitAsync(timeout, _clock) is { IsGiven: true } news)
            {
                return news;
            }
        }
        catch (Exception e) when (IsNoAnswer(e))
        {
            // Another one is asked next.
        }

        _followed = null;
        return null;
    }

    private async Task<T> AskAsync<T>(Func<Node, Task<T>> call, T otherwise)
    {
        if (_network.Members.Count == 0)
        {
            return otherwise;
        }

        try
        {
            return await _network.CallAsync(this, Pump.Pick([.. _network.Members]), call).WaitAsync(CallTimeout, _clock);
        }
        catch (Exception e) when (IsNoAnswer(e))
        {
            return otherwise;
        }
    }
}
