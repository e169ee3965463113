using System.Collections.Concurrent;
using Orleans.Storage;

namespace Diststore.Silo;

/// <summary>
/// Grain storage of silos that all run in this process; it belongs to none of them. States are kept as they are given
/// and must not be written to afterwards.
/// </summary>
internal sealed class SharedGrainStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<(string, GrainId), Record> _records = new();

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        bool exists = _records.TryGetValue((stateName, grainId), out Record? record);
        grainState.RecordExists = exists;
        grainState.ETag = record?.ETag;
        grainState.State = exists ? (T)record!.State : Activator.CreateInstance<T>();
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var next = new Record(grainState.State!, Guid.NewGuid().ToString("N"));
        bool done = grainState.ETag is null
            ? _records.TryAdd((stateName, grainId), next)
            : _records.TryGetValue((stateName, grainId), out Record? stored) && stored.ETag == grainState.ETag
                && _records.TryUpdate((stateName, grainId), next, stored);
        if (!done)
        {
            throw new InconsistentStateException("The state was changed meanwhile.");
        }

        grainState.ETag = next.ETag;
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (_records.TryGetValue((stateName, grainId), out Record? stored)
            && (stored.ETag != grainState.ETag || !_records.TryRemove(KeyValuePair.Create((stateName, grainId), stored))))
        {
            throw new InconsistentStateException("The state was changed meanwhile.");
        }

        grainState.ETag = null;
        grainState.RecordExists = false;
        grainState.State = Activator.CreateInstance<T>();
        return Task.CompletedTask;
    }

    // Compared by reference: TryUpdate must not take an equal state for the one that was read.
    private sealed class Record(object state, string etag)
    {
        public object State { get; } = state;

        public string ETag { get; } = etag;
    }
}
