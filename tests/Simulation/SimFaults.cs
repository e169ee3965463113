namespace Diststore.Simulation;

/// <summary>Which faults a run has.</summary>
internal sealed record FaultKinds
{
    /// <summary>Whether stores outlive their processes, so that all may be killed at once.</summary>
    public required bool Durable { get; init; }

    /// <summary>Whether stores in memory are lost all at once now and then; null leaves it to chance.</summary>
    public bool? LosesAllStores { get; init; }

    /// <summary>Whether a backup is restored once.</summary>
    public bool Restores { get; init; }

    /// <summary>Mean time between two faults.</summary>
    public TimeSpan Every { get; init; } = TimeSpan.FromMilliseconds(700);
}

/// <summary>Random faults, mostly at the masters and mostly when something has just changed.</summary>
internal sealed partial class SimFaults(Pump pump, SimNetwork network, SimViewStorage storage, SimCluster cluster, FaultKinds kinds)
{
    // Of what an operator has to repair, one kind a run: both at once may be beyond repair.
    private readonly bool _losesDisks = pump.Random.Next(2) == 0;

    // Of stores in memory all at once: what must outlive the loss of one is checked in the other runs.
    private readonly bool _losesAllStores = kinds.LosesAllStores ?? (!kinds.Durable && pump.Random.Next(2) == 0);

    private TimeSpan _until;
    private TimeSpan _quietUntil;
    private bool _isRestored; // and all that there is lies on one node

    public void Start(TimeSpan until)
    {
        _until = until;
        network.Slow = kinds.Durable ? 0.002 : 0; // a master that is left out for that alone may be the last one
        storage.LostAnswers = 0.02;
        storage.Replaced += OnView;
        cluster.Clients.Acknowledged = OnAcknowledged;
        pump.Schedule(TimeSpan.FromSeconds(1), Next);
        pump.Schedule(TimeSpan.FromSeconds(1), NextAtGateway);
        if (_losesAllStores)
        {
            pump.Schedule(TimeSpan.FromSeconds(pump.Random.Next(2, 12)), LoseAllStoresOnceCalm);
        }

        if (kinds.Restores)
        {
            pump.Schedule(TimeSpan.FromSeconds(pump.Random.Next(1, 8)), BackUp);
        }
    }

    public void Heal()
    {
        (storage.IsDown, storage.LostAnswers) = (false, 0);
        (network.Loss, network.DatagramLoss, network.Slow, network.SlowHost) = (0, 0, 0, null);
        Calm();
        foreach (SimNode node in cluster.Nodes)
        {
            cluster.StartIfDown(node);
            node.SetWriteErrors(0);
            if (node.HasFailed)
            {
                cluster.Restart(node);
            }
        }
    }

    private void Next()
    {
        if (pump.Elapsed < _until)
        {
            pump.Schedule(pump.Exponential(kinds.Every), Next);
            DoUnlessQuiet();
        }
    }

    // What goes wrong while the masters change is what goes wrong.
    private void OnView(MasterView view)
    {
        if (_isRestored && view.OtherInSync)
        {
            (_isRestored, _quietUntil) = (false, pump.Elapsed);
        }

        if (pump.Elapsed >= _until || pump.Elapsed < _quietUntil)
        {
            return;
        }

        double x = pump.Random.NextDouble();
        if (x < 0.08 && kinds.Durable)
        {
            // Before it hears of it.
            Isolate(cluster.Named(view.Primary.Name));
        }
        else if (x < 0.16)
        {
            // The one before wakes and goes on while the new one has not begun.
            pump.Schedule(pump.Exponential(TimeSpan.FromMilliseconds(10)), ResumeAll);
        }
        else if (x < 0.35)
        {
            pump.Schedule(pump.Exponential(TimeSpan.FromMilliseconds(60)), DoUnlessQuiet);
        }
    }

    // The other master has it, and does not know yet that it is committed.
    private void OnAcknowledged()
    {
        bool isTime = kinds.Durable && pump.Elapsed < _until && pump.Elapsed >= _quietUntil && pump.Random.NextDouble() < 0.005;
        if (isTime && storage.View is { } view && cluster.Named(view.Primary.Name) is { IsUp: true } primary)
        {
            cluster.Kill(primary, TimeSpan.FromMilliseconds(pump.Pick([700, 4000])));
        }
    }

    private void DoUnlessQuiet()
    {
        if (pump.Elapsed >= _quietUntil)
        {
            Do(PickVictim());
        }
    }

    private void Do(SimNode node)
    {
        switch (pump.Random.NextDouble())
        {
            case < 0.18:
                Crash(node);
                break;
            case < 0.21:
                CrashPrimaryBehindOther(pump.Elapsed + TimeSpan.FromMilliseconds(300));
                break;
            case < 0.33:
                Pause(node.Scheduler);
                break;
            case < 0.50:
                CutLinks(node);
                break;
            case < 0.53:
                LeaveOnlyOtherMaster(node);
                break;
            case < 0.58:
                SlowThenIsolate(node);
                break;
            case < 0.74:
                network.HealLinks();
                break;
            case < 0.78:
                LoseMessages();
                break;
            case < 0.81:
                Pause(pump.Pick(cluster.Registries).Scheduler);
                break;
            case < 0.82:
                pump.Pick(cluster.Registries).Restart();
                break;
            case < 0.86:
                FailWrites(node);
                break;
            case < 0.88:
                JumpClock(node);
                break;
            case < 0.93:
                StepDown(node);
                break;
            case < 0.95:
                RestartOrderly(node);
                break;
            case < 0.98:
                StopStorage();
                break;
            default:
                LoseDiskOrView(node);
                break;
        }
    }

    // Mostly one of the masters, where faults matter.
    private SimNode PickVictim()
    {
        if (storage.View is { } view && pump.Random.NextDouble() < 0.6)
        {
            MasterId[] masters = view.Other is null ? [view.Primary] : [view.Primary, view.Other];
            return cluster.Named(pump.Pick(masters).Name);
        }

        return pump.Pick(cluster.Nodes);
    }

    private void Crash(SimNode node)
    {
        if (!node.IsUp)
        {
            return;
        }

        if (!kinds.Durable)
        {
            CrashOnceCalm(node, losesDisk: false);
            return;
        }

        cluster.Kill(node, TimeSpan.FromMilliseconds(pump.Pick([100, 700, 4000])));
        if (pump.Random.NextDouble() < 0.25 && storage.View is { Other: { } other } && cluster.Named(other.Name) is { IsUp: true } second)
        {
            cluster.Kill(second, TimeSpan.FromMilliseconds(pump.Pick([100, 700, 4000])));
        }
    }

    // Stores in memory survive one loss at a time, and only while the other master is in sync, both act in the view, and
    // nobody is about to be left out of the next one for another reason.
    private void Calm()
    {
        _quietUntil = pump.Elapsed + TimeSpan.FromSeconds(5);
        network.HealLinks();
        ResumeAll();
    }

    private void ResumeAll()
    {
        foreach (SimHost host in cluster.Nodes.Concat<SimHost>(cluster.Registries))
        {
            host.Scheduler.Resume();
        }
    }

    private void CrashOnceCalm(SimNode node, bool losesDisk)
    {
        Calm();
        pump.Schedule(TimeSpan.FromSeconds(3), () =>
        {
            if (pump.Elapsed >= _until || !IsCalm())
            {
                return;
            }

            // A primary may just have asked for a view without the other master: what has become of that is seen before it is back.
            bool leads = storage.View!.Primary.Name == node.Name;
            cluster.Kill(node, TimeSpan.FromMilliseconds(losesDisk && leads ? 4000 : pump.Pick([100, 700, 4000])));
            if (losesDisk)
            {
                pump.Schedule(TimeSpan.FromMilliseconds(leads ? 3900 : 0), () => LoseDiskIfOthersHoldAll(node));
            }
        });
    }

    // All that is in sync goes at once, sometimes everything. It is calm before, so that a store which is left is none that could
    // still lead; from then on anything may happen, also that a node hears late of the new history.
    private void LoseAllStoresOnceCalm()
    {
        Calm();
        pump.Schedule(TimeSpan.FromSeconds(3), () =>
        {
            if (pump.Elapsed >= _until || !IsCalm())
            {
                return;
            }

            // What is on its way to one of those that are left comes late, at times when the new history has begun.
            SimNode[] inSync = [.. storage.View!.InSyncSet.Select(master => cluster.Named(master.Name))];
            SimNode late = pump.Pick([.. cluster.Nodes.Except(inSync)]);
            (network.SlowHost, network.SlowMilliseconds) = (late.Name, (300, 950));
            cluster.Clients.ReadStronglyWithin(milliseconds: 40, late);
            pump.Schedule(TimeSpan.FromMilliseconds(60), () =>
            {
                (network.SlowHost, network.SlowMilliseconds) = (null, SimNetwork.UsuallySlow);
                if (pump.Elapsed < _until)
                {
                    // What is cut after the healing would stay so.
                    LoseAllStores(inSync);
                }
            });
        });
    }

    private void LoseAllStores(SimNode[] inSync)
    {
        _quietUntil = pump.Elapsed;
        TimeSpan backAfter = TimeSpan.FromMilliseconds(pump.Pick([100, 100, 700, 4000]));
        SimNode[] killed = pump.Random.Next(4) == 0 ? [.. cluster.Nodes] : inSync;
        foreach (SimNode node in killed)
        {
            cluster.Kill(node, backAfter);
        }

        if (cluster.Nodes.Except(killed).ToList() is { Count: > 0 } left && pump.Random.Next(2) == 0)
        {
            Cut(pump.Pick(left), [.. SimCluster.RegistryNames, .. inSync.Select(static node => node.Name)]);
        }
    }

    private void BackUp()
    {
        if (storage.View is { } view && cluster.Named(view.Primary.Name) is { IsUp: true, Disk: { State: { IsWhole: true } state } disk }
            && state.Applied != LogPoint.Zero)
        {
            var backup = SimBackup.Of(disk, pump.Random);
            pump.Schedule(TimeSpan.FromSeconds(pump.Random.Next(1, 8)), () => RestoreOnceCalm(backup));
            return;
        }

        pump.Schedule(TimeSpan.FromMilliseconds(200), BackUp);
    }

    // As the manual says: all nodes are stopped, one begins with the backup, the others and the registry's storage with nothing.
    private void RestoreOnceCalm(SimBackup backup)
    {
        Calm();
        pump.Schedule(TimeSpan.FromSeconds(3), () =>
        {
            if (pump.Elapsed >= _until)
            {
                return;
            }

            if (!IsCalm())
            {
                RestoreOnceCalm(backup);
                return;
            }

            (_isRestored, _quietUntil) = (true, TimeSpan.MaxValue);
            SimNode restored = pump.Pick(cluster.Nodes);
            foreach (SimNode node in cluster.Nodes)
            {
                cluster.Kill(node, TimeSpan.FromMilliseconds(700));
                node.LoseDisk();
            }

            restored.Restore(backup);
            storage.Wipe();
            foreach (SimRegistry registry in cluster.Registries)
            {
                registry.Restart();
            }
        });
    }

    private void LoseDiskIfOthersHoldAll(SimNode node)
    {
        if (!node.IsUp && storage.View!.InSyncSet.Any(master => master.Name != node.Name))
        {
            node.LoseDisk();
        }
    }

    private bool IsCalm() => storage.View is { OtherInSync: true } view
        && cluster.Nodes.All(static node => node.Answers)
        && view.InSyncSet.All(id => cluster.Named(id.Name) is var node && node.Node!.Id == id && node.Disk.State.View == view);

    // The other master holds what the primary has not persisted yet. It is there when the masters are picked, or it is not and
    // comes back later with what nobody else has; mostly nothing else happens meanwhile.
    private void CrashPrimaryBehindOther(TimeSpan until)
    {
        if (!kinds.Durable || pump.Elapsed > until || storage.View is not { OtherInSync: true, Other: { } other } view)
        {
            return;
        }

        SimNode primary = cluster.Named(view.Primary.Name), ahead = cluster.Named(other.Name);
        if (!primary.Answers || !ahead.Answers || ahead.Disk.State.Last <= primary.Disk.State.Last)
        {
            pump.Schedule(TimeSpan.FromMilliseconds(0.2), () => CrashPrimaryBehindOther(until));
            return;
        }

        cluster.Kill(primary, TimeSpan.FromMilliseconds(100));
        if (pump.Random.Next(2) == 0)
        {
            ahead.Scheduler.Pause();
            pump.Schedule(TimeSpan.FromSeconds(9), ahead.Scheduler.Resume);
            _quietUntil = pump.Elapsed + TimeSpan.FromSeconds(pump.Pick([0, 10]));
        }
    }

    private void LoseDiskOrView(SimNode node)
    {
        if (!kinds.Durable)
        {
            if (_losesAllStores)
            {
                LoseAllStoresOnceCalm();
            }

            return;
        }

        if (!_losesDisks)
        {
            storage.Wipe();
        }
        else
        {
            CrashOnceCalm(node, losesDisk: true);
        }
    }
}
