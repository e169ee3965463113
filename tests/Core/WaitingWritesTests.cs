namespace Diststore.Core.Tests;

/// <summary>The order in which writes that wait become batches: short ones never stand behind more than one long one.</summary>
public sealed class WaitingWritesTests
{
    private const int Long = 4 << 20;

    private static readonly NodeInstruments s_instruments = new("a", meters: null);

    private readonly WaitingWrites _waiting = new();

    [Fact]
    public void A_short_write_waits_for_one_long_one_at_most()
    {
        for (int i = 0; i < 11; i++)
        {
            Assert.True(Add($"long-{i}", Long));
        }

        var batches = new List<string>();
        for (int i = 0; i < 11; i++)
        {
            Add($"short-{i}", 100);
            batches.Add(Keys());
        }

        // The first batch is that of the short one that waits; from then on they take turns.
        Assert.Equal(
            ["short-0", "long-0", "short-1,short-2", "long-1", "short-3,short-4", "long-2", "short-5,short-6"],
            batches.Take(7));
    }

    [Fact]
    public void Long_writes_are_ordered_however_many_short_ones_come()
    {
        Add("long", Long);
        Add("a", 100);
        Assert.Equal("a", Keys());
        Add("b", 100);

        Assert.Equal("long", Keys());
        Assert.Equal("b", Keys());
        Assert.True(_waiting.IsEmpty);
    }

    [Fact]
    public void A_batch_ends_before_the_write_that_would_take_it_over_its_bytes_unless_that_is_its_first()
    {
        for (int i = 0; i < 40; i++)
        {
            Add($"{i}", 60_000);
        }

        int taken = 0;
        while (!_waiting.IsEmpty)
        {
            List<PendingWrite> batch = _waiting.TakeBatch();
            Assert.InRange(batch.Sum(static write => (long)write.SizeBytes), 1, WaitingWrites.MaxBatchBytes);
            Assert.Equal([.. Enumerable.Range(taken, batch.Count).Select(static i => $"{i}")], batch.Select(KeyOf));
            taken += batch.Count;
        }

        Assert.Equal(40, taken);
        Add("more than a batch", Long);
        Assert.Equal("more than a batch", Keys());
    }

    [Fact]
    public void A_batch_ends_at_a_number_of_keys()
    {
        for (int i = 0; i < WaitingWrites.MaxBatchKeys + 1; i++)
        {
            Add($"{i}", 1);
        }

        Assert.Equal(WaitingWrites.MaxBatchKeys, _waiting.TakeBatch().Count);
        Assert.Single(_waiting.TakeBatch());
    }

    [Fact]
    public void Long_writes_leave_room_for_short_ones_and_all_of_them_are_bounded()
    {
        int longOnes = 0;
        while (Add($"long-{longOnes}", Long))
        {
            longOnes++;
        }

        Assert.Equal((WaitingWrites.MaxLongBytes / Long) - 1, longOnes); // keys and what an entry costs besides count too
        int shortOnes = 0;
        while (Add($"short-{shortOnes}", 1000))
        {
            shortOnes++;
        }

        Assert.Equal(WaitingWrites.MaxWrites, longOnes + shortOnes);
        Assert.Equal(longOnes + shortOnes, _waiting.TakeAll().Count);
        Assert.True(_waiting.IsEmpty);
        Assert.True(Add("again", Long));
    }

    private bool Add(string key, int bytes) => _waiting.TryAdd(new PendingWrite(Transaction.Of(new Write(key, new byte[bytes])), s_instruments));

    private string Keys() => string.Join(',', _waiting.TakeBatch().Select(KeyOf));

    private static string KeyOf(PendingWrite write) => write.Transaction.Operations[0].Key;
}
