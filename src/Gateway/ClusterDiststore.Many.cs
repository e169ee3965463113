using Diststore.Core;

namespace Diststore.Gateway;

/// <content>Reads of many keys.</content>
internal sealed partial class ClusterDiststore
{
    /// <inheritdoc/>
    public ValueTask<ManyResult> ReadManyAsync(ManyQuery query, CancellationToken cancellation = default) =>
        query.Options.IsStrong && query.Keys.Length > 0 ? ReadSnapshotAsync(query) : _many.ReadAsync(query);

    // The first results, at least one. A node that does not answer, or cannot say, is no reason not to ask another.
    private Task<ReadResult[]> AskManyAsync(ManyQuery query) => _turns.RunAsync(
        async () =>
        {
            ReadResult[]? answer = await AnyAsync(
                grain => grain.GetManyAsync(query), static results => results.Length > 0 && results[0].Outcome != ReadOutcome.Unavailable);
            return answer is { Length: > 0 } ? answer : [new ReadResult(ReadOutcome.Unavailable, null, "", _nodes.NotReadyBecause ?? "no node answers")];
        },
        static () => [TooMany]);

    // A node finds the primary; the rest of one moment is asked of the primary itself.
    private ValueTask<ManyResult> ReadSnapshotAsync(ManyQuery query) => new(_turns.RunAsync(
        async () =>
        {
            long asked = _time.GetTimestamp();
            SnapshotReply? reply = await AnyAsync(
                grain => grain.BeginSnapshotAsync(query), static reply => reply.Status != SnapshotStatus.CannotTell);
            IReadOnlyList<Entry?>? entries = reply is null ? null : await reply.GatherAsync(
                async (node, id, from) => (await AtAsync(node, grain => grain.ReadRestAsync(id, from))).Result);
            return ManyResult.Of(reply, entries, reply?.Node ?? "", query.Keys.Length, _time.GetElapsedTime(asked));
        },
        static () => ManyResult.Failed(TooMany)));
}
