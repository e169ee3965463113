using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;

namespace Diststore.Client.Tests;

/// <summary>What calls tell to OpenTelemetry, by its names for database clients.</summary>
public sealed class InstrumentTests
{
    [Fact]
    public async Task A_call_is_one_duration_whatever_it_took()
    {
        using var metrics = new Collector();
        using DiststoreClient client = new Script().Refuses(503, "busy").Answers(201).Refuses(400, "bad-request").Client(meters: metrics.Factory);

        await client.PutAsync("k", "v");
        await Assert.ThrowsAsync<DiststoreRequestException>(() => client.GetAsync("k"));

        Assert.Equal(
            [
                "diststore.client.retries db.operation.name=put db.system.name=diststore error.type=busy",
                "db.client.operation.duration db.operation.name=put db.response.status_code=201 db.system.name=diststore server.address=b server.port=2",
                "db.client.operation.duration db.operation.name=get db.response.status_code=400 db.system.name=diststore error.type=bad-request "
                    + "server.address=b server.port=2",
            ],
            metrics.Taken);
    }

    [Fact]
    public async Task A_call_is_an_activity_of_a_client()
    {
        var ended = new List<Activity>();
        using Activity parent = new Activity("test").Start();
        using var listener = new ActivityListener
        {
            ShouldListenTo = static source => source.Name == "Diststore.Client",
            Sample = static (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            // Tests beside this one have calls as well.
            ActivityStopped = activity => Add(activity),
        };
        ActivitySource.AddActivityListener(listener);
        using DiststoreClient client = new Script().Loses().Answers(204, "", ("ETag", "\"1-1\"")).Refuses(507, "over-quota").Client();

        await client.TouchAsync("k", Expiry.Never);
        await Assert.ThrowsAsync<DiststoreRequestException>(() => client.AddAsync("k"));

        Assert.Equal(["touch", "add"], ended.Select(static activity => activity.DisplayName));
        Assert.All(ended, static activity => Assert.Equal((ActivityKind.Client, "diststore"), (activity.Kind, activity.GetTagItem("db.system.name"))));
        Assert.Equal(("b", 2), (ended[0].GetTagItem("server.address"), ended[0].GetTagItem("server.port")));
        Assert.Equal("204", ended[0].GetTagItem("db.response.status_code"));
        Assert.Equal((ActivityStatusCode.Unset, "retry"), (ended[0].Status, Assert.Single(ended[0].Events).Name));
        Assert.Equal((ActivityStatusCode.Error, "over-quota"), (ended[1].Status, ended[1].GetTagItem("error.type")));

        void Add(Activity activity)
        {
            if (activity.ParentId == parent.Id)
            {
                ended.Add(activity);
            }
        }
    }

    private sealed class Collector : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();

        public Collector()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                // Tests beside this one measure as well, with meters of other factories.
                if (instrument.Meter.Name == "Diststore.Client" && instrument.Meter.Scope == Factory)
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Take(instrument, tags));
            _listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Take(instrument, tags));
            _listener.Start();
        }

        public List<string> Taken { get; } = [];

        public IMeterFactory Factory => _services.GetRequiredService<IMeterFactory>();

        public void Dispose()
        {
            _listener.Dispose();
            _services.Dispose();
        }

        private void Take(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            lock (Taken)
            {
                Taken.Add($"{instrument.Name} {string.Join(' ', tags.ToArray().Select(static tag => $"{tag.Key}={tag.Value}").Order(StringComparer.Ordinal))}");
            }
        }
    }
}
