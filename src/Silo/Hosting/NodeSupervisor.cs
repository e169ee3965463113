using Diststore.Core;
using Diststore.Logging;
using Diststore.Settings;

namespace Diststore.Silo;

/// <summary>
/// Keeps one node running. A silo that the cluster declared dead may not go on: its host is ended and a fresh one
/// started, as a new process in the sense of the masters' view, on the same store or, if that had failed, on the store
/// opened anew.
/// </summary>
internal sealed partial class NodeSupervisor : IAsyncDisposable
{
    private static readonly TimeSpan s_minBackOff = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan s_maxBackOff = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_steady = TimeSpan.FromMinutes(1); // after so long a life the back-off starts anew
    private static readonly TimeSpan s_endTimeout = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_stopTimeout = NodeHostFactory.ShutdownTimeout + TimeSpan.FromSeconds(2); // it ends by itself before

    private readonly SiloSettings _settings;
    private readonly Clustering _clustering;
    private readonly IConfiguration _configuration;
    private readonly LineOutput _output;
    private readonly ILogger<NodeSupervisor> _logger;
    private readonly TimeProvider _time;
    private readonly NodeStore _store; // owned; outlives the hosts
    private SiloFault _fault = new();
    private WebApplication? _app;

    public NodeSupervisor(
        SiloSettings settings, NodeStore store, Clustering clustering, IConfiguration configuration, LineOutput output, ILogger<NodeSupervisor> logger,
        TimeProvider time) =>
        (_settings, _store, _clustering, _configuration, _output, _logger, _time) = (settings, store, clustering, configuration, output, logger, time);

    /// <summary>Starts the node; what keeps it from starting is a <see cref="StartException"/> or a <see cref="JoinRefusedException"/>.</summary>
    public async Task StartAsync(CancellationToken stop)
    {
        try
        {
            await StartHostAsync(stop);
        }
        catch (Exception exception) when (exception is not (StartException or JoinRefusedException) && !stop.IsCancellationRequested)
        {
            throw new StartException($"{_settings.NodeName} could not start: {Innermost(exception)}");
        }
    }

    /// <summary>
    /// Looks after the started node until <paramref name="stop"/>; a <see cref="DataLostException"/>
    /// or a <see cref="JoinRefusedException"/> when it cannot go on at all.
    /// </summary>
    public async Task WatchAsync(CancellationToken stop)
    {
        TimeSpan backOff = s_minBackOff;
        long started = _time.GetTimestamp();
        while (await HasFailedAsync(stop))
        {
            if (_time.GetElapsedTime(started) > s_steady)
            {
                backOff = s_minBackOff;
            }

            bool storeFailed = _fault.IsOfStore;
            await EndHostAsync(orderly: false);
            LogStartingAgain(_settings.NodeName, backOff.TotalSeconds);
            await Task.Delay(backOff, _time, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            backOff = backOff * 2 < s_maxBackOff ? backOff * 2 : s_maxBackOff;
            started = _time.GetTimestamp();
            await TryStartHostAsync(storeFailed, stop);
        }
    }

    /// <summary>Stops the node in an orderly way: HTTP first, then the node, then its silo.</summary>
    public Task StopAsync() => EndHostAsync(orderly: true);

    public async ValueTask DisposeAsync()
    {
        await EndHostAsync(orderly: false);
        await _store.DisposeAsync();
    }

    /// <summary>Waits; true when the silo cannot go on, false when it is to stop.</summary>
    private async Task<bool> HasFailedAsync(CancellationToken stop)
    {
        try
        {
            string reason = await _fault.Reason.WaitAsync(stop);
            LogFailed(_settings.NodeName, reason);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task StartHostAsync(CancellationToken stop)
    {
        _app = await NodeHostFactory.BuildAsync(_settings, _store.Current, _clustering, _configuration, _output, _fault);

        // A host that stops of its own accord, for a service of it failed, is a fault like any other.
        _app.Lifetime.ApplicationStopping.Register(static fault => ((SiloFault)fault!).OnFatalException(null, "its host stopped", null), _fault);
        try
        {
            await _app.StartAsync(stop).WaitAsync(stop);
        }
        catch (JoinRefusedException)
        {
            // Its silo was a member already, for a moment.
            await EndHostAsync(orderly: true);
            throw;
        }
    }

    private async Task TryStartHostAsync(bool storeFailed, CancellationToken stop)
    {
        _fault = new SiloFault();
        try
        {
            await _store.RenewAsync(storeFailed);
            await StartHostAsync(stop);
            LogStarted(_settings.NodeName);
        }
        catch (Exception exception) when (exception is not (DataLostException or JoinRefusedException))
        {
            _fault.OnFatalException(this, null, exception);
        }
    }

    private async Task EndHostAsync(bool orderly)
    {
        if (Interlocked.Exchange(ref _app, null) is not { } app)
        {
            return;
        }

        try
        {
            // A host that is told to stop at once skips what the cluster would not hear anyway.
            await app.StopAsync(new CancellationToken(canceled: !orderly)).WaitAsync(orderly ? s_stopTimeout : s_endTimeout, _time);
        }
        catch (OperationCanceledException) when (!orderly)
        {
            // That is how it says that it was told so.
        }
        catch (Exception exception)
        {
            LogDidNotStop(_settings.NodeName, Innermost(exception));
        }

        try
        {
            await app.DisposeAsync().AsTask().WaitAsync(s_endTimeout, _time);
        }
        catch (Exception exception)
        {
            LogDidNotStop(_settings.NodeName, Innermost(exception));
        }
    }

    private static string Innermost(Exception exception) => exception.GetBaseException().Message.Split('\n')[0].Trim();
}
