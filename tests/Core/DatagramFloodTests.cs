using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>A node takes only so many datagrams at a time, and the next ones again once it has got through.</summary>
public sealed class DatagramFloodTests
{
    private const string Asker = "b";
    private const int Flood = 20_000;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Questions_beyond_what_it_can_answer_at_a_time_are_dropped()
    {
        var store = new FailingStore();
        var transport = new OneNode();
        var node = new Node(
            new NodeSettings { Name = OneNode.Name }, store, transport, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        transport.Node = node;
        node.Start();
        Assert.Equal(WriteOutcome.Created, (await node.WriteAsync(new Write("key", [1]))).Outcome);

        int heads = store.Reads.Heads;
        store.HeadGate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        for (int i = 0; i < Flood; i++)
        {
            Ask(node, (ulong)i);
        }

        Assert.InRange(store.Reads.Heads - heads, 1, Flood / 4);
        store.HeadGate.SetResult();
        store.HeadGate = null;
        long began = Stopwatch.GetTimestamp();
        while (!transport.Sent.Any(static sent => DatagramCodec.TryRead(sent.Datagram, [], out Datagram answer) && answer.RequestId == Flood))
        {
            Assert.True(Stopwatch.GetElapsedTime(began) < Deadline, "it takes no more questions");
            Ask(node, Flood);
            await Task.Yield();
        }

        await node.StopAsync().WaitAsync(Deadline);
    }

    private static void Ask(Node node, ulong id)
    {
        Span<byte> datagram = stackalloc byte[DatagramCodec.MaxBytes];
        int length = DatagramCodec.WriteWhoHas(datagram, [], DatagramCodec.SenderOf(Asker), id, "key", includingLocalOnly: false);
        node.ReceiveDatagram(Asker, datagram[..length]);
    }
}
