using Diststore.Core.Tests;

namespace Diststore.Storage.Tests;

/// <summary>The contract of the seam, kept by the store on disk.</summary>
public sealed class RocksStoreTests : StoreContract, IDisposable
{
    private readonly List<TestFolder> _folders = [];
    private readonly Dictionary<IStore, RocksStoreOptions> _options = [];

    protected override int RandomRuns => 25; // each makes and reopens stores on disk

    public void Dispose() => _folders.ForEach(folder => folder.Dispose());

    protected override ValueTask<IStore> CreateAsync(TimeProvider time)
    {
        var folder = new TestFolder();
        _folders.Add(folder);
        return new(Open(folder.Options with { TimeProvider = time }));
    }

    protected override async ValueTask<IStore> ReopenAsync(IStore store, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(store);
        await store.DisposeAsync();
        _options.Remove(store, out RocksStoreOptions? options);
        return Open(options! with { TimeProvider = time });
    }

    private RocksStore Open(RocksStoreOptions options)
    {
        RocksStore store = RocksStore.Open(options);
        _options[store] = options;
        return store;
    }
}
