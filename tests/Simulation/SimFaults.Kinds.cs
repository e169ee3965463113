namespace Diststore.Simulation;

/// <content>What the network, the disks, the clocks and the operators do.</content>
internal sealed partial class SimFaults
{
    private void SlowThenIsolate(SimNode node)
    {
        if (kinds.Durable)
        {
            network.SlowHost = node.Name;
            pump.Schedule(TimeSpan.FromMilliseconds(pump.Random.Next(500, 1500)), () =>
            {
                network.SlowHost = null;
                Isolate(node);
                cluster.Clients.ReadOften(node);
            });
        }
    }

    // The registry replaces a primary that it does not reach; that one and the new one do reach each other.
    private void LeaveOnlyOtherMaster(SimNode node)
    {
        string?[] masters = [storage.View?.Primary.Name, storage.View?.Other?.Name];
        Cut(node, masters.Contains(node.Name) ? [.. OthersOf(node).Except(masters)!] : SimCluster.RegistryNames);
    }

    // Its clients reach it still.
    private void Isolate(SimNode node)
    {
        Cut(node, OthersOf(node));
        pump.Schedule(TimeSpan.FromMilliseconds(pump.Random.Next(1000, 4000)), network.HealLinks);
    }

    private void Cut(SimNode node, string[] others)
    {
        foreach (string other in others)
        {
            network.Cut(node.Name, other);
            network.Cut(other, node.Name);
        }
    }

    private string[] OthersOf(SimNode node) =>
        [.. cluster.Nodes.Select(static n => n.Name).Concat(SimCluster.RegistryNames).Where(name => name != node.Name)];

    private void Pause(SimScheduler scheduler)
    {
        if (kinds.Durable || pump.Random.Next(2) == 0)
        {
            scheduler.Pause();
            pump.Schedule(TimeSpan.FromMilliseconds(pump.Pick([100, 700, 3000])), scheduler.Resume);
        }
    }

    private void CutLinks(SimNode node)
    {
        string[] others = OthersOf(node);
        bool alone = pump.Random.NextDouble() < 0.4;
        string only = pump.Pick(others);
        foreach (string other in others.Where(other => alone ? other == only : pump.Random.NextDouble() < 0.6))
        {
            network.Cut(node.Name, other);
            if (pump.Random.NextDouble() < 0.7)
            {
                network.Cut(other, node.Name);
            }
        }
    }

    private void LoseMessages()
    {
        (network.Loss, network.DatagramLoss) = (0.2, 0.9);
        pump.Schedule(TimeSpan.FromSeconds(1), () => (network.Loss, network.DatagramLoss) = (0, 0.05));
    }

    private void FailWrites(SimNode node)
    {
        if (kinds.Durable && node.IsUp)
        {
            node.SetWriteErrors(0.2);
            pump.Schedule(TimeSpan.FromMilliseconds(300), () => node.SetWriteErrors(0));
        }
    }

    private void JumpClock(SimNode node)
    {
        if (node.IsUp)
        {
            node.JumpWallClock(TimeSpan.FromHours(pump.Random.Next(2) == 0 ? 1 : -1));
        }
    }

    private static void StepDown(SimNode node)
    {
        if (node.Answers && node.Node is { } running)
        {
            node.Scheduler.Post(() => running.StepDownAsync());
        }
    }

    private void RestartOrderly(SimNode node)
    {
        // What only it holds in memory would be gone with it.
        if (kinds.Durable && node.Answers && node.Node is { } running)
        {
            node.Scheduler.Post(async () =>
            {
                await running.StopAsync();
                if (node.Node == running)
                {
                    cluster.Kill(node, TimeSpan.FromMilliseconds(500));
                }
            });
        }
    }

    private void StopStorage()
    {
        storage.IsDown = true;
        pump.Schedule(TimeSpan.FromMilliseconds(pump.Pick([300, 2000])), () => storage.IsDown = false);
    }

    // Nobody depends on a gateway, so anything may happen to it at any time.
    private void NextAtGateway()
    {
        if (pump.Elapsed >= _until)
        {
            return;
        }

        SimGateway gateway = cluster.Gateway;
        pump.Schedule(pump.Exponential(TimeSpan.FromSeconds(1.5)), NextAtGateway);
        switch (pump.Random.Next(3))
        {
            case 0:
                SimScheduler scheduler = gateway.Scheduler;
                scheduler.Pause();
                pump.Schedule(TimeSpan.FromMilliseconds(pump.Pick([100, 700, 3000])), scheduler.Resume);
                break;
            case 1:
                foreach (SimNode node in cluster.Nodes.Where(_ => pump.Random.Next(2) == 0))
                {
                    (string from, string to) = pump.Random.Next(2) == 0 ? (node.Name, gateway.Name) : (gateway.Name, node.Name);
                    network.Cut(from, to);
                }

                break;
            default:
                gateway.Restart();
                break;
        }
    }
}
