using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using Diststore.Client;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Clients as services.</summary>
public static class DiststoreClientServices
{
    /// <summary>Adds a <see cref="DiststoreClient"/> for the whole process. Its options are checked when the host starts.</summary>
    /// <returns>The options, to take more of them from elsewhere, as a configuration.</returns>
    public static OptionsBuilder<DiststoreClientOptions> AddDiststoreClient(
        this IServiceCollection services, Action<DiststoreClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.TryAddSingleton(static provider => Make(provider, Options.Options.DefaultName));
        return Configured(services, Options.Options.DefaultName, configure);
    }

    /// <summary>
    /// Adds a <see cref="DiststoreClient"/> of its own under a key, for a second cluster. Its options, of that name, are checked when the host starts.
    /// </summary>
    /// <returns>The options, to take more of them from elsewhere, as a configuration.</returns>
    public static OptionsBuilder<DiststoreClientOptions> AddKeyedDiststoreClient(
        this IServiceCollection services, string serviceKey, Action<DiststoreClientOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentException.ThrowIfNullOrEmpty(serviceKey);
        services.TryAddKeyedSingleton(serviceKey, static (provider, key) => Make(provider, (string)key!));
        return Configured(services, serviceKey, configure);
    }

    private static OptionsBuilder<DiststoreClientOptions> Configured(IServiceCollection services, string name, Action<DiststoreClientOptions>? configure)
    {
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<DiststoreClientOptions>, OptionsCheck>());
        OptionsBuilder<DiststoreClientOptions> options = services.AddOptions<DiststoreClientOptions>(name).ValidateOnStart();
        return configure is null ? options : options.Configure(configure);
    }

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The provider disposes of its services.")]
    private static DiststoreClient Make(IServiceProvider provider, string name) => new(
        provider.GetRequiredService<IOptionsMonitor<DiststoreClientOptions>>().Get(name),
        provider.GetService<ILoggerFactory>(),
        provider.GetService<IMeterFactory>());

    private sealed class OptionsCheck : IValidateOptions<DiststoreClientOptions>
    {
        public ValidateOptionsResult Validate(string? name, DiststoreClientOptions options)
        {
            string whose = string.IsNullOrEmpty(name) ? "Diststore client" : $"Diststore client '{name}'";
            string[] problems = [.. options.Problems().Select(problem => $"{whose}: {problem}")];
            return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
        }
    }
}
