using System.Collections.Immutable;

namespace Diststore.Storage.Tests;

/// <summary>A backup shows one moment, whatever is written meanwhile; what is restored is a new store.</summary>
public sealed class BackupTests : IDisposable
{
    private static readonly KeyScan All = new("", null, int.MaxValue, int.MaxValue, Tombstones: true);

    private readonly TestFolder _folder = new();
    private readonly TestFolder _other = new();

    public void Dispose()
    {
        _folder.Dispose();
        _other.Dispose();
    }

    [Fact]
    public async Task What_is_restored_is_the_state_of_one_moment_in_a_new_store_without_a_view()
    {
        using var file = new MemoryStream();
        await using RocksStore store = _folder.Open();
        var view = new MasterView(1, Guid.NewGuid(), new MasterId("a", store.Id, Guid.NewGuid(), true), null, false);
        await store.AdoptAsync(view, asPrimary: true);
        await store.FillAsync(20_000);
        await store.WriteAsync(("k000001", null), ("gone", null));
        await store.PutLocalAsync(new Entry("l", [1], null, LogPoint.Zero));
        ImmutableArray<Entry> before = (await store.ScanAsync(All)).Entries;
        StoreState state = store.State;

        // The stream does not take a byte before more was written.
        var slow = new SlowStream(file, () => store.WriteAsync(("k000002", null), ("new", "1")));
        BackupInfo info = await store.BackupAsync(slow);

        file.Position = 0;
        Assert.Equal(info, RocksStore.Restore(file, _other.Options));
        Assert.Equal((state.Applied, state.Entries, file.Length), (info.Applied, info.Entries, info.Bytes));
        await using RocksStore restored = _other.Open();
        Assert.Equal(before.AsEnumerable(), (await restored.ScanAsync(All)).Entries);
        Assert.Equal(before.OrderBy(entry => entry.Version), (await restored.ReadChangesAsync(0, int.MaxValue)).Entries);
        Assert.NotEqual(store.Id, restored.Id);
        Assert.NotEqual(state.History, restored.State.History);
        Assert.InRange(restored.State.HighestEpoch, state.HighestEpoch + 1000, state.HighestEpoch + 1000 + int.MaxValue);
        Assert.Equal(
            state with
            {
                View = null,
                LocalEntries = 0,
                LocalBytes = 0,
                Epochs = restored.State.Epochs,
                History = restored.State.History,
                HighestEpoch = restored.State.HighestEpoch,
            },
            restored.State);
        Assert.Equal(state.Epochs.Starts, restored.State.Epochs.Starts.AsEnumerable());
        await restored.CollectTombstonesAsync(DateTimeOffset.MaxValue, long.MaxValue);
        Assert.Null(await restored.ReadAsync("gone"));
        Assert.Equal(AppendStatus.StaleEpoch, (await restored.AppendAsync(1, Writes.Next(restored.State.Last, ("a", "1")))).Status);
    }

    [Fact]
    public async Task What_expires_does_so_after_a_restore_too()
    {
        var at = new DateTimeOffset(2030, 1, 1, 0, 0, 0, TimeSpan.Zero);
        using var file = new MemoryStream();
        await using RocksStore store = _folder.Open();
        Batch batch = Writes.Next(LogPoint.Zero, ("a", "1"), ("b", "2"));
        batch = batch with { Entries = batch.Entries.SetItem(0, batch.Entries[0] with { ExpiresAt = at }) };
        await store.AppendAsync(1, batch);
        await store.ApplyAsync(batch.Last);
        await ((IBackupSource)store).WriteBackupAsync(file, CancellationToken.None);

        file.Position = 0;
        RocksStore.Restore(file, _other.Options);
        await using RocksStore restored = _other.Open();
        Assert.Equal([EntryHead.Of(batch.Entries[0])], await restored.ReadExpiredAsync(at, 10));
        Assert.Empty(await restored.ReadExpiredAsync(at.AddTicks(-1), 10));
        Assert.Equal(4, restored.State.LiveBytes);
    }

    [Fact]
    public async Task What_is_remembered_of_requests_is_restored_too_and_removed_once_it_is_void()
    {
        using var file = new MemoryStream();
        await using RocksStore store = _folder.Open();
        string[] keys = [.. Enumerable.Range(0, 4).Select(static i => InternalKeys.Memory(Enumerable.Repeat((byte)i, 32).ToArray()))];
        await store.WriteAsync((keys[0], "0"), (keys[1], "1"), ("a", "2"));
        await store.WriteAsync((InternalKeys.VoidUpto, "1"));
        await store.RemoveVoidAsync();
        await store.WriteAsync((keys[2], "3"), (InternalKeys.VoidUpto, "2"));
        await store.BackupAsync(file);

        file.Position = 0;
        Assert.Equal(1, RocksStore.Restore(file, _other.Options).Entries);
        await using RocksStore restored = _other.Open();
        Assert.Equal((2L, 2L, 1L), (restored.State.Memories, restored.State.VoidUpto, restored.State.VoidRemoved));
        Assert.Equal((await store.ScanAsync(All)).Entries.AsEnumerable(), (await restored.ScanAsync(All)).Entries);
        Assert.False(await restored.RemoveVoidAsync());
        Assert.Equal((1L, 2L), (restored.State.Memories, restored.State.VoidRemoved));
        Assert.Null(await restored.ReadAsync(keys[1]));
        Assert.NotNull(await restored.ReadAsync(keys[2]));
    }

    [Fact]
    public async Task A_file_that_is_not_whole_is_refused_and_nothing_is_written()
    {
        using var file = new MemoryStream();
        await using RocksStore store = _folder.Open();
        await store.FillAsync(100);
        await store.BackupAsync(file);
        byte[] bytes = file.ToArray();
        Refused("it ends too early", bytes[..^1]);
        Refused("it ends too early", []);
        Refused("it is no backup", [.. bytes.Reverse()]);
        foreach (int at in new[] { 30, 200, bytes.Length / 2, bytes.Length - 40, bytes.Length - 1 })
        {
            byte[] flipped = [.. bytes];
            flipped[at] ^= 1;
            Refused("it ", flipped);
        }

        Assert.Empty(Directory.EnumerateFiles(_other.Options.Path, "*.sst"));
        RocksStore.Restore(new MemoryStream(bytes), _other.Options);
    }

    [Fact]
    public async Task Nothing_is_restored_over_a_store()
    {
        using var file = new MemoryStream();
        await using RocksStore store = _folder.Open();
        await store.FillAsync(10);
        await store.BackupAsync(file);
        file.Position = 0;
        await using (_other.Open())
        {
        }

        Assert.Equal(StoreOpenProblem.NotEmpty, Assert.Throws<StoreOpenException>(() => RocksStore.Restore(file, _other.Options)).Problem);
    }

    [Fact]
    public async Task A_backup_of_another_cluster_is_refused_and_nothing_is_written()
    {
        using var file = new MemoryStream();
        await using RocksStore store = _folder.Open();
        await store.FillAsync(10);
        await store.BackupAsync(file);
        file.Position = 0;

        StoreOpenException refusal = Assert.Throws<StoreOpenException>(
            () => RocksStore.Restore(file, _other.Options with { ClusterId = "another" }));

        Assert.Equal(StoreOpenProblem.OtherCluster, refusal.Problem);
        Assert.Contains($"'{_folder.Options.ClusterId}', not of 'another'", refusal.Message, StringComparison.Ordinal);
        file.Position = 0;
        RocksStore.Restore(file, _other.Options);
    }

    [Fact]
    public async Task A_restoring_that_did_not_end_is_no_store_and_can_be_repeated()
    {
        using var file = new MemoryStream();
        await using RocksStore store = _folder.Open();
        await store.FillAsync(1000);
        await store.BackupAsync(file);
        file.Position = 0;
        RocksStore.Restore(file, _other.Options);
        long epoch;
        await using (RocksStore first = _other.Open())
        {
            epoch = first.State.HighestEpoch;
        }

        File.WriteAllText(Path.Combine(_other.Options.Path, "diststore.restoring"), "");
        StoreOpenException refusal = Assert.Throws<StoreOpenException>(() => _other.Open());
        Assert.Contains("restored again", refusal.Message, StringComparison.Ordinal);
        Assert.False(refusal.IsDamaged);

        file.Position = 0;
        RocksStore.Restore(file, _other.Options);
        await using RocksStore restored = _other.Open();
        Assert.Equal(1000, restored.State.Entries);
        Assert.NotEqual(epoch, restored.State.HighestEpoch); // one and the same backup, restored twice
    }

    [Fact]
    public async Task Half_a_store_is_not_backed_up()
    {
        await using RocksStore store = _folder.Open();
        await store.FillAsync(10);
        await store.StartSyncAsync(1, SyncKind.Full, Guid.NewGuid());
        await Assert.ThrowsAsync<InvalidOperationException>(() => store.BackupAsync(Stream.Null));
    }

    private void Refused(string says, byte[] file)
    {
        StoreOpenException refusal = Assert.Throws<StoreOpenException>(() => RocksStore.Restore(new MemoryStream(file), _other.Options));
        Assert.Contains("the file cannot be restored: " + says, refusal.Message, StringComparison.Ordinal);
    }

    private sealed class SlowStream(MemoryStream to, Func<Task> before) : MemoryStream
    {
        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await before();
            await to.WriteAsync(buffer, cancellationToken);
        }
    }
}
