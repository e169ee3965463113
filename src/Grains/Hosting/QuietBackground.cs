using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Configuration;
using Orleans.Statistics;

namespace Diststore.Grains;

/// <summary>What Orleans does in the background of a silo that nobody asks, as rarely as a node can do with (docs/performance.md).</summary>
internal static class QuietBackground
{
    /// <summary>Between two tellings of a silo's load to all others, which only placements by load go by. Nothing is placed so here.</summary>
    private static readonly TimeSpan LoadPeriod = TimeSpan.FromMinutes(10);

    public static void AddQuietBackground(this IServiceCollection services)
    {
        var beats = new BeatTimeProvider();
        services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.Membership, beats);
        services.AddKeyedSingleton<TimeProvider>(TimeProviderNames.SystemTimers, beats);
        services.Configure<DeploymentLoadPublisherOptions>(static options => options.DeploymentLoadPublisherRefreshTime = LoadPeriod);
        services.Replace(ServiceDescriptor.Singleton<IEnvironmentStatisticsProvider, NoStatistics>());
    }

    /// <summary>Orleans' own has the runtime gather its counters each second. They are for shedding load and for placement by load.</summary>
    private sealed class NoStatistics : IEnvironmentStatisticsProvider
    {
        public EnvironmentStatistics GetEnvironmentStatistics() => default;
    }
}
