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
    /// <summary>Of holders of a copy so many answer a question, on average: enough to find a good one, at any size of the cluster.</summary>
    internal const int AnswersWanted = 4;

    private readonly ulong _dice = DatagramCodec.SenderOf(context.Settings.Name);

    /// <summary>Whether among so many nodes some holders are silent.</summary>
    public static bool IsThinned(int members) => members > AnswersWanted;

    /// <summary>
    /// Answers a question of <paramref name="sender"/>: who cannot show the key is silent, but for masters. Of many who hold a copy
    /// most are silent too, unless everyone is asked.
    /// </summary>
    public async ValueTask AnswerAsync(string sender, Datagram question)
    {
        (ulong id, string key, bool includingLocalOnly) = (question.RequestId, question.Key!, question.IncludingLocalOnly);
        HeldHead held = await here.LookHeadAsync(key);
        if (held.Version is { } version && held.Age <= context.Settings.MaxStaleness)
        {
            if (question.FromEveryone || partition.Served.IsFromStore || FallsToThisNode(id))
            {
                channel.AnswerHave(sender, id, version);
            }

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

    // With probability min(1, wanted / live nodes). The id of the question is random, so mixed with this node's name it is as good as
    // a throw of dice of this node's own, and needs no state (the mixing is the finalizer of SplitMix64; Steele, Lea, Flood 2014).
    private bool FallsToThisNode(ulong id)
    {
        ulong mixed = id ^ _dice;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        mixed ^= mixed >> 31;
        return Math.BigMul(mixed, (ulong)context.Transport.Members.Count, out _) < AnswersWanted;
    }
}
