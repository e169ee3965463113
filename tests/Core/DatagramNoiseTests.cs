using System.Security.Cryptography;
using System.Text;
using CsCheck;
using Diststore.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>
/// What comes in by datagram may be anything. <c>DISTSTORE_INPUTS</c> tries more than the suite does; a failure names the
/// seed that <c>CsCheck_Seed</c> repeats.
/// </summary>
public sealed class DatagramNoiseTests
{
    private const int UsualInputs = 20_000;
    private const int Longest = 1300; // more than may come
    private const int MacBytes = 16;
    private const string Asker = "b";

    private static readonly byte[] NoKey = [];
    private static readonly byte[] ClusterKey = Encoding.UTF8.GetBytes("secret");

    private static Gen<byte[]> Noise { get; } = Gen.OneOf(
        Gen.Byte.Array[0, Longest],
        Gen.Select(
            Gen.Byte[0, 2],
            Gen.Byte[0, 7],
            Gen.OneOf(Gen.Byte.Array[0, 60], Gen.Byte[0, 3].Array[0, 60]),
            static (format, type, body) => (byte[])[.. "DSTO"u8, format, type, .. new byte[16], .. body]));

    // As they are written without a cluster key.
    private static Gen<byte[]> Valid { get; } = Gen.Select(
        Gen.Int[1, 6],
        Gen.OneOf(Gen.ULong, Gen.Const(DatagramCodec.SenderOf(Asker))),
        Gen.ULong,
        Gen.Select(DatagramCodecTests.ValidKeys, DatagramCodecTests.Points, static (key, point) => new ChangedKey(key, point)).Array[1, 5],
        Gen.Select(Gen.Bool, Gen.Bool),
        static (type, sender, request, changes, asked) => DatagramCodecTests.Write(
            new Datagram((DatagramType)type, sender, request)
            {
                Key = changes[0].Key,
                IncludingLocalOnly = asked.Item1,
                FromEveryone = asked.Item2,
                Version = changes[0].Version,
                Epoch = changes[0].Version.Epoch,
                Changes = [.. changes],
            },
            NoKey));

    private static Gen<byte[]> Damaged { get; } = Gen.Select(Valid, Edit.Some, static (bytes, edits) => Edit.All(bytes, edits));

    private static Gen<byte[]> Anything { get; } = Gen.Frequency((1, Noise), (1, Valid), (2, Damaged));

    [Fact]
    public void Anything_is_refused_or_read_as_exactly_what_would_be_written()
    {
        Sample(Gen.Select(Anything, Gen.Bool), static (bytes, hasKey) =>
        {
            // Who has the cluster key may send nonsense too, and authentically.
            byte[] clusterKey = hasKey ? ClusterKey : NoKey;
            byte[] datagram = hasKey ? Seal(bytes) : bytes;
            if (DatagramCodec.TryRead(datagram, clusterKey, out Datagram read))
            {
                Assert.Equal(datagram, DatagramCodecTests.Write(read, clusterKey));
            }
        });
    }

    [Fact]
    public void Nothing_is_read_without_the_right_hmac()
    {
        Sample(Gen.Select(Anything, Edit.Some, Gen.Byte.Array[16, 100]), static (bytes, edits, otherKey) =>
        {
            Assert.False(DatagramCodec.TryRead(bytes, ClusterKey, out _));
            byte[] right = Seal(bytes);
            Assert.False(DatagramCodec.TryRead(right, otherKey, out _));
            byte[] damaged = Edit.All(right, edits);
            Assert.False(!damaged.AsSpan().SequenceEqual(right) && DatagramCodec.TryRead(damaged, ClusterKey, out _));
        });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task No_answer_of_a_node_is_larger_than_its_question_and_only_questions_are_answered(bool hasKey)
    {
        byte[] clusterKey = hasKey ? ClusterKey : NoKey;
        var transport = new OneNode();
        await using var store = new MemoryStore(Guid.NewGuid(), TimeProvider.System, isDurable: true);
        var settings = new NodeSettings { Name = OneNode.Name, ClusterKey = clusterKey };
        var node = new Node(settings, store, transport, new NodeScheduler(), TimeProvider.System, new Random(1), NullLogger<Node>.Instance);
        node.Failed += static reason => throw new InvalidOperationException("the node has failed", reason);
        transport.Node = node;
        node.Start();
        Assert.Equal(WriteOutcome.Created, (await node.WriteAsync(new Write("held", [1]))).Outcome);
        await node.PutLocalAsync("local", [1], null);

        // The replies to all of it, so that a run in which nothing is ever asked or found does not pass.
        var answered = new Dictionary<DatagramType, int>();
        Gen<byte[]> question = Gen.Select(
            Gen.OneOf(Gen.OneOf("held", "local", "nobody's"), DatagramCodecTests.ValidKeys),
            Gen.ULong,
            Gen.Bool,
            static (key, request, local) => DatagramCodecTests.Write(
                new Datagram(DatagramType.WhoHas, DatagramCodec.SenderOf(Asker), request) { Key = key, IncludingLocalOnly = local }, NoKey));
        Gen<byte[]> nearly = Gen.Select(question, Edit.Some, static (bytes, edits) => Edit.All(bytes, edits));
        Sample(
            Gen.Frequency((2, question), (2, nearly), (1, Anything)),
            bytes =>
            {
                byte[] datagram = hasKey ? Seal(bytes) : bytes;
                node.ReceiveDatagram(Asker, datagram);

                // The store is in memory, so whatever answer there is has been given.
                bool isQuestion = DatagramCodec.TryRead(datagram, clusterKey, out Datagram read)
                    && read is { Type: DatagramType.WhoHas } && read.Sender == DatagramCodec.SenderOf(Asker);
                Assert.True(isQuestion || transport.Sent.IsEmpty);
                while (transport.Sent.TryDequeue(out (string To, byte[] Datagram) answer))
                {
                    Assert.Equal(Asker, answer.To);
                    Assert.InRange(answer.Datagram.Length, 1, datagram.Length);
                    Assert.True(DatagramCodec.TryRead(answer.Datagram, clusterKey, out Datagram said));
                    Assert.Equal(read.RequestId, said.RequestId);
                    answered[said.Type] = answered.GetValueOrDefault(said.Type) + 1;
                }
            },
            threads: 1);
        Assert.Equal([DatagramType.Have, DatagramType.HaveLocal, DatagramType.None, DatagramType.NoneLocal], answered.Keys.Order());
        Assert.Equal(ReadOutcome.Found, (await node.GetAsync("held")).Outcome);
        await node.StopAsync();
    }

    private static void Sample<T>(Gen<T> inputs, Action<T> property, int threads = -1) =>
        inputs.Sample(property, iter: LongRun.Inputs(UsualInputs), threads: threads, print: Hex);

    private static void Sample<T1, T2>(Gen<(T1, T2)> inputs, Action<T1, T2> property) =>
        Sample(inputs, input => property(input.Item1, input.Item2));

    private static void Sample<T1, T2, T3>(Gen<(T1, T2, T3)> inputs, Action<T1, T2, T3> property) =>
        Sample(inputs, input => property(input.Item1, input.Item2, input.Item3));

    // By another road than the codec's own.
    private static byte[] Seal(byte[] bytes)
    {
        using var hmac = new HMACSHA256(ClusterKey);
        return [.. bytes, .. hmac.ComputeHash(bytes)[..MacBytes]];
    }

    private static string Hex<T>(T input) => input is byte[] bytes ? Convert.ToHexString(bytes) : Check.Print(input);
}
