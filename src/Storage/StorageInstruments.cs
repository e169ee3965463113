using System.Diagnostics.Metrics;

namespace Diststore.Storage;

/// <summary>What a store counts; each count carries the node's name.</summary>
internal sealed class StorageInstruments : IDisposable
{
    private readonly Meter _meter;
    private readonly Counter<long> _batches;
    private readonly Counter<long> _fsyncs;
    private readonly Counter<long> _bytes;
    private readonly KeyValuePair<string, object?> _node;
    private long _fsyncCount;
    private long _batchCount;

    /// <summary>Counts for one store.</summary>
    /// <param name="node">The node's name.</param>
    public StorageInstruments(string node)
    {
        _node = new("node", node);
        _meter = new Meter("Diststore.Storage");
        _batches = _meter.CreateCounter<long>("diststore.storage.batches", "{batch}", "Atomic batches written.");
        _fsyncs = _meter.CreateCounter<long>("diststore.storage.fsyncs", "{fsync}", "Syncs of the log; many batches may share one.");
        _bytes = _meter.CreateCounter<long>("diststore.storage.written", "By", "Keys and rows written, before the engine's own work.");
    }

    /// <summary>Shows the store's state from now on: whoever collects may ask at once, on any thread.</summary>
    public void Observe(Func<StoreState> state)
    {
        Gauge("diststore.storage.entries", "{entry}", "Applied entries that are no tombstones.", () => state().Entries);
        Gauge("diststore.storage.local_entries", "{entry}", "Local-only entries.", () => state().LocalEntries);
        Gauge("diststore.storage.pending", "{batch}", "Batches persisted and not applied.", () => state().Pending.Count);
        Gauge("diststore.storage.applied", "{sequence}", "The last applied sequence.", () => state().Applied.Sequence);
        Gauge("diststore.storage.data", "By", "Keys and values of applied entries that are no tombstones.", () => state().LiveBytes);
    }

    /// <summary>How often the log was synced.</summary>
    public long Fsyncs => Volatile.Read(ref _fsyncCount);

    /// <summary>How many batches were written.</summary>
    public long Batches => Volatile.Read(ref _batchCount);

    public void Wrote(long bytes)
    {
        Interlocked.Increment(ref _batchCount);
        _batches.Add(1, _node);
        _bytes.Add(bytes, _node);
    }

    public void Synced()
    {
        Interlocked.Increment(ref _fsyncCount);
        _fsyncs.Add(1, _node);
    }

    public void Dispose() => _meter.Dispose();

    private void Gauge(string name, string unit, string description, Func<long> value) =>
        _meter.CreateObservableGauge(name, () => new Measurement<long>(value(), _node), unit, description);
}
