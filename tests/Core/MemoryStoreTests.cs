namespace Diststore.Core.Tests;

public sealed class MemoryStoreTests : StoreContract
{
    protected override ValueTask<IStore> CreateAsync(TimeProvider time) => new(new MemoryStore(Guid.NewGuid(), time, isDurable: true));

    protected override async ValueTask<IStore> ReopenAsync(IStore store, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(store);
        await store.DisposeAsync();
        return store;
    }

    [Fact]
    public async Task It_says_what_it_was_made_with()
    {
        var id = Guid.NewGuid();
        await using var store = new MemoryStore(id, Time);
        await using var durable = new MemoryStore(id, Time, isDurable: true);

        Assert.Equal(id, store.Id);
        Assert.False(store.IsDurable);
        Assert.True(durable.IsDurable);
    }
}
