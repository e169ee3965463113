using System.Diagnostics;
using System.Text;
using RocksDbSharp;

namespace Diststore.Storage.Tests;

/// <summary>Folders that must not be opened: one sentence, and nothing in them changes.</summary>
public sealed class OpeningTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_folder_in_use_is_refused_until_it_is_closed()
    {
        await using (RocksStore store = _folder.Open())
        {
            StoreOpenException refusal = Assert.Throws<StoreOpenException>(_folder.Open);
            Assert.Equal(StoreOpenProblem.InUse, refusal.Problem);
            Assert.Equal($"the data folder {_folder.Options.Path} is in use by another process", refusal.Message);
            await store.WriteAsync(("a", "1"));
        }

        await using RocksStore again = _folder.Open();
        Assert.Equal("1", (await again.ReadAsync("a")).Text());
    }

    [Fact]
    public async Task Another_clusters_folder_is_refused()
    {
        await MakeAsync();
        Refused(StoreOpenProblem.OtherCluster, "belongs to the cluster 'test', not to 'other'", _folder.Options with { ClusterId = "other" });
    }

    [Fact]
    public async Task A_newer_format_is_refused()
    {
        await MakeAsync();
        using (RocksDb db = RocksDb.Open(EngineOptions.Database(), _folder.Options.Path, EngineOptions.Families(1 << 20)))
        {
            db.Put(MetaRows.Identity, new RowWriter().Int(MetaRows.Format + 1).Written);
        }

        Refused(StoreOpenProblem.NewerFormat, "was written by a newer release (format 3, this one reads up to 2)");
    }

    [Fact]
    public async Task A_store_of_the_first_format_is_read_and_written_in_the_present_one()
    {
        Guid id = await MakeAsync();
        string value = new('v', 5000);
        using (RocksDb db = RocksDb.Open(EngineOptions.Database(), _folder.Options.Path, EngineOptions.Families(1 << 20)))
        {
            // As that format had it: a long value in its entry's row, and no family for values.
            var entry = new Entry("a", Encoding.UTF8.GetBytes(value), null, new LogPoint(1, 1));
            db.Put(Rows.Key("a"), Rows.Entry(new RowWriter(), entry, 0).Written.ToArray(), db.GetColumnFamily(EngineOptions.Name(Family.Entries)));
            db.Put(MetaRows.Identity, new RowWriter().Int(1).Text(_folder.Options.ClusterId).Id(id).Written);
            db.DropColumnFamily(EngineOptions.Name(Family.Values));
        }

        await using (RocksStore store = _folder.Open())
        {
            Assert.Equal(id, store.Id);
            Assert.Equal(value, (await store.ReadAsync("a")).Text());
            Assert.Equal(5000, (await store.ScanHeadsAsync(new HeadScan("", null, 10, int.MaxValue))).Heads[0].ValueBytes);
            await store.WriteAsync(("b", value));
            await store.WriteAsync(("a", "short"));
        }

        await using RocksStore again = _folder.Open();
        Assert.Equal((id, value, "short"), (again.Id, (await again.ReadAsync("b")).Text(), (await again.ReadAsync("a")).Text()));
    }

    [Fact]
    public async Task Bytes_of_local_only_entries_that_an_earlier_release_did_not_count_are_counted()
    {
        StoreState before;
        await using (RocksStore store = _folder.Open())
        {
            await store.WriteAsync(("a", "1"));
            await store.PutLocalAsync(new Entry("é", new byte[5], "text/plain", LogPoint.Zero));
            await store.PutLocalAsync(new Entry("b", [], null, LogPoint.Zero));
            before = store.State;
        }

        using (RocksDb db = RocksDb.Open(EngineOptions.Database(), _folder.Options.Path, EngineOptions.Families(1 << 20)))
        {
            // As it was written then: without this field, and without the three of what is remembered of requests.
            ColumnFamilyHandle meta = db.GetColumnFamily(EngineOptions.Name(Family.Meta));
            db.Put(MetaRows.Point, db.Get(MetaRows.Point, meta).AsSpan()[..^(4 * sizeof(long))], meta);
        }

        await using (RocksStore store = _folder.Open())
        {
            Assert.Equal(8, before.LocalBytes);
            Assert.Equal(before with { Epochs = store.State.Epochs, Pending = store.State.Pending }, store.State);
            Assert.True(await store.DeleteLocalAsync("é"));
        }

        await using RocksStore again = _folder.Open();
        Assert.Equal((1L, 1L), (again.State.LocalEntries, again.State.LocalBytes));
    }

    [Fact]
    public async Task A_store_of_the_first_format_keeps_its_id_also_where_its_mark_was_lost()
    {
        Guid id = await MakeAsync();
        using (RocksDb db = RocksDb.Open(EngineOptions.Database(), _folder.Options.Path, EngineOptions.Families(1 << 20)))
        {
            db.Put(MetaRows.Identity, new RowWriter().Int(1).Text(_folder.Options.ClusterId).Id(id).Written);
            db.DropColumnFamily(EngineOptions.Name(Family.Values));
        }

        File.Delete(Path.Combine(_folder.Options.Path, "diststore.mark"));
        await using RocksStore store = _folder.Open();
        Assert.Equal(id, store.Id);
        Assert.True(store.State.Entries > 0);
    }

    [Fact]
    public async Task A_folder_without_its_files_is_refused()
    {
        await MakeAsync();
        File.Delete(Path.Combine(_folder.Options.Path, "CURRENT"));
        Refused(StoreOpenProblem.Corrupt, "is damaged: its file CURRENT is missing");
    }

    [Fact]
    public async Task A_missing_table_file_is_refused()
    {
        await MakeAsync(flush: true);
        File.Delete(_folder.Newest("*.sst"));
        Refused(StoreOpenProblem.Corrupt, "is damaged");
    }

    [Fact]
    public async Task A_damaged_manifest_is_refused()
    {
        await MakeAsync();
        string manifest = Directory.EnumerateFiles(_folder.Options.Path, "MANIFEST-*").Single();
        Flip(manifest, new FileInfo(manifest).Length / 2);
        Refused(StoreOpenProblem.Corrupt, "is damaged");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(1000)]
    public async Task A_log_whose_end_was_cut_off_is_refused(int bytes)
    {
        await MakeAsync();
        string log = _folder.NewestLog();
        using (FileStream file = File.OpenWrite(log))
        {
            file.SetLength(file.Length - bytes);
        }

        Refused(StoreOpenProblem.Truncated, "was cut off");
    }

    [Fact]
    public async Task A_flipped_byte_in_the_log_is_refused()
    {
        await MakeAsync();
        string log = _folder.NewestLog();
        Flip(log, new FileInfo(log).Length / 2);
        Refused(StoreOpenProblem.Truncated, "was cut off");
    }

    [Fact]
    public async Task A_log_that_is_gone_is_refused()
    {
        await MakeAsync();
        File.Delete(_folder.NewestLog());
        StoreOpenException refusal = Assert.Throws<StoreOpenException>(_folder.Open);
        Assert.True(refusal.IsDamaged, refusal.Message);
    }

    [Fact]
    public async Task After_a_loss_of_power_only_what_was_synced_has_to_be_there()
    {
        // A mark of another start of the machine: its second number, what was written but not synced, no longer counts.
        await MakeAsync();
        string mark = Path.Combine(_folder.Options.Path, "diststore.mark");
        byte[] bytes = await File.ReadAllBytesAsync(mark);
        bytes.AsSpan(8, 8).Fill(0x7F);
        await File.WriteAllBytesAsync(mark, bytes);
        Refused(StoreOpenProblem.Truncated, "was cut off");

        bytes.AsSpan(16, 16).Fill(1);
        await File.WriteAllBytesAsync(mark, bytes);
        await using RocksStore store = _folder.Open();
        Assert.Equal(500, store.State.Entries);
    }

    [Fact]
    public async Task A_wiped_folder_makes_a_new_store()
    {
        Guid id = await MakeAsync();
        string other = Path.Combine(_folder.Options.Path, "other.txt");
        await File.WriteAllTextAsync(other, "");
        RocksStore.Wipe(_folder.Options.Path);
        Assert.True(File.Exists(other));
        await using RocksStore store = _folder.Open();
        Assert.NotEqual(id, store.Id);
        Assert.Equal(StoreState.Empty, store.State);
    }

    [Fact]
    public async Task A_store_whose_making_was_interrupted_is_made()
    {
        Directory.CreateDirectory(_folder.Options.Path);
        using (RocksDb.Open(EngineOptions.Database(), _folder.Options.Path, new ColumnFamilies(new ColumnFamilyOptions())))
        {
        }

        await using RocksStore store = _folder.Open();
        await store.WriteAsync(("a", "1"));
    }

    [Fact]
    public async Task A_folder_in_use_is_not_wiped()
    {
        await using RocksStore store = _folder.Open();
        await store.WriteAsync(("a", "1"));
        Assert.Equal(StoreOpenProblem.InUse, Assert.Throws<StoreOpenException>(() => RocksStore.Wipe(_folder.Options.Path)).Problem);
        await store.WriteAsync(("a", "2"));
    }

    [Fact]
    public async Task A_copy_of_an_open_folder_opens_with_all_that_was_answered()
    {
        using var copy = new TestFolder();
        await using RocksStore store = _folder.Open();
        await store.FillAsync(1000);

        // As a disk image taken while it runs: nothing is closed. The mark goes first, it must not know more than the log.
        Directory.CreateDirectory(copy.Options.Path);
        IEnumerable<string> files = Directory.EnumerateFiles(_folder.Options.Path).Where(file => !file.EndsWith(".lock", StringComparison.Ordinal));
        foreach (string file in files.OrderByDescending(file => file.EndsWith(".mark", StringComparison.Ordinal)))
        {
            // Another program: .NET itself heeds the lock on the mark.
            using Process cp = Process.Start("cp", [file, Path.Combine(copy.Options.Path, Path.GetFileName(file))]);
            await cp.WaitForExitAsync();
            Assert.Equal(0, cp.ExitCode);
        }

        await using RocksStore copied = copy.Open();
        Assert.Equal((store.State.Applied, 1000L), (copied.State.Applied, copied.State.Entries));
    }

    [Fact]
    public async Task What_a_process_leaves_that_ended_in_its_first_moments_is_a_new_store()
    {
        await MakeAsync();
        string[] first = ["MANIFEST-000001", "IDENTITY", "LOCK", "LOG", "diststore.lock"];
        byte[] manifest = File.ReadAllBytes(Directory.EnumerateFiles(_folder.Options.Path, "MANIFEST-*").First());
        Directory.Delete(_folder.Options.Path, recursive: true);
        Directory.CreateDirectory(_folder.Options.Path);
        foreach (string name in first)
        {
            File.WriteAllBytes(Path.Combine(_folder.Options.Path, name), name.StartsWith("MANIFEST", StringComparison.Ordinal) ? manifest : []);
        }

        await using RocksStore store = _folder.Open();
        await store.WriteAsync(("a", "1"));
        Assert.Equal(1, store.State.Entries);
    }

    [Fact]
    public async Task A_folder_in_use_is_refused_also_where_its_lock_files_were_removed()
    {
        await using RocksStore store = _folder.Open();
        await store.WriteAsync(("a", "1"));
        File.Delete(Path.Combine(_folder.Options.Path, "diststore.lock"));
        File.Delete(Path.Combine(_folder.Options.Path, "LOCK"));

        Assert.Equal(StoreOpenProblem.InUse, Assert.Throws<StoreOpenException>(_folder.Open).Problem);
        await store.WriteAsync(("b", "2"));
        Assert.Equal("2", (await store.ReadAsync("b")).Text());
    }

    [Fact]
    public void A_path_that_is_called_lock_and_cannot_be_opened_is_not_said_to_be_in_use()
    {
        RocksStoreOptions options = _folder.Options with { Path = Path.Combine(_folder.Path, "lock", "data") };
        Directory.CreateDirectory(Path.Combine(options.Path, "LOCK")); // where the engine wants a file
        StoreOpenException refusal = Assert.Throws<StoreOpenException>(() => RocksStore.Open(options));
        Assert.Equal(StoreOpenProblem.Unusable, refusal.Problem);
        Assert.DoesNotContain("in use", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_folder_is_its_users_alone_also_where_it_was_there_before()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Directory.CreateDirectory(_folder.Options.Path, (UnixFileMode)0b111_111_111);
        await using RocksStore store = _folder.Open();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_folder.Options.Path));
    }

    internal static void Flip(string path, long at)
    {
        using FileStream file = File.Open(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = at;
        int old = file.ReadByte();
        file.Position = at;
        file.WriteByte((byte)(old ^ 0x40));
    }

    private async Task<Guid> MakeAsync(bool flush = false)
    {
        await using RocksStore store = _folder.Open();
        await store.FillAsync(500, perBatch: 10);
        if (flush)
        {
            store.Flush();
        }

        return store.Id;
    }

    private void Refused(StoreOpenProblem problem, string says, RocksStoreOptions? options = null)
    {
        IReadOnlyList<string> before = _folder.Snapshot();
        for (int i = 0; i < 2; i++)
        {
            StoreOpenException refusal = Assert.Throws<StoreOpenException>(() => RocksStore.Open(options ?? _folder.Options));
            Assert.True(refusal.Problem == problem, refusal.ToString());
            Assert.Contains(says, refusal.Message, StringComparison.Ordinal);
            Assert.Contains(_folder.Options.Path, refusal.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', refusal.Message);
        }

        Assert.Equal(before, _folder.Snapshot());
    }
}
