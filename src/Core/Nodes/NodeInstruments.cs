using System.Diagnostics.Metrics;

namespace Diststore.Core;

/// <summary>
/// What a node counts. Each measurement carries the node's name, for several nodes may live in one process. Counters are
/// added to on the node's scheduler; gauges are read by whoever collects, from any thread. No clock is read here.
/// </summary>
internal sealed class NodeInstruments
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Diststore.Node";

    private static readonly KeyValuePair<string, object?> Acknowledged = new("outcome", "acknowledged");
    private static readonly KeyValuePair<string, object?> Refused = new("outcome", "refused");
    private static readonly KeyValuePair<string, object?> NotTaken = new("outcome", "not-taken");
    private static readonly KeyValuePair<string, object?> Unknown = new("outcome", "unknown");

    private readonly KeyValuePair<string, object?> _node;
    private readonly Meter? _meter; // the factory's, which ends it
    private readonly Counter<long>? _batches;
    private readonly Counter<long>? _writes;
    private readonly Counter<long>? _expired;
    private readonly Counter<long>? _synced;
    private readonly Counter<long>? _missed;
    private readonly Counter<long>? _asked;
    private readonly Counter<long>? _answered;
    private readonly Counter<long>? _timedOut;
    private readonly Counter<long>? _answers;
    private readonly Counter<long>? _datagrams;

    /// <param name="node">The node's name.</param>
    /// <param name="meters">Whoever makes and ends meters; without one nothing is counted.</param>
    public NodeInstruments(string node, IMeterFactory? meters)
    {
        _node = NodeMeters.TagOf(node);
        _meter = meters?.CreateFor(node, MeterName);
        _batches = Counter("diststore.batches.ordered", "{batch}", "Batches ordered as the primary.");
        _writes = Counter("diststore.writes", "{write}", "Writes answered as the primary, by outcome.");
        _expired = Counter("diststore.entries.expired", "{entry}", "Expired entries turned into tombstones as the primary.");
        _synced = Counter("diststore.sync.entries", "{entry}", "Entries received while syncing as a learner: in a full sync, or as changes.");
        _missed = Counter("diststore.reads.missed", "{read}", "Reads that were not answered from what the node holds.");
        _asked = Counter("diststore.questions.sent", "{question}", "Who-has questions sent.");
        _answered = Counter("diststore.questions.answered", "{question}", "Who-has questions that someone has answered.");
        _timedOut = Counter("diststore.questions.timedout", "{question}", "Who-has questions given up when their time was out.");
        _answers = Counter("diststore.questions.answers", "{datagram}", "Answers to who-has questions that came, needed or not.");
        _datagrams = Counter("diststore.datagrams.refused", "{datagram}", "Datagrams of members that are malformed or not authentic.");
    }

    /// <summary>Shows the node's state from now on.</summary>
    /// <param name="store">The node's store.</param>
    /// <param name="copies">The node's copies.</param>
    /// <param name="served">What the node may show, and up to where that follows the primary's changes. Any thread.</param>
    /// <param name="missing">Masters in sync, where none of them is alive.</param>
    public void Observe(IStore store, CopyReader copies, Func<ServedState> served, Func<string> missing)
    {
        long? Followed() => served().From == ServedFrom.Copies ? copies.Now.Followed?.Sequence ?? 0 : store.State.Applied.Sequence;

        Gauge("diststore.sequence.pending", null, "The last sequence that the log holds, pending ones included.", () => store.State.Last.Sequence);
        Gauge("diststore.sequence.applied", null, "The last sequence that is applied.", () => store.State.Applied.Sequence);
        Gauge("diststore.sequence.followed", null, "The last sequence that the node has followed the primary's changes to.", () => Followed());
        Gauge("diststore.epoch", null, "The epoch of the view that the node acts in.", () => store.State.View?.Epoch);
        Gauge(
            "diststore.masters.missing", null, "1 where no master in sync is alive, so that nothing can be written; else 0.",
            () => missing().Length > 0 ? 1 : 0);
        Gauge("diststore.store.entries", "{entry}", "Replicated entries that the store holds.", () => store.State.Entries);
        Gauge("diststore.idempotency.memories", "{request}", "Requests with an Idempotency-Key that the store remembers.", () => store.State.Memories);
        Gauge("diststore.store.local.size", "By", "Bytes of keys and values that the store holds local-only.", () => store.State.LocalBytes);
        Gauge("diststore.store.size", "By", "Live bytes of keys and values that the store holds.", () => store.State.LiveBytes);
        Gauge("diststore.copies.entries", "{entry}", "Copies that the node keeps.", () => copies.Count);
        Gauge("diststore.copies.size", "By", "What the copies cost.", () => copies.Bytes);
    }

    public void BatchOrdered() => _batches?.Add(1, _node);

    /// <summary>A write has got its one answer as the primary's.</summary>
    public void WriteAnswered(WriteStatus status) => _writes?.Add(1, _node, status switch
    {
        WriteStatus.Created or WriteStatus.Replaced or WriteStatus.Deleted or WriteStatus.Done => Acknowledged,
        WriteStatus.NotFound or WriteStatus.ConditionFailed or WriteStatus.OverQuota or WriteStatus.Conflict or WriteStatus.TooLarge
            or WriteStatus.KeyReused => Refused,
        WriteStatus.NotPrimary or WriteStatus.Overloaded or WriteStatus.Refused => NotTaken,
        _ => Unknown,
    });

    public void EntryExpired() => _expired?.Add(1, _node);

    public void Synced(SyncKind kind, int entries) =>
        _synced?.Add(entries, _node, new("kind", kind == SyncKind.Full ? "full" : "changes"));

    public void ReadMissed(int keys = 1) => _missed?.Add(keys, _node);

    public void QuestionSent() => _asked?.Add(1, _node);

    public void AnswerReceived() => _answers?.Add(1, _node);

    public void QuestionAnswered() => _answered?.Add(1, _node);

    public void QuestionTimedOut() => _timedOut?.Add(1, _node);

    /// <summary>Any thread.</summary>
    public void DatagramRefused() => _datagrams?.Add(1, _node);

    private Counter<long>? Counter(string name, string unit, string description) => _meter?.CreateCounter<long>(name, unit, description);

    private void Gauge(string name, string? unit, string description, Func<long?> read) =>
        _meter?.CreateObservableGauge<long>(
            name, () => read() is { } value ? [new Measurement<long>(value, _node)] : Array.Empty<Measurement<long>>(), unit, description);
}
