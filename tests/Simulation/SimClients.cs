namespace Diststore.Simulation;

/// <summary>
/// The load: clients that write, delete, compare and set, and read with every kind of consistency, over a few keys at a
/// time; new ones every few seconds, so that the history of each key stays short enough to be checked.
/// </summary>
internal sealed class SimClients(Pump pump, IReadOnlyList<SimNode> nodes, AppliedLog applied, History history, SimTimeline timeline)
{
    /// <summary>How long a value that ends by itself lasts at most.</summary>
    public static readonly TimeSpan MaxTimeToLive = TimeSpan.FromSeconds(4);

    /// <summary>The keys of values that may end by themselves.</summary>
    public static readonly ChangeFilter ExpiringKeys = ChangeFilter.OfPrefix(ExpiringPrefix);

    /// <summary>Most others.</summary>
    public static readonly ChangeFilter LastingKeys = ChangeFilter.OfPrefix("key-");

    private const string ExpiringPrefix = "ttl";
    private const int KeysAtOnce = 5;
    private const int MaxPauseMilliseconds = 60;
    private static readonly TimeSpan KeysLastFor = TimeSpan.FromSeconds(5);

    // A request to a node that is killed meanwhile never ends; its client gives up on it. A read's sooner: others want to
    // be asked.
    private static readonly TimeSpan WritePatience = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(1);

    private readonly Dictionary<(string Key, Era Era), LogPoint> _gone = [];
    private static readonly ReadOptions Tighter = new(MaxAge: TimeSpan.FromMilliseconds(200));
    private static readonly ReadOptions Looser = new(MaxStale: TimeSpan.FromSeconds(2));

    private readonly SimScheduler _eager = new(pump, "client-eager", 199);
    private readonly Queue<string> _written = new(); // the keys written last
    private int _values;

    public bool IsOver { get; set; }

    /// <summary>Part of all requests that is about values which end by themselves.</summary>
    public double Expiring { get; set; } = 0.06;

    /// <summary>Told of each write at the moment that its client hears of it.</summary>
    public Action? Acknowledged { get; set; }

    public int AcknowledgedWrites { get; private set; }

    public int UnknownWrites { get; private set; }

    public int StrongReads { get; private set; }

    public int Swaps { get; private set; }

    public long LastAcknowledgedAt { get; private set; }

    public IReadOnlyCollection<string> Keys => history.Writes.Keys;

    public void Start(int number)
    {
        var scheduler = new SimScheduler(pump, $"client-{number}", 100 + number);
        var clock = new SimClock(pump, scheduler, 1, TimeSpan.Zero);
        scheduler.Post(async () =>
        {
            while (!IsOver)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(pump.Random.Next(1, MaxPauseMilliseconds)), clock);
                if (nodes.Where(static node => node.Answers).ToList() is { Count: > 0 } up)
                {
                    await RequestAsync(pump.Pick(up), clock);
                }
            }
        });
    }

    /// <summary>A client of a gateway, which mostly reads.</summary>
    public void StartAt(SimGateway gateway, int number)
    {
        var scheduler = new SimScheduler(pump, $"client-{number}", 100 + number);
        var clock = new SimClock(pump, scheduler, 1, TimeSpan.Zero);
        scheduler.Post(async () =>
        {
            while (!IsOver)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(pump.Random.Next(1, MaxPauseMilliseconds)), clock);
                long phase = pump.Now / KeysLastFor.Ticks;
                bool expires = pump.Random.NextDouble() < Expiring;
                string key = expires ? $"{ExpiringPrefix}-{phase}-{pump.Random.Next(2)}" : $"key-{phase}-{pump.Random.Next(KeysAtOnce)}";
                ReadOptions options = pump.Pick([new ReadOptions(), new ReadOptions(), Tighter, Looser, new ReadOptions(OnlyHere: true)]);
                await (pump.Random.NextDouble() < 0.15
                    ? PutAtAsync(gateway, key, clock)
                    : ReadAsync(gateway.Name, () => gateway.GetAsync(key, options), key, options, clock));
            }
        });
    }

    /// <summary>Whoever becomes the primary is asked at once for what was written last.</summary>
    public void OnView(MasterView view)
    {
        SimNode primary = nodes.Single(node => node.Name == view.Primary.Name);
        foreach (double milliseconds in new[] { 1, 3, 8, 20 })
        {
            AskSoon(milliseconds * (0.5 + pump.Random.NextDouble()), primary, clock => ReadStronglyAsync(primary, _written.Last(), clock));
        }
    }

    /// <summary>A node that nobody else reaches any more is asked again and again, for longer than it may answer.</summary>
    public void ReadOften(SimNode node)
    {
        for (int milliseconds = 1; milliseconds < 1500; milliseconds += 7)
        {
            AskSoon(milliseconds, node, clock => ReadAsync(node, pump.Pick([.. _written]), new ReadOptions(OnlyHere: true), clock));
        }
    }

    /// <summary>What was written last is asked for from the primary by way of that node, all within so many milliseconds.</summary>
    public void ReadStronglyWithin(int milliseconds, SimNode node)
    {
        foreach (string key in _written.Distinct())
        {
            AskSoon(pump.Random.NextDouble() * milliseconds, node, clock => ReadStronglyAsync(node, key, clock));
        }
    }

    private void AskSoon(double milliseconds, SimNode node, Func<TimeProvider, Task> ask) =>
        pump.Schedule(TimeSpan.FromMilliseconds(milliseconds), () => _eager.Post(
            () => !IsOver && node.Answers && _written.Count > 0 ? ask(new SimClock(pump, _eager, 1, TimeSpan.Zero)) : Task.CompletedTask));

    private Task RequestAsync(SimNode node, TimeProvider clock)
    {
        long phase = pump.Now / KeysLastFor.Ticks;
        if (pump.Random.NextDouble() < Expiring)
        {
            return ExpiringAsync(node, $"{ExpiringPrefix}-{phase}-{pump.Random.Next(2)}", clock);
        }

        string key = $"key-{phase}-{pump.Random.Next(KeysAtOnce)}";
        double x = pump.Random.NextDouble();
        return x switch
        {
            < 0.28 => PutAsync(node, key, clock),
            < 0.38 => DeleteAsync(node, key, clock),
            < 0.48 => SwapAsync(node, key, clock),
            < 0.66 => ReadStronglyAsync(node, key, clock),
            < 0.92 => ReadAsync(node, key, new ReadOptions(), clock),
            < 0.94 => ReadAsync(node, key, Tighter, clock),
            < 0.96 => ReadAsync(node, key, Looser, clock),
            < 0.97 => ReadAsync(node, key, new ReadOptions(OnlyHere: true), clock),
            < 0.98 => ReadManyAsync(node, [.. Enumerable.Range(0, KeysAtOnce).Select(i => $"key-{phase}-{i}")], pump.Pick([new ReadOptions(), Tighter]), clock),
            _ => ReadOwnWriteAsync(node, key, clock),
        };
    }

    private async Task PutAsync(SimNode node, string key, TimeProvider clock)
    {
        int value = ++_values;
        await WriteAsync(node, new Write(key, BitConverter.GetBytes(value)), OperationKind.Put, value, 0, clock);
    }

    private async Task PutAtAsync(SimGateway gateway, string key, TimeProvider clock)
    {
        int value = ++_values;
        TimeSpan? life = null;
        if (key.StartsWith(ExpiringPrefix, StringComparison.Ordinal))
        {
            history.Expiring.Add(key);
            life = TimeSpan.FromMilliseconds(pump.Random.Next(1, (int)MaxTimeToLive.TotalMilliseconds));
        }

        var write = new Write(key, BitConverter.GetBytes(value), TimeToLive: life);
        await WriteAsync(() => gateway.WriteAsync(write), write, OperationKind.Put, value, 0, clock);
    }

    private Task<LogPoint?> DeleteAsync(SimNode node, string key, TimeProvider clock) =>
        WriteAsync(node, new Write(key, null), OperationKind.Delete, 0, 0, clock);

    private async Task SwapAsync(SimNode node, string key, TimeProvider clock)
    {
        if ((await ReadAsync(node, key, new ReadOptions(), clock))?.Entry is { } seen)
        {
            int value = ++_values;
            var write = new Write(key, BitConverter.GetBytes(value), Condition: new Condition(new VersionMatch(false, [seen.Version]), null));
            await WriteAsync(node, write, OperationKind.Swap, value, ValueOf(seen), clock);
        }
    }

    // Where it was killed since it was chosen there is nobody to ask.
    private Task<LogPoint?> WriteAsync(SimNode node, Write write, OperationKind kind, int value, int expected, TimeProvider clock) =>
        node.Node is { } up ? WriteAsync(() => up.WriteAsync(write).AsTask(), write, kind, value, expected, clock) : Task.FromResult<LogPoint?>(null);

    private async Task<LogPoint?> WriteAsync(
        Func<Task<WriteResult>> ask, Write write, OperationKind kind, int value, int expected, TimeProvider clock)
    {
        long began = pump.Now;
        Attempt attempt = history.Begin(write.Key, began);
        WriteResult? result = await AskAsync(ask(), WritePatience, clock);
        OperationOutcome? outcome = result?.Outcome switch
        {
            WriteOutcome.Created => OperationOutcome.Absent,
            WriteOutcome.Replaced or WriteOutcome.Deleted => OperationOutcome.Existed,
            WriteOutcome.NotFound => OperationOutcome.Absent,
            WriteOutcome.ConditionFailed => OperationOutcome.Refused,
            WriteOutcome.Unavailable => null,
            _ => OperationOutcome.Unknown,
        };
        attempt.DidNothing = result?.Outcome is WriteOutcome.Unavailable or WriteOutcome.NotFound or WriteOutcome.ConditionFailed;
        if (outcome is null)
        {
            return null;
        }

        history.Add(write.Key, new Operation(kind, value, expected, outcome.Value, began, outcome == OperationOutcome.Unknown ? long.MaxValue : pump.Now));
        UnknownWrites += outcome == OperationOutcome.Unknown ? 1 : 0;
        if (result?.Outcome is not (WriteOutcome.Created or WriteOutcome.Replaced or WriteOutcome.Deleted))
        {
            return null;
        }

        LogPoint version = result.Value.Version;
        attempt.Version = version;
        bool isApplied = applied.Find(write.Key, version) is { } entry && entry.Value.AsSpan().SequenceEqual(write.Value);
        pump.Require(isApplied, $"{version} of {write.Key} was acknowledged, but applied nowhere");
        history.Acknowledge(new Entry(write.Key, write.Value, null, version), pump.Now);
        AcknowledgedWrites++;
        Swaps += kind == OperationKind.Swap ? 1 : 0;
        LastAcknowledgedAt = pump.Now;
        _written.Enqueue(write.Key);
        if (_written.Count > KeysAtOnce)
        {
            _written.Dequeue();
        }

        Acknowledged?.Invoke();
        return version;
    }

    private async Task<ReadResult?> ReadStronglyAsync(SimNode node, string key, TimeProvider clock)
    {
        long began = pump.Now;
        ReadResult? result = await AskAsync(node.Node!.GetAsync(key, new ReadOptions(IsStrong: true)).AsTask(), ReadPatience, clock);
        if (result is { Outcome: ReadOutcome.Found or ReadOutcome.NotFound } read)
        {
            StrongReads++;
            OperationOutcome outcome = read.Entry is null ? OperationOutcome.Absent : OperationOutcome.Existed;
            history.Add(key, new Operation(OperationKind.Read, read.Entry is null ? 0 : ValueOf(read.Entry), 0, outcome, began, pump.Now));
            history.Reads.Add(new BoundedRead(key, node.Name, began, pump.Now, TimeSpan.Zero, read.Entry?.Version, LogPoint.Zero));
        }

        return result;
    }

    private Task<ReadResult?> ReadAsync(SimNode node, string key, ReadOptions options, TimeProvider clock, LogPoint atLeast = default) =>
        ReadAsync(node.Name, () => node.Node!.GetAsync(key, options).AsTask(), key, options, clock, atLeast);

    private async Task<ReadResult?> ReadAsync(
        string name, Func<Task<ReadResult>> ask, string key, ReadOptions options, TimeProvider clock, LogPoint atLeast = default)
    {
        long arrived = pump.Now;
        TimeSpan bound = options.BoundOf(SimCluster.MaxStaleness);
        ReadResult? result = await AskAsync(ask(), ReadPatience, clock);
        if (result is { Outcome: ReadOutcome.Found or ReadOutcome.NotFound } read)
        {
            history.Reads.Add(new BoundedRead(key, name, arrived, pump.Now, bound, read.Entry?.Version, atLeast));
        }

        return result;
    }

    // Each as if it were read alone.
    private async Task ReadManyAsync(SimNode node, string[] keys, ReadOptions options, TimeProvider clock)
    {
        long arrived = pump.Now;
        Task<ManyResult> answer = node.Node!.ReadManyAsync(new ManyQuery(keys, options)).AsTask();
        await Task.WhenAny(answer, Task.Delay(ReadPatience, clock));
        if (answer.IsCompleted && await answer is { Read.Outcome: ReadOutcome.Found } read)
        {
            TimeSpan bound = options.BoundOf(SimCluster.MaxStaleness);
            history.Reads.AddRange(keys.Zip(
                read.Entries, (key, entry) => new BoundedRead(key, node.Name, arrived, pump.Now, bound, entry?.Version, LogPoint.Zero)));
        }
    }

    // What a client has written it finds again on any node, if it says so.
    private async Task ReadOwnWriteAsync(SimNode node, string key, TimeProvider clock)
    {
        int value = ++_values;
        LogPoint? version = await WriteAsync(node, new Write(key, BitConverter.GetBytes(value)), OperationKind.Put, value, 0, clock);
        if (version is { } written && nodes.Where(static n => n.Answers).ToList() is { Count: > 0 } up)
        {
            await ReadAsync(pump.Pick(up), key, new ReadOptions(MinSequence: written.Sequence), clock, written);
        }
    }

    // Of values that end by themselves. What was strongly found to have ended never comes back, unless all stores were lost.
    private async Task ExpiringAsync(SimNode node, string key, TimeProvider clock)
    {
        history.Expiring.Add(key);
        Task request = pump.Random.NextDouble() switch
        {
            < 0.30 => PutExpiringAsync(node, key, clock),
            < 0.33 => DeleteAsync(node, key, clock),
            < 0.55 => ReadExpiringStronglyAsync(node, key, clock),
            < 0.72 => ReadAsync(node, key, new ReadOptions(), clock),
            < 0.92 => ReadAsync(node, key, Tighter, clock),
            < 0.97 => ReadAsync(node, key, Looser, clock),
            _ => ReadAsync(node, key, new ReadOptions(OnlyHere: true), clock),
        };
        await request;
    }

    private async Task PutExpiringAsync(SimNode node, string key, TimeProvider clock)
    {
        int value = ++_values;
        TimeSpan life = TimeSpan.FromMilliseconds(pump.Random.Next(1, (int)MaxTimeToLive.TotalMilliseconds));
        await WriteAsync(node, new Write(key, BitConverter.GetBytes(value), TimeToLive: life), OperationKind.Put, value, 0, clock);
    }

    private async Task ReadExpiringStronglyAsync(SimNode node, string key, TimeProvider clock)
    {
        Era era = timeline.Now;
        LogPoint gone = _gone.GetValueOrDefault((key, era));
        LogPoint newest = history.NewestOf(key, era);
        ReadResult? result = await ReadStronglyAsync(node, key, clock);
        if (era != timeline.Now)
        {
            return;
        }

        if (result is { Outcome: ReadOutcome.Found, Entry: { } entry })
        {
            pump.Require(entry.Version > gone, $"{entry.Version} of {key} is back, after it had ended");
        }
        else if (result is { Outcome: ReadOutcome.NotFound } && newest > _gone.GetValueOrDefault((key, era)))
        {
            _gone[(key, era)] = newest;
        }
    }

    private static async Task<T?> AskAsync<T>(Task<T> task, TimeSpan patience, TimeProvider clock)
        where T : struct
    {
        await Task.WhenAny(task, Task.Delay(patience, clock));
        return task.IsCompleted ? await task : null;
    }

    private static int ValueOf(Entry entry) => BitConverter.ToInt32(entry.Value!);
}
