using System.Text;
using CsCheck;

namespace Diststore.Core.Tests;

public sealed class DatagramCodecTests
{
    // Byte counts of the header, of a WhoHas body with the shortest key, and of the HMAC.
    private const int Header = 22;
    private const int ShortestQuestion = 16;
    private const int Mac = 16;

    private static readonly byte[] NoKey = [];
    private static readonly byte[] ClusterKey = Encoding.UTF8.GetBytes("secret");

    private static Gen<byte[]> ClusterKeys => Gen.OneOf(Gen.Const(NoKey), Gen.Byte.Array[1, 100]);

    internal static Gen<LogPoint> Points =>
        Gen.Select(Gen.OneOf(Gen.Long[0, 3], Gen.Long[0, long.MaxValue]), Gen.Long[0, long.MaxValue], (epoch, sequence) => new LogPoint(epoch, sequence));

    internal static Gen<string> ValidKeys =>
        Gen.OneOf(
            Gen.Char['a', 'z'].Array[1, 40].Select(chars => new string(chars)),
            Gen.OneOf(Gen.Const("a"), Gen.Const("é"), Gen.Const("\uFFFD"), Gen.Const("\U0010FFFF")).Array[1, 256].Select(string.Concat),
            Gen.Int[1, KeyRules.MaxBytes].Select(length => new string('x', length)));

    [Fact]
    public void Every_kind_comes_back_as_it_was_written()
    {
        Gen<(bool Local, bool Everyone)> asked = Gen.Select(Gen.Bool, Gen.Bool);
        Gen.Select(ClusterKeys, Gen.ULong, Gen.ULong, ValidKeys, asked, Points).Sample((clusterKey, sender, request, key, flags, point) =>
        {
            byte[] buffer = Buffer();
            int length = DatagramCodec.WriteWhoHas(buffer, clusterKey, sender, request, key, flags.Local, flags.Everyone);
            Assert.Equal(
                new Datagram(DatagramType.WhoHas, sender, request) { Key = key, IncludingLocalOnly = flags.Local, FromEveryone = flags.Everyone },
                Read(buffer, length, clusterKey));

            length = DatagramCodec.WriteHave(buffer, clusterKey, sender, request, point);
            Assert.Equal(new Datagram(DatagramType.Have, sender, request) { Version = point }, Read(buffer, length, clusterKey));

            length = DatagramCodec.WriteHaveLocal(buffer, clusterKey, sender, request);
            Assert.Equal(new Datagram(DatagramType.HaveLocal, sender, request), Read(buffer, length, clusterKey));

            length = DatagramCodec.WriteNoneLocal(buffer, clusterKey, sender, request);
            Assert.Equal(new Datagram(DatagramType.NoneLocal, sender, request), Read(buffer, length, clusterKey));

            length = DatagramCodec.WriteNone(buffer, clusterKey, sender, request, point.Epoch);
            Assert.Equal(new Datagram(DatagramType.None, sender, request) { Epoch = point.Epoch }, Read(buffer, length, clusterKey));
        });
    }

    [Fact]
    public void Hints_take_as_many_as_fit_and_several_carry_all()
    {
        Gen.Select(ClusterKeys, Gen.Select(ValidKeys, Points, (key, point) => new ChangedKey(key, point)).Array[1, 300]).Sample((clusterKey, changes) =>
        {
            byte[] buffer = Buffer();
            var read = new List<ChangedKey>();
            for (int at = 0; at < changes.Length;)
            {
                int length = DatagramCodec.WriteHint(buffer, clusterKey, 1, 2, changes.AsSpan(at), out int taken);
                Assert.InRange(length, Header, DatagramCodec.MaxBytes);
                Datagram hint = Read(buffer, length, clusterKey);
                Assert.Equal((DatagramType.Hint, taken), (hint.Type, hint.Changes.Length));
                read.AddRange(hint.Changes);
                at += taken;
            }

            Assert.Equal(changes, read);
        });
    }

    [Fact]
    public void A_hint_leaves_no_room_for_one_more()
    {
        byte[] buffer = Buffer();
        ChangedKey[] changes = [.. Enumerable.Repeat(new ChangedKey("0123456789", new LogPoint(1, 1)), 100)];

        int length = DatagramCodec.WriteHint(buffer, ClusterKey, 1, 2, changes, out int taken);

        Assert.InRange(length, DatagramCodec.MaxBytes - (2 + 10 + 16) + 1, DatagramCodec.MaxBytes);
        Assert.Equal((DatagramCodec.MaxBytes - Header - Mac - 1) / (2 + 10 + 16), taken);
    }

    [Fact]
    public void The_longest_key_fits_with_an_hmac()
    {
        byte[] buffer = Buffer();
        string key = string.Concat(Enumerable.Repeat("\U0010FFFF", KeyRules.MaxBytes / 4));

        int length = DatagramCodec.WriteWhoHas(buffer, ClusterKey, 1, 2, key, includingLocalOnly: true);
        Assert.Equal(key, Read(buffer, length, ClusterKey).Key);

        length = DatagramCodec.WriteHint(buffer, ClusterKey, 1, 2, [new ChangedKey(key, new LogPoint(1, 1))], out int taken);
        Assert.Equal(1, taken);
        Assert.Equal(key, Assert.Single(Read(buffer, length, ClusterKey).Changes).Key);
    }

    [Fact]
    public void No_answer_is_larger_than_its_question()
    {
        Gen.Select(ClusterKeys, ValidKeys, Points).Sample((clusterKey, key, point) =>
        {
            byte[] buffer = Buffer();
            int question = DatagramCodec.WriteWhoHas(buffer, clusterKey, 1, 2, key, false);
            Assert.True(DatagramCodec.WriteHave(buffer, clusterKey, 1, 2, point) <= question);
            Assert.True(DatagramCodec.WriteHaveLocal(buffer, clusterKey, 1, 2) <= question);
            Assert.True(DatagramCodec.WriteNone(buffer, clusterKey, 1, 2, point.Epoch) <= question);
        });
    }

    [Fact]
    public void A_question_smaller_than_the_largest_answer_is_refused()
    {
        byte[] buffer = Buffer();
        int length = DatagramCodec.WriteWhoHas(buffer, NoKey, 1, 2, "a", false);

        Assert.Equal(Header + ShortestQuestion, length);
        Assert.True(DatagramCodec.TryRead(buffer.AsSpan(0, length), NoKey, out _));
        for (int shorter = 0; shorter < length; shorter++)
        {
            Assert.False(DatagramCodec.TryRead(buffer.AsSpan(0, shorter), NoKey, out _));
        }
    }

    [Fact]
    public void Padding_is_zeros_and_no_longer_than_needed()
    {
        byte[] buffer = Buffer();
        int length = DatagramCodec.WriteWhoHas(buffer, NoKey, 1, 2, "a", false);
        Assert.False(DatagramCodec.TryRead(buffer.AsSpan(0, length + 1), NoKey, out _));
        buffer[length - 1] = 1;
        Assert.False(DatagramCodec.TryRead(buffer.AsSpan(0, length), NoKey, out _));
        length = DatagramCodec.WriteWhoHas(Buffer(), NoKey, 1, 2, "a key of more bytes than the padding", false);
        buffer = Buffer();
        DatagramCodec.WriteWhoHas(buffer, NoKey, 1, 2, "a key of more bytes than the padding", false);
        Assert.False(DatagramCodec.TryRead(buffer.AsSpan(0, length + 1), NoKey, out _));
    }

    [Fact]
    public void Only_the_right_cluster_key_opens_a_datagram()
    {
        byte[] buffer = Buffer();
        byte[] sealedOne = buffer[..DatagramCodec.WriteHave(buffer, ClusterKey, 1, 2, new LogPoint(3, 4))];
        byte[] open = buffer[..DatagramCodec.WriteHave(buffer, NoKey, 1, 2, new LogPoint(3, 4))];

        Assert.True(DatagramCodec.TryRead(sealedOne, ClusterKey, out _));
        Assert.False(DatagramCodec.TryRead(sealedOne, Encoding.UTF8.GetBytes("other"), out _));
        Assert.False(DatagramCodec.TryRead(sealedOne, NoKey, out _));
        Assert.False(DatagramCodec.TryRead(open, ClusterKey, out _));
    }

    [Fact]
    public void One_changed_bit_anywhere_is_noticed_with_a_cluster_key()
    {
        byte[] buffer = Buffer();
        byte[] datagram = buffer[..DatagramCodec.WriteWhoHas(buffer, ClusterKey, 1, 2, "key", true)];
        for (int bit = 0; bit < datagram.Length * 8; bit++)
        {
            datagram[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(DatagramCodec.TryRead(datagram, ClusterKey, out _));
            datagram[bit / 8] ^= (byte)(1 << (bit % 8));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("00")] // NUL
    [InlineData("C080")] // NUL in two bytes
    [InlineData("EDA080")] // a lone surrogate
    [InlineData("FF")]
    [InlineData("F4908080")] // above U+10FFFF
    [InlineData("C3")] // cut short
    public void Keys_that_break_the_rules_are_refused(string hex)
    {
        byte[] key = Convert.FromHexString(hex);
        byte[] buffer = Buffer();
        int length = DatagramCodec.WriteWhoHas(buffer, NoKey, 1, 2, new string('x', 100), false);
        byte[] question = [.. buffer[..(Header + 1)], 0, (byte)key.Length, .. key, .. new byte[ShortestQuestion - 3 - key.Length]];
        byte[] whole = buffer[..length];

        Assert.True(DatagramCodec.TryRead(whole, NoKey, out _));
        Assert.False(DatagramCodec.TryRead(question, NoKey, out _));
    }

    [Fact]
    public void A_key_of_more_bytes_than_allowed_is_neither_written_nor_read()
    {
        byte[] buffer = Buffer();
        Assert.Throws<ArgumentOutOfRangeException>(
            () => DatagramCodec.WriteWhoHas(buffer, NoKey, 1, 2, new string('x', KeyRules.MaxBytes + 1), false));

        DatagramCodec.WriteWhoHas(buffer, NoKey, 1, 2, new string('x', KeyRules.MaxBytes), false);
        (buffer[Header + 1], buffer[Header + 2]) = (4, 1);
        buffer[Header + 3 + KeyRules.MaxBytes] = (byte)'x';
        Assert.False(DatagramCodec.TryRead(buffer.AsSpan(0, Header + 3 + KeyRules.MaxBytes + 1), NoKey, out _));
    }

    [Fact]
    public void Another_format_an_unknown_type_and_negative_numbers_are_refused()
    {
        byte[] buffer = Buffer();
        byte[] have = buffer[..DatagramCodec.WriteHave(buffer, NoKey, 1, 2, new LogPoint(-1, 1))];
        Assert.False(DatagramCodec.TryRead(have, NoKey, out _));
        have = buffer[..DatagramCodec.WriteHave(buffer, NoKey, 1, 2, new LogPoint(1, 1))];
        Assert.True(DatagramCodec.TryRead(have, NoKey, out _));
        have[4] = 2;
        Assert.False(DatagramCodec.TryRead(have, NoKey, out _));
        (have[4], have[5]) = (1, 6);
        Assert.False(DatagramCodec.TryRead(have, NoKey, out _));
        byte[] none = buffer[..DatagramCodec.WriteNone(buffer, NoKey, 1, 2, -1)];
        Assert.False(DatagramCodec.TryRead(none, NoKey, out _));
    }

    [Fact]
    public void Names_have_the_same_sender_everywhere()
    {
        // The first 8 bytes of SHA-256("node-1"), so that versions of this program understand each other.
        Assert.Equal(0x35971BE6E9BB024AUL, DatagramCodec.SenderOf("node-1"));
        Assert.NotEqual(DatagramCodec.SenderOf("node-1"), DatagramCodec.SenderOf("node-2"));
    }

    [Fact]
    public void The_form_on_the_wire_stays_as_it_is()
    {
        byte[] buffer = Buffer();
        int length = DatagramCodec.WriteWhoHas(buffer, NoKey, 0x0102030405060708, 0x1112131415161718, "ab", true);
        Assert.Equal(
            "4453544F" + "01" + "01" + "0102030405060708" + "1112131415161718" + "01" + "0002" + "6162" + "0000000000000000000000",
            Convert.ToHexString(buffer.AsSpan(0, length)));
        length = DatagramCodec.WriteHint(buffer, NoKey, 1, 0, [new ChangedKey("a", new LogPoint(2, 3))], out _);
        Assert.Equal(
            "4453544F" + "01" + "05" + "0000000000000001" + "0000000000000000" + "01" + "0001" + "61" + "0000000000000002" + "0000000000000003",
            Convert.ToHexString(buffer.AsSpan(0, length)));
    }

    private static byte[] Buffer() => new byte[DatagramCodec.MaxBytes];

    private static Datagram Read(byte[] buffer, int length, byte[] clusterKey)
    {
        Assert.True(DatagramCodec.TryRead(buffer.AsSpan(0, length), clusterKey, out Datagram datagram));
        return datagram;
    }

    /// <summary>Writes what its type says that it carries.</summary>
    internal static byte[] Write(Datagram datagram, byte[] clusterKey)
    {
        byte[] buffer = Buffer();
        (ulong sender, ulong request) = (datagram.Sender, datagram.RequestId);
        int length = datagram.Type switch
        {
            DatagramType.WhoHas => DatagramCodec.WriteWhoHas(
                buffer, clusterKey, sender, request, datagram.Key!, datagram.IncludingLocalOnly, datagram.FromEveryone),
            DatagramType.Have => DatagramCodec.WriteHave(buffer, clusterKey, sender, request, datagram.Version),
            DatagramType.HaveLocal => DatagramCodec.WriteHaveLocal(buffer, clusterKey, sender, request),
            DatagramType.NoneLocal => DatagramCodec.WriteNoneLocal(buffer, clusterKey, sender, request),
            DatagramType.None => DatagramCodec.WriteNone(buffer, clusterKey, sender, request, datagram.Epoch),
            _ => DatagramCodec.WriteHint(buffer, clusterKey, sender, request, [.. datagram.Changes], out _),
        };
        return buffer[..length];
    }
}
