using Microsoft.Extensions.Logging;

namespace Diststore.Simulation;

public sealed class DebugTests
{
    [Fact]
    public void Trace()
    {
        string[] what = (Environment.GetEnvironmentVariable("DBG") ?? "").Split(',');
        if (what.Length < 2)
        {
            return;
        }
        using var file = new StreamWriter("/tmp/trace.txt") { AutoFlush = true };
        if (what.Length > 2)
        {
            PlantedBugs.Plant(Enum.Parse<PlantedBug>(what[2]));
        }
        SimCluster? cluster = null;
        var factory = new FileLoggers(file, () => cluster);
        cluster = new SimCluster(int.Parse(what[0], null), what[1] == "d", logs: factory);
        SimRegistry.Dbg = s => file.WriteLine($"{cluster.Now} {(TaskScheduler.Current as SimScheduler)?.Name} {s}");
        cluster.Log = s => file.WriteLine($"{cluster.Now} {s}");
        try
        {
            cluster.Run(TimeSpan.FromSeconds(20));
        }
        finally
        {
            foreach (SimNode node in cluster.Nodes)
            {
                Dump(file, node.Name, node.Node!, 0);
            }
        }
    }

    private static void Dump(StreamWriter file, string name, object what, int depth)
    {
        foreach (var field in what.GetType().GetFields(System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Instance))
        {
            object? value = field.GetValue(what);
            file.WriteLine($"{new string(' ', depth * 2)}{name} {field.Name} = {value} {(value as System.Collections.ICollection)?.Count}");
            if (depth < 3 && ((value is PrimaryRole or PeerLink or SharedRound<bool>) || (depth == 0 && value is Partition)))
            {
                Dump(file, name, value, depth + 1);
            }
        }
    }

    private sealed class FileLoggers(StreamWriter file, Func<SimCluster?> cluster) : ILoggerFactory, ILogger
    {
        public void AddProvider(ILoggerProvider provider) { }
        public ILogger CreateLogger(string categoryName) => this;
        public void Dispose() { }
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;
        public bool IsEnabled(LogLevel logLevel) => true;
        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            file.WriteLine($"{cluster()?.Now} {(TaskScheduler.Current as SimScheduler)?.Name} {formatter(state, exception)} {exception?.Message}");
    }
}
