using System.Buffers;
using System.Collections;
using Diststore.Core;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Diststore.Cluster.Tests;

/// <summary>
/// Texts whose length users choose, within the messages that carry them. The serializer writes a length before each, and leaves room for
/// more than a character of any kind behind it; only who writes a text without that has to take care (<c>EntryCodec</c>).
/// </summary>
public sealed class MessageTextTests : IDisposable
{
    private static readonly MasterId s_id = new("n", Guid.NewGuid(), Guid.NewGuid(), Durable: true);
    private static readonly MasterView s_view = new(3, Guid.NewGuid(), s_id, null, false);

    private readonly ServiceProvider _services = new ServiceCollection().AddSerializer().BuildServiceProvider();

    public static TheoryData<string> Characters => new("k", "ä", "\u20ac", "\U0001F600");

    private Serializer Serializer => _services.GetRequiredService<Serializer>();

    public void Dispose() => _services.Dispose();

    [Theory]
    [MemberData(nameof(Characters))]
    public void A_long_text_may_begin_anywhere_in_a_segment_of_the_buffer(string character)
    {
        string text = string.Concat(Enumerable.Repeat(character, 1024 / System.Text.Encoding.UTF8.GetByteCount(character)));
        foreach (object message in Messages(text))
        {
            for (int before = 0; before < 2 * 16; before++)
            {
                object[] sent = [new byte[before], message];
                object[] received = Serializer.Deserialize<object[]>(Serialized(sent))!;
                Assert.True(Same(message, received[1]), $"{message} is now {received[1]}");
            }
        }
    }

    private static object[] Messages(string text) =>
    [
        new Write(text, [1, 2], text, TimeSpan.FromSeconds(3), new Condition(new VersionMatch(true, []), null)),
        new ListQuery(text, text, 5, IsStrong: true),
        new ListedKey(text, new LogPoint(1, 2), 3, text, DateTimeOffset.UnixEpoch, [1]),
        new ListResult(true, [new ListedKey(text, new LogPoint(1, 2), 3, null)], text, new LogPoint(1, 2), "node", "why", IsBusy: true),
        new KeysResult(KeysOutcome.Page, [text, "k", text], text, "node"),
        new RoleResult(RoleOutcome.Refused, "node", text),
        new OperatorReply(RoleOutcome.Refused, text, s_view),
        new SyncPageRequest(s_view, s_id, text, 7),
        new FetchRequest(text, TimeSpan.FromSeconds(1), IsStrong: true, MinSequence: 5, NamesHolders: true),
        new ChangedKey(text, new LogPoint(1, 2)),
        new WriteRequest(4, Transaction.Of(new Write(text, null))),
        new Transaction([new Write(text, null, Kind: WriteKind.Add, By: 3)], [new KeyCondition(text, Condition.Absent)], Mark: new RequestMark(text, [1])),
    ];

    private byte[] Serialized(object[] sent)
    {
        var segments = new SmallSegments();
        Serializer.Serialize(sent, segments);
        return segments.ToArray();
    }

    // Member by member, for arrays and conditions compare by reference.
    private static bool Same(object? one, object? other) => (one, other) switch
    {
        (null, null) => true,
        (null, _) or (_, null) => false,
        (string, _) or (ValueType and not ChangedKey, _) => one.Equals(other),
        (IEnumerable left, IEnumerable right) => left.Cast<object>().Zip(right.Cast<object>(), Same).All(static same => same)
            && left.Cast<object>().Count() == right.Cast<object>().Count(),
        _ => one.GetType() == other.GetType()
            && one.GetType().GetProperties().Where(static member => member.GetIndexParameters().Length == 0 && member.CanWrite)
                .All(member => Same(member.GetValue(one), member.GetValue(other))),
    };

    // A buffer of the smallest segments there can be, so that a text begins at each distance from a segment's end.
    private sealed class SmallSegments : IBufferWriter<byte>
    {
        private const int SegmentBytes = 16;

        private readonly MemoryStream _written = new();
        private byte[] _segment = [];

        public void Advance(int count) => _written.Write(_segment, 0, count);

        public Memory<byte> GetMemory(int sizeHint = 0) => _segment = new byte[Math.Max(sizeHint, SegmentBytes)];

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

        public byte[] ToArray() => _written.ToArray();
    }
}
