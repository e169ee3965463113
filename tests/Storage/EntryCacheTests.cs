namespace Diststore.Storage.Tests;

public sealed class EntryCacheTests
{
    private static readonly int Size = E("k0000", 1).SizeBytes;

    [Fact]
    public void What_was_read_lately_stays_and_the_budget_holds()
    {
        const int Room = 100;
        var cache = new EntryCache(Room * Size);
        for (int i = 0; i < 1000; i++)
        {
            Entry entry = E($"k{i:0000}", i);
            cache.Offer(entry, cache.Ticket(entry.Key));
            Assert.True(cache.TryGet("k0000", out _) && cache.Bytes <= Room * Size);
        }

        Assert.Equal(Room * Size, cache.Bytes);
        Assert.True(cache.TryGet("k0999", out _));
        Assert.False(cache.TryGet("k0500", out _));
    }

    [Fact]
    public void What_was_read_before_a_change_is_not_kept_during_or_after_it()
    {
        var cache = new EntryCache(100 * Size);
        int before = cache.Ticket("a");
        cache.StartChange(["a"]);
        int during = cache.Ticket("a");
        cache.Offer(E("a", 1), before);
        cache.Offer(E("a", 1), during);
        Assert.False(cache.TryGet("a", out _));
        cache.EndChange(["a"]);
        cache.Offer(E("a", 1), before);
        cache.Offer(E("a", 1), during);
        Assert.False(cache.TryGet("a", out _));

        cache.Offer(E("a", 2), cache.Ticket("a"));
        Assert.True(cache.TryGet("a", out Entry? kept) && kept.Version.Sequence == 2);
        cache.StartChange(["a"]);
        Assert.False(cache.TryGet("a", out _));
        Assert.Equal(0, cache.Bytes);
    }

    [Fact]
    public void A_large_change_empties_the_cache()
    {
        var cache = new EntryCache(100 * Size);
        cache.Offer(E("a", 1), cache.Ticket("a"));
        int before = cache.Ticket("b");
        string[] keys = [.. Enumerable.Range(0, 5000).Select(i => $"x{i}")];
        cache.StartChange(keys);
        Assert.False(cache.TryGet("a", out _));
        cache.Offer(E("b", 1), before);
        cache.EndChange(keys);
        cache.Offer(E("b", 1), before);
        Assert.False(cache.TryGet("b", out _));
        cache.Offer(E("b", 1), cache.Ticket("b"));
        Assert.True(cache.TryGet("b", out _));
    }

    private static Entry E(string key, long sequence) => new(key, [1], null, new LogPoint(1, sequence));
}
