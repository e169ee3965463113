namespace Diststore.Core;

/// <summary>
/// Takes the datagrams of other nodes: answers who-has questions from copies and store, which any thread may read,
/// passes answers and hints on to the node's scheduler.
/// </summary>
internal sealed class Responder(
    DatagramChannel channel,
    Partition partition,
    Func<string, ValueTask<Entry?>> findHere,
    Func<string, ValueTask<Entry?>> findLocalOnly)
{
    /// <summary>Answers a question of <paramref name="sender"/>: who cannot show the key is silent, but for masters.</summary>
    public async ValueTask AnswerAsync(string sender, ulong id, string key, bool includingLocalOnly)
    {
        if (await findHere(key) is { } entry)
        {
            channel.AnswerHave(sender, id, entry.Version);
            return;
        }

        if (includingLocalOnly && await findLocalOnly(key) is not null)
        {
            channel.AnswerHaveLocal(sender, id);
        }

        if (partition.ServesFromStore)
        {
            channel.AnswerNone(sender, id, partition.Acting?.Epoch ?? 0);
        }
    }
}
