namespace Diststore.Simulation;

/// <summary>
/// The one thread of a simulation. Runs the tasks of all schedulers, one at a time, the next scheduler picked by the
/// seed; each takes a little virtual time, so that messages arrive between the tasks of one node too. When nothing is left
/// to run now, the virtual clock jumps to the next event. The same seed replays exactly.
/// </summary>
internal sealed class Pump(int seed)
{
    // Ticks of 100 ns that one task takes at most; mostly far less, now and then as long as a page fault.
    private const int TaskTicks = 100;
    private const int SlowTaskTicks = 20_000;
    private const double SlowTasks = 0.002;

    private readonly PriorityQueue<Action, (long Time, long Order)> _events = new();
    private readonly List<SimScheduler> _ready = [];
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private long _order;

    public int Seed => seed;

    public Random Random { get; } = new(seed);

    /// <summary>Virtual time, in ticks of 100 ns since the start.</summary>
    public long Now { get; private set; }

    /// <summary>Folds in every step that was taken: equal for equal runs.</summary>
    public ulong Trace { get; private set; } = 14695981039346656037;

    /// <summary>The first exception that escaped a client or a registry, or the first rule that was broken.</summary>
    public Exception? Failure { get; set; }

    public TimeSpan Elapsed => TimeSpan.FromTicks(Now);

    public void Schedule(TimeSpan delay, Action action) =>
        _events.Enqueue(action, (Now + Math.Max(0, delay.Ticks), _order++));

    /// <summary>A random span with the given mean, most of them shorter.</summary>
    public TimeSpan Exponential(TimeSpan mean) => mean * -Math.Log(1 - Random.NextDouble());

    /// <summary>One of them.</summary>
    public T Pick<T>(IReadOnlyList<T> from) => from[Random.Next(from.Count)];

    /// <summary>A rule that must hold; where it does not the simulation ends, and names its seed.</summary>
    public void Require(bool holds, string otherwise)
    {
        if (!holds)
        {
            Failure ??= new SimulationException($"seed {Seed} at {Elapsed}: {otherwise}");
            throw Failure;
        }
    }

    /// <summary>A scheduler has something to run. Asserts that nobody has left the pump's thread.</summary>
    public void SetReady(SimScheduler scheduler)
    {
        if (Environment.CurrentManagedThreadId != _thread)
        {
            throw new InvalidOperationException($"a task for {scheduler.Name} was queued from another thread: something hopped to the pool");
        }

        if (!_ready.Contains(scheduler))
        {
            _ready.Add(scheduler);
        }
    }

    /// <summary>Runs until the virtual time has come.</summary>
    public void RunUntil(TimeSpan time)
    {
        // A test runner's context would draw every continuation away from the schedulers.
        SynchronizationContext? runner = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            Run(time);
            if (Failure is not null)
            {
                throw Failure as SimulationException ?? new SimulationException($"seed {Seed} at {Elapsed}: {Failure.Message}", Failure);
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(runner);
        }
    }

    private void Run(TimeSpan time)
    {
        while (Failure is null)
        {
            bool hasEvent = _events.TryPeek(out _, out (long Time, long Order) next) && next.Time <= time.Ticks;
            if (hasEvent && (next.Time <= Now || _ready.Count == 0))
            {
                Now = Math.Max(Now, next.Time);
                Fold((ulong)Now);
                _events.Dequeue()();
            }
            else if (_ready.Count > 0 && Now <= time.Ticks)
            {
                RunOne();
            }
            else
            {
                Now = Math.Max(Now, time.Ticks);
                return;
            }
        }
    }

    private void RunOne()
    {
        int pick = Random.Next(_ready.Count);
        SimScheduler scheduler = _ready[pick];
        if (!scheduler.RunNext())
        {
            _ready.RemoveAt(pick);
        }

        Now += Random.Next(Random.NextDouble() < SlowTasks ? SlowTaskTicks : TaskTicks);
        Fold((ulong)scheduler.Number);
    }

    private void Fold(ulong value) => Trace = (Trace ^ value) * 1099511628211;
}

/// <summary>One node's scheduler, drained by the pump. Killed, it drops what it has and what is yet to come.</summary>
internal sealed class SimScheduler(Pump pump, string name, int number) : TaskScheduler
{
    private readonly Queue<Task> _queue = new();

    public string Name => name;

    public int Number => number;

    public bool IsDead { get; private set; }

    public bool IsPaused { get; private set; }

    public override int MaximumConcurrencyLevel => 1;

    public void Kill()
    {
        IsDead = true;
        _queue.Clear();
    }

    public void Pause() => IsPaused = true;

    public void Resume()
    {
        IsPaused = false;
        if (_queue.Count > 0)
        {
            pump.SetReady(this);
        }
    }

    public void Post(Action action) => _ = Task.Factory.StartNew(action, CancellationToken.None, TaskCreationOptions.None, this);

    /// <summary>Runs an asynchronous action to its end; what it throws ends the simulation.</summary>
    public void Post(Func<Task> action) =>
        _ = Task.Factory.StartNew(
            async () =>
            {
                try
                {
                    await action();
                }
                catch (Exception e)
                {
                    pump.Failure ??= e;
                }
            },
            CancellationToken.None,
            TaskCreationOptions.None,
            this);

    /// <summary>Runs one task. False when there is none left to run.</summary>
    public bool RunNext()
    {
        if (IsPaused || !_queue.TryDequeue(out Task? task))
        {
            return false;
        }

        TryExecuteTask(task);
        return !IsPaused && _queue.Count > 0;
    }

    protected override void QueueTask(Task task)
    {
        if (!IsDead)
        {
            _queue.Enqueue(task);
            if (!IsPaused)
            {
                pump.SetReady(this);
            }
        }
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => _queue;
}

/// <summary>A rule was broken; the message names the seed.</summary>
internal sealed class SimulationException(string message, Exception? inner = null) : Exception(message, inner);
