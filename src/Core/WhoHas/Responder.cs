namespace Diststore.Core;

/// <summary>
/// Takes the datagrams of other nodes: answers who-has questions from copies and store, which any thread may read,
/// passes answers and hints on to the node's scheduler.
/// </summary>
internal sealed class Responder(
    DatagramChannel channel,
    Partition partition,
    LocalReads here,
    NodeContext context)
{
    /// <summary>Answers a question of <paramref name="sender"/>: who cannot show the key is silent, but for masters.</summary>
    public async ValueTask AnswerAsync(string sender, ulong id, string key, bool includingLocalOnly)
    {
        HeldHead held = await here.LookHeadAsync(key);
        if (held.Version is { } version && held.Age <= context.Settings.MaxStaleness)
        {
            channel.AnswerHave(sender, id, version);
            return;
        }

        if (includingLocalOnly && await context.Store.ReadLocalAsync(key) is not null)
        {
            channel.AnswerHaveLocal(sender, id);
        }
        else if (includingLocalOnly && context.Store.State.LocalEntries > 0)
        {
            // Who holds none at all is not named by the primary, so nobody waits for its word.
            channel.AnswerNoneLocal(sender, id);
        }

        if (held.Version is null && partition.Served.IsFromStore)
        {
            channel.AnswerNone(sender, id, partition.Views.Acting?.Epoch ?? 0);
        }
    }
}
