using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace Diststore.Client;

/// <summary>Activities and metrics, named as OpenTelemetry's conventions for database clients say.</summary>
internal sealed class ClientInstruments : IDisposable
{
    public const string Name = "Diststore.Client";
    private const string System = "diststore";

    private readonly ActivitySource _activities = new(Name);
    private readonly Meter _meter;
    private readonly Histogram<double> _duration;
    private readonly Counter<long> _retries;
    private readonly TimeProvider _time;
    private readonly bool _ownsMeter;

    public ClientInstruments(IMeterFactory? meters, TimeProvider time)
    {
        _time = time;
        _ownsMeter = meters is null;
        _meter = meters?.Create(Name) ?? new Meter(Name);
        _duration = _meter.CreateHistogram(
            "db.client.operation.duration", "s", "Duration of database client operations, repetitions included.", tags: null,
            // The bounds that the conventions name.
            new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10] });
        _retries = _meter.CreateCounter<long>("diststore.client.retries", "{retry}", "Attempts that were followed by another one.");
    }

    public Operation Start(string name)
    {
        Activity? activity = _activities.StartActivity(name, ActivityKind.Client);
        activity?.SetTag("db.system.name", System).SetTag("db.operation.name", name);
        return new Operation(this, name, activity, _time.GetTimestamp());
    }

    public void Dispose()
    {
        _activities.Dispose();
        if (_ownsMeter)
        {
            // A factory disposes of its own.
            _meter.Dispose();
        }
    }

    /// <summary>One call of the client's user.</summary>
    internal sealed class Operation(ClientInstruments instruments, string name, Activity? activity, long started)
    {
        public void Retried(Failure failure)
        {
            instruments._retries.Add(1, new("db.system.name", System), new("db.operation.name", name), new("error.type", failure.ErrorType));
            activity?.AddEvent(new ActivityEvent("retry", tags: new ActivityTagsCollection { ["error.type"] = failure.ErrorType }));
        }

        public void Ended(Uri address, int? status, string? errorType, string? error = null)
        {
            var tags = new TagList
            {
                { "db.system.name", System },
                { "db.operation.name", name },
                { "server.address", address.IdnHost },
                { "server.port", address.Port },
            };
            if (status is { } code)
            {
                tags.Add("db.response.status_code", code.ToString(provider: null));
            }

            if (errorType is not null)
            {
                tags.Add("error.type", errorType);
                activity?.SetStatus(ActivityStatusCode.Error, error);
            }

            foreach ((string tag, object? value) in tags)
            {
                activity?.SetTag(tag, value);
            }

            instruments._duration.Record(instruments._time.GetElapsedTime(started).TotalSeconds, tags);
            activity?.Dispose();
        }
    }
}
