namespace Diststore.Simulation;

/// <summary>The question who has a key, among so many nodes that not all of them are to answer.</summary>
public sealed class WhoHasTests
{
    private const int Nodes = 30;
    private const int Keys = 40;

    private readonly SimCluster _cluster = new(seed: 7, durable: true, nodes: Nodes);
    private readonly SimNode _asker;
    private readonly SimNode[] _holders;

    public WhoHasTests()
    {
        for (int key = 0; key < Keys; key++)
        {
            WriteResult written = _cluster.Ask(_cluster.Nodes[0], node => node.WriteAsync(new Write(Key(key), [1])));
            Assert.Equal(WriteOutcome.Created, written.Outcome);
        }

        _cluster.RunFor(TimeSpan.FromSeconds(10));
        SimNode[] copies = [.. _cluster.Nodes.Where(node => View.RoleOf(node.Node!.Id) == NodeRole.Copies)];
        (_asker, _holders) = (copies[0], copies[1..]);
    }

    private MasterView View => _cluster.Storage.View!;

    [Fact]
    public void Of_many_that_hold_a_key_a_handful_answers()
    {
        Hold(_holders);
        int answers = 0;
        OnSent(_asker, datagram => answers += datagram.Type == DatagramType.Have ? 1 : 0);

        Assert.All(Enumerable.Range(0, Keys), key => Assert.Equal(ReadOutcome.Found, Get(_asker, key)));

        // Both masters, and of the others four on average.
        Assert.InRange(answers / (double)Keys, 4, 8);
    }

    [Fact]
    public void When_the_primary_does_not_answer_every_holder_is_asked()
    {
        // With so few holders the first question is often answered by none of them.
        Hold(_holders[..3]);
        foreach (MasterId master in View.InSyncSet)
        {
            _cluster.Network.Cut(_asker.Name, master.Name);
        }

        int again = 0;
        OnSent(_holders[0], datagram => again += datagram is { Type: DatagramType.WhoHas, FromEveryone: true } ? 1 : 0);
        int found = Enumerable.Range(0, Keys / 4).Count(key => Get(_asker, key) == ReadOutcome.Found);

        Assert.Equal(Keys / 4, found);
        Assert.InRange(again, 1, Keys);
    }

    private static string Key(int key) => $"key-{key}";

    private void Hold(SimNode[] holders) => Array.ForEach(
        holders, holder => Assert.All(Enumerable.Range(0, Keys), key => Assert.Equal(ReadOutcome.Found, Get(holder, key))));

    private void OnSent(SimNode to, Action<Datagram> take) => _cluster.Network.Sent += (name, bytes) =>
    {
        if (name == to.Name && DatagramCodec.TryRead(bytes, [], out Datagram datagram))
        {
            take(datagram);
        }
    };

    private ReadOutcome Get(SimNode at, int key) => _cluster.Ask(at, node => node.GetAsync(Key(key), default)).Outcome;
}
