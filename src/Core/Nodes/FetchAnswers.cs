namespace Diststore.Core;

/// <summary>What this node answers to whoever fetches keys from it, itself among them. For the node's scheduler.</summary>
internal sealed class FetchAnswers(Partition partition, LocalReads here)
{
    /// <summary>Answers; nothing for those that do not fit into one answer.</summary>
    public async Task<FetchReply?[]> AnswerAsync(FetchRequest[] requests)
    {
        if (partition.Primary is { IsReady: true } primary)
        {
            return await primary.Reads.FetchAsync(requests);
        }

        IReadOnlyList<HeldEntry> held = await here.LookManyAsync([.. requests.Select(static request => request.Key)], Batches.MaxAnswerBytes);
        return [.. requests.Select((request, i) => i < held.Count ? Answer(request, held[i]) : null)];
    }

    // A holder of a copy counts what remains of it by what it was told.
    private FetchReply Answer(FetchRequest request, HeldEntry held) =>
        !request.IsStrong && held.Entry is not null && held.Age <= request.MaxAge && held.CurrentAt.Sequence >= request.MinSequence
            ? new FetchReply(FetchStatus.Found, held.Entry, null, held.Life, held.CurrentAt, held.Age, History: held.History)
            : new FetchReply(FetchStatus.CannotTell, View: partition.Views.Newest);
}
