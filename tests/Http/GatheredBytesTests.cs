using CsCheck;

namespace Diststore.Http.Tests;

/// <summary>What is reserved of a body follows what has come of it.</summary>
public sealed class GatheredBytesTests : IDisposable
{
    private const int Max = 8 << 20;

    private readonly ByteBudget _budget = new(4 * Max, new ManualTime());

    public void Dispose() => _budget.Dispose();

    [Theory]
    [InlineData(null)]
    [InlineData(60_000L)]
    [InlineData(4L << 20)]
    public void The_first_byte_reserves_little_and_more_as_it_comes(long? announced)
    {
        using ByteReservation room = _budget.OpenForBody(announced);
        using var gathered = new GatheredBytes(room, Max, announced);
        var reserved = new List<long>();
        for (int i = 0; i < 60_000; i++)
        {
            Assert.Equal(Gathering.Done, gathered.Append([(byte)i]));
            if (reserved.LastOrDefault() != room.Held)
            {
                reserved.Add(room.Held);
            }
        }

        Assert.Equal([4096, 8192, 16_384, 32_768, announced == 60_000 ? 60_000 : 65_536], reserved);
        Assert.Equal(Enumerable.Range(0, 60_000).Select(static i => (byte)i), gathered.ToArray());
        Assert.Equal(60_000, room.Held);
    }

    [Fact]
    public void A_short_body_that_is_announced_is_gathered_in_the_array_that_it_is_to_be()
    {
        foreach (int length in new[] { 1, 100, 60_000 })
        {
            using ByteReservation room = _budget.OpenForBody(length);
            using var gathered = new GatheredBytes(room, Max, length);
            Assert.Equal(Gathering.Done, gathered.Append(new byte[length]));
            Assert.Equal(length, room.Held);
            Assert.Equal(length, gathered.ToArray().Length);
            Assert.Same(gathered.ToArray(), gathered.ToArray());
            Assert.Equal(Gathering.TooLong, gathered.Append([1]));
        }
    }

    [Fact]
    public void Whatever_the_pieces_the_bytes_are_the_same_and_what_is_reserved_is_less_than_twice_them_and_a_step() =>
        Gen.Select(Gen.Int[0, 100_000].Array[0, 6], Gen.Int[0, 2]).Sample((pieces, kind) =>
        {
            int length = pieces.Sum();
            long? announced = kind == 0 ? null : kind == 1 ? length : length + 1000;
            byte[] all = new byte[length];
            new Random(length).NextBytes(all);
            using ByteReservation room = _budget.OpenForBody(announced);
            using var gathered = new GatheredBytes(room, Max, announced);
            int at = 0;
            foreach (int piece in pieces)
            {
                Assert.Equal(Gathering.Done, gathered.Append(all.AsSpan(at, piece)));
                at += piece;
                Assert.InRange(room.Held, at, Math.Min(Math.Max(2 * at, GatheredBytes.FirstBytes), at + ByteBudget.StepBytes));
            }

            Assert.Equal(all, gathered.ToArray());
            Assert.Equal(length, room.Held);
        });
}
