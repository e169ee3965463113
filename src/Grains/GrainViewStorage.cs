using Diststore.Core;
using Orleans.Storage;

namespace Diststore.Grains;

/// <summary>What grain storage keeps for a partition.</summary>
[GenerateSerializer, Alias("diststore.viewstate")]
internal sealed class ViewState
{
    /// <summary>The view; never written to once stored.</summary>
    [Id(0)]
    public MasterView? View { get; set; }
}

/// <summary>
/// The registry's view in grain storage. The storage is used directly and not as a grain's state, which holds one
/// current ETag: here each replacement carries the ETag of the very read that it was judged by.
/// </summary>
internal sealed class GrainViewStorage(IGrainStorage storage, GrainId grain) : IViewStorage
{
    /// <summary>Under this name a silo registers the storage.</summary>
    public const string StorageName = "diststore";

    private const string StateName = "masters";

    public async Task<StoredView> ReadAsync()
    {
        var state = new GrainState<ViewState>(new ViewState());
        await TryAsync(storage.ReadStateAsync(StateName, grain, state));
        return new StoredView(state.RecordExists ? state.State?.View : null, state.ETag);
    }

    public async Task<bool> TryReplaceAsync(StoredView read, MasterView next)
    {
        var state = new GrainState<ViewState>(new ViewState { View = next }, (string?)read.Tag) { RecordExists = read.Tag is not null };
        try
        {
            await TryAsync(storage.WriteStateAsync(StateName, grain, state));
            return true;
        }
        catch (InconsistentStateException)
        {
            return false;
        }
    }

    // The exceptions of the storages' drivers cannot cross the network; whoever asked from afar is to hear of it too.
    private static async Task TryAsync(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception exception) when (exception is not InconsistentStateException)
        {
            throw new IOException($"The storage of the masters' view failed: {exception.GetBaseException().Message}");
        }
    }
}
