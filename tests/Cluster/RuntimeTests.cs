using System.Text.Json;

namespace Diststore.Cluster.Tests;

/// <summary>What the node's process tells the runtime; a misspelled property of the project tells it nothing.</summary>
public sealed class RuntimeTests
{
    [Fact]
    public void A_silo_has_one_heap_and_threads_that_spin_for_less_long_than_by_default()
    {
        using JsonDocument config = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Diststore.Silo.runtimeconfig.json")));
        JsonElement properties = config.RootElement.GetProperty("runtimeOptions").GetProperty("configProperties");
        Assert.False(properties.GetProperty("System.GC.Server").GetBoolean());
        Assert.Equal(30, properties.GetProperty("System.Threading.ThreadPool.UnfairSemaphoreSpinLimit").GetInt32());
    }
}
