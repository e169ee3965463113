using System.Diagnostics.Metrics;

namespace Diststore.Storage.Tests;

public sealed class InstrumentsTests
{
    [Fact]
    public async Task Counters_carry_the_nodes_name()
    {
        using var folder = new TestFolder();
        var counts = new Dictionary<string, long>(StringComparer.Ordinal);
        string node = Guid.NewGuid().ToString();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Meter.Name == "Diststore.Storage")
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            if (tags.Length == 1 && tags[0].Key == "node" && (string?)tags[0].Value == node)
            {
                lock (counts)
                {
                    counts[instrument.Name] = counts.GetValueOrDefault(instrument.Name) + value;
                }
            }
        });
        listener.Start();
        await using RocksStore store = RocksStore.Open(folder.Options with { NodeName = node });
        await store.WriteAsync(("a", "123"), ("b", "1"));
        await store.PutLocalAsync(new Entry("l", [1], null, LogPoint.Zero));
        listener.RecordObservableInstruments();

        lock (counts)
        {
            Assert.Equal((3L, 2L), (counts["diststore.storage.batches"], counts["diststore.storage.fsyncs"]));
            Assert.Equal((2L, 1L), (counts["diststore.storage.entries"], counts["diststore.storage.local_entries"]));
            Assert.Equal((0L, 2L, 6L), (counts["diststore.storage.pending"], counts["diststore.storage.applied"], counts["diststore.storage.data"]));
            Assert.True(counts["diststore.storage.written"] > 0);
        }
    }
}
