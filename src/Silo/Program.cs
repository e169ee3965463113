using Diststore.Logging;
using Diststore.Settings;
using Diststore.Silo;

if (CommandLine.AsksForHelp(args))
{
    Console.WriteLine(Welcome.Help());
    return 0;
}

FileRights.KeepToOwner();
using var signals = new StopSignals();
using var output = LineOutput.ToStandardOutput();
try
{
    StartOrder order = SettingsReader.Read(args);
    if (order.RestoreFile is { } file)
    {
        output.WriteLine(Restoring.Run(order.Nodes[0], file));
        return 0;
    }

    foreach (SiloSettings node in order.Nodes)
    {
        PortCheck.Run(node);
    }

    await using Clustering clustering = await Clustering.OpenAsync(order.Nodes[0]);
    await using var nodes = new NodeGroup(order, clustering, output);
    await nodes.StartAsync(signals.Stop);
    output.WriteLine(Welcome.Text(order.Nodes));
    if (clustering.Warning is { } warning)
    {
        output.WriteLine($"Warning: {warning}");
    }

    await nodes.RunAsync(signals.Stop);
    return 0;
}
catch (Exception exception) when (exception is StartException or DataLostException or JoinRefusedException)
{
    LineOutput.SayLast(exception.Message);
    return 1;
}
catch (OperationCanceledException) when (signals.Stop.IsCancellationRequested)
{
    return 0;
}
