using System.Text;
using System.Text.Json.Serialization;
using CsCheck;
using Diststore.Core;
using Diststore.Http.Tests;
using Diststore.Testing;

namespace Diststore.Client.Tests;

/// <summary>The client against the real HTTP API, over a store that is a dictionary.</summary>
public sealed partial class ServerTests : IAsyncLifetime
{
    private static readonly Gen<string> Key = Gen.Frequency(
        (3, Gen.String[Gen.OneOf(Gen.Char["./%+ ?#&=\\\"'\n\r~:@"], Gen.Char['\u0001', '\u07ff'], Gen.Char["aé漢"]), 1, 12]),
        (1, Gen.OneOf(".", "..", "...", "/", "//", "a/../b", "../..", "%2e%2E", "a%2Fb", "+", " ", "\ud83d\ude00", "?a=b", "#", new string('ä', 512))));

    private TestServer _server = null!;
    private DiststoreClient _client = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync(static options => options.Tokens = ["secret"]);
        _client = Client();
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task What_is_put_is_got_until_it_is_deleted()
    {
        WriteResult created = await _client.PutAsync("k", "vä");
        DiststoreEntry entry = (await _client.GetAsync("k"))!;

        Assert.Equal((WriteStatus.Created, true, 1L, "n1"), (created.Status, created.IsApplied, created.Sequence, created.Node));
        Assert.Equal(("k", "vä", "text/plain; charset=utf-8"), (entry.Key, entry.GetText(), entry.ContentType));
        Assert.Equal((created.Version, "n1"), (entry.Version, entry.Info.Node));
        Assert.Equal(3, entry.Info.Size);
        Assert.Equal(WriteStatus.Replaced, (await _client.PutAsync("k", new byte[] { 0, 255 })).Status);
        Assert.Equal([0, 255], (await _client.GetAsync("k"))!.Value.ToArray());
        Assert.Equal("application/octet-stream", (await _client.GetInfoAsync("k"))!.ContentType);
        Assert.Equal(2, (await _client.GetInfoAsync("k"))!.Size);
        Assert.Equal(WriteStatus.Deleted, (await _client.DeleteAsync("k")).Status);
        Assert.Equal(WriteStatus.NotFound, (await _client.DeleteAsync("k")).Status);
        Assert.Null(await _client.GetAsync("k"));
        Assert.Null(await _client.GetInfoAsync("k"));
        Assert.Null(await _client.OpenReadAsync("k"));
    }

    [Fact]
    public async Task Any_key_comes_through_as_it_is() => await Key.SampleAsync(
        async key =>
        {
            _server.Store.ForgetAbove(0);
            await _client.PutAsync(key, "v");
            Assert.Equal([key], _server.Store.Replicated.Keys);
            Assert.Equal("v", (await _client.GetAsync(key))!.GetText());
            Assert.Equal("v", (await _client.GetAnywhereAsync(key))!.GetText());
            Assert.Equal([key], await _client.ListAsync(key).Select(static entry => entry.Key).ToListAsync());
            Assert.Equal([key], await _client.Node().ListKeysAsync().ToListAsync());
            await _client.Node("n1").PutAsync(key, "w");
            Assert.Equal([key], _server.Store.LocalOnly.Keys);
            Assert.True((await _client.DeleteAsync(key)).IsApplied);
            return true;
        },
        iter: LongRun.Inputs(300),
        threads: 1);

    [Fact]
    public async Task What_is_no_key_is_not_sent()
    {
        foreach (string key in (string[])["", "a\0b", "\ud83d", new('a', 1_025), new('ä', 513)])
        {
            await Assert.ThrowsAnyAsync<ArgumentException>(() => _client.GetAsync(key));
            await Assert.ThrowsAnyAsync<ArgumentException>(() => _client.PutAsync(key, "v"));
        }

        Assert.Null(_server.Store.AskedRead);
        Assert.Null(_server.Store.Asked);
    }

    [Fact]
    public async Task Conditions_hold_or_not()
    {
        WriteResult first = await _client.PutAsync("k", "1", new PutOptions { Condition = WriteCondition.IfAbsent });

        Assert.Equal(WriteStatus.ConditionFailed, (await _client.PutAsync("k", "2", new PutOptions { Condition = WriteCondition.IfAbsent })).Status);
        var ifFirst = new PutOptions { Condition = WriteCondition.IfVersion(first.Version!.Value) };
        Assert.Equal(WriteStatus.Replaced, (await _client.PutAsync("k", "2", ifFirst)).Status);
        WriteResult failed = await _client.PutAsync("k", "3", ifFirst);
        Assert.Equal((WriteStatus.ConditionFailed, false), (failed.Status, failed.IsApplied));
        var other = new WriteOptions { Condition = WriteCondition.IfNotVersion((await _client.GetAsync("k"))!.Version!.Value) };
        Assert.Equal(WriteStatus.ConditionFailed, (await _client.DeleteAsync("k", other)).Status);
        Assert.Equal(WriteStatus.Deleted, (await _client.DeleteAsync("k", new WriteOptions { Condition = WriteCondition.IfExists })).Status);
    }

    [Fact]
    public async Task A_value_is_read_only_if_it_has_changed()
    {
        EntryVersion first = (await _client.PutAsync("k", "1")).Version!.Value;

        Assert.Equal(new ChangedRead(ChangedStatus.Unchanged, null), await _client.GetIfChangedAsync("k", EntryVersion.Parse(first.ToString())));
        await _client.PutAsync("k", "2");
        ChangedRead changed = await _client.GetIfChangedAsync("k", first);
        Assert.Equal((ChangedStatus.Changed, "2"), (changed.Status, changed.Entry!.GetText()));
        await _client.DeleteAsync("k");
        Assert.Equal(ChangedStatus.NotFound, (await _client.GetIfChangedAsync("k", first)).Status);
    }

    [Fact]
    public async Task A_value_is_read_as_a_stream_or_in_part()
    {
        byte[] value = [.. Enumerable.Range(0, 1_000_000).Select(static i => (byte)(i * 31))];
        using var from = new MemoryStream(value);
        EntryVersion version = (await _client.PutAsync("k", from)).Version!.Value;

        Assert.Equal((value.Length, 0L, (long?)value.Length), await ReadAsync(null, value));
        Assert.Equal((4, 2L, value.Length), await ReadAsync(new ValueRange(2, 5), value[2..6]));
        Assert.Equal((4, value.Length - 4L, value.Length), await ReadAsync(new ValueRange(value.Length - 4) { OfVersion = version }, value[^4..]));
        await _client.PutAsync("k", "other");
        Assert.Equal((5, 0L, 5), await ReadAsync(new ValueRange(2, 3) { OfVersion = version }, "other"u8.ToArray()));
        var refused = await Assert.ThrowsAsync<DiststoreRequestException>(() => _client.OpenReadAsync("k", new ValueRange(5)));
        Assert.Equal(DiststoreProblem.Range, refused.Problem);

        async Task<(int, long, long?)> ReadAsync(ValueRange? range, byte[] expected)
        {
            await using OpenedEntry entry = (await _client.OpenReadAsync("k", range))!;
            var all = new MemoryStream();
            await entry.Content.CopyToAsync(all);
            Assert.Equal(expected, all.ToArray());
            return ((int)all.Length, entry.Offset, entry.TotalSize);
        }
    }

    [Fact]
    public async Task What_is_longer_than_the_limit_is_not_read_into_memory()
    {
        using DiststoreClient client = Client(static options => options.MaxAnswerBytes = 64 * 1024);
        await client.PutAsync("least", new byte[64 * 1024]);
        await client.PutAsync("k", new byte[(64 * 1024) + 1]);

        Assert.Equal(64 * 1024, (await client.GetAsync("least"))!.Value.Length);
        Assert.Contains("MaxAnswerBytes", (await Assert.ThrowsAsync<DiststoreAnswerException>(() => client.GetAsync("k"))).Message, StringComparison.Ordinal);
        await using OpenedEntry opened = (await client.OpenReadAsync("k"))!;
        Assert.Equal((64 * 1024) + 1, opened.TotalSize);
    }

    [Fact]
    public async Task Values_that_end_say_when()
    {
        await _client.PutAsync("k", "v", new PutOptions { Expiry = TimeSpan.FromSeconds(1.5) });
        Assert.Equal(TimeSpan.FromSeconds(1.5), _server.Store.Asked!.TimeToLive);

        EntryInfo listed = await _client.ListAsync("k").SingleAsync();
        Assert.Equal(DateTimeOffset.UnixEpoch.AddSeconds(1.5), listed.ExpiresAt);
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => _client.PutAsync("k", "v", new PutOptions { Expiry = Expiry.After(TimeSpan.Zero) }));
    }

    [Fact]
    public async Task Json_is_stored_and_read_by_its_type()
    {
        await _client.PutJsonAsync("k", new Point(1, 2), PointContext.Default.Point);

        DiststoreEntry entry = (await _client.GetAsync("k"))!;
        Assert.Equal(("application/json", new Point(1, 2)), (entry.ContentType, entry.GetJson(PointContext.Default.Point)));
    }

    [Fact]
    public async Task A_listing_goes_on_over_its_pages()
    {
        foreach (int i in Enumerable.Range(0, 25))
        {
            await _client.PutAsync($"a/{i:D2}", $"{i}");
        }

        await _client.PutAsync("b", "v");
        var threes = new ListOptions { PageSize = 3 };
        List<EntryInfo> all = await _client.ListAsync("a/", threes).ToListAsync();

        Assert.Equal(Enumerable.Range(0, 25).Select(static i => $"a/{i:D2}"), all.Select(static entry => entry.Key));
        Assert.All(all, static entry => Assert.True(entry is { Version: not null, Size: 1 or 2, ContentType: "text/plain; charset=utf-8", Node: "n1" }));
        Assert.Equal(["a/23", "a/24", "b"], await _client.ListAsync("", threes with { After = "a/22" }).Select(static entry => entry.Key).ToListAsync());
        List<DiststoreEntry> entries = await _client.ListEntriesAsync("a/", threes).ToListAsync();
        Assert.Equal(Enumerable.Range(0, 25).Select(static i => $"{i}"), entries.Select(static entry => entry.GetText()));
        Assert.Equal(new KeyCount(25, 10 + 30), await _client.CountAsync("a/"));
        Assert.False(_server.Store.AskedList!.IsStrong);
        await _client.ListAsync("", new ListOptions { Consistency = Consistency.Strong }).ToListAsync();
        Assert.True(_server.Store.AskedList.IsStrong);
    }

    [Fact]
    public async Task Many_keys_are_read_at_once()
    {
        await _client.PutAsync("a", "1");
        await _client.PutAsync("漢+/%", new byte[] { 0, 255 });
        string[] keys = ["漢+/%", "none", "a", "a"];

        List<KeyValuePair<string, DiststoreEntry?>> many = await _client.GetManyAsync(keys).ToListAsync();
        IReadOnlyList<DiststoreEntry?> snapshot = await _client.GetSnapshotAsync(keys);

        Assert.Equal(keys, many.Select(static pair => pair.Key));
        Assert.Equal(["00FF", "", "31", "31"], many.Select(static pair => Convert.ToHexString((pair.Value?.Value ?? default).Span)));
        Assert.Equal(["漢+/%", null, "a", "a"], snapshot.Select(static entry => entry?.Key));
        Assert.Equal("n1", snapshot[0]!.Info.Node);
        Assert.Equal("text/plain; charset=utf-8", snapshot[2]!.ContentType);
    }

    [Fact]
    public async Task A_read_says_how_fresh_it_has_to_be()
    {
        await _client.GetAsync("k", ReadOptions.Strong);
        Assert.True(_server.Store.AskedRead!.Value.IsStrong);
        await _client.GetAsync("k", new ReadOptions { MaxAge = TimeSpan.FromSeconds(2.9), MaxStale = TimeSpan.MaxValue, NoStore = true, MinSequence = 9 });
        Assert.Equal((TimeSpan.FromSeconds(2), 9L), (_server.Store.AskedRead.Value.MaxAge, _server.Store.AskedRead.Value.MinSequence));
        var nothing = await Assert.ThrowsAsync<DiststoreRequestException>(() => _client.GetAsync("k", new ReadOptions { OnlyIfCached = true }));
        Assert.Equal(DiststoreProblem.NotHere, nothing.Problem);
    }

    [Fact]
    public async Task A_session_shows_its_own_writes_to_its_own_reads()
    {
        DiststoreClient session = _client.StartSession(), another = _client.StartSession(7);
        await session.GetAsync("k");
        Assert.Equal(0, _server.Store.AskedRead!.Value.MinSequence);

        WriteResult written = await session.PutAsync("k", "v");
        await session.GetAsync("k");
        Assert.Equal(written.Sequence, _server.Store.AskedRead.Value.MinSequence);
        Assert.Equal(written.Sequence, session.SessionSequence);
        await session.GetAsync("k", new ReadOptions { MinSequence = 100 });
        Assert.Equal(100, _server.Store.AskedRead.Value.MinSequence);
        await session.GetAnywhereAsync("k");
        Assert.Equal(written.Sequence, _server.Store.AskedRead.Value.MinSequence);
        await _client.GetAsync("k");
        Assert.Equal(0, _server.Store.AskedRead.Value.MinSequence);
        await another.PutAsync("k", "v");
        Assert.Equal(7, another.SessionSequence);
        session.Dispose();
        Assert.NotNull(await _client.GetAsync("k"));
    }

    [Fact]
    public async Task Nodes_have_entries_of_their_own()
    {
        NodeOperations node = _client.Node("n1");
        await node.PutAsync("k", "v");

        Assert.Equal("v", (await node.GetAsync("k"))!.GetText());
        Assert.Null((await node.GetAsync("k"))!.Version);
        Assert.Equal("v", (await _client.GetAnywhereAsync("k"))!.GetText());
        Assert.Null(await _client.GetAsync("k"));
        Assert.Equal(["k"], await node.ListKeysAsync().ToListAsync());
        Assert.True(await node.DeleteAsync("k"));
        Assert.False(await node.DeleteAsync("k"));
        Assert.Null(await node.GetAsync("k"));
        Assert.Equal(DiststoreProblem.NoSuchNode, (await Assert.ThrowsAsync<DiststoreRequestException>(() => _client.Node("x").PutAsync("k", "v"))).Problem);
        Assert.Equal(DiststoreProblem.NoSuchNode, (await Assert.ThrowsAsync<DiststoreRequestException>(() => _client.Node("x").GetAsync("k"))).Problem);
    }

    [Fact]
    public async Task Operators_see_and_change_the_cluster()
    {
        ClusterState state = await _client.Cluster.GetAsync();

        PartitionState partition = Assert.Single(state.Partitions);
        Assert.Equal((0L, 3L, "n1", null, false), (partition.Number, partition.Epoch, partition.Primary, partition.Secondary, partition.IsWritable));
        Assert.Equal(new MissingNode("n2", DateTimeOffset.UnixEpoch), Assert.Single(partition.Missing));
        Assert.Equal(("n1", "primary", true), (Assert.Single(state.Nodes).Name, state.Nodes[0].Role, state.Nodes[0].IsReachable));
        Assert.True(await _client.Cluster.IsReadyAsync());
        await _client.Cluster.StepDownAsync("n1");
        await _client.Cluster.MaintainAsync("n1", TimeSpan.FromMinutes(1));
        await _client.Cluster.ForceElectionAsync("n1", acceptDataLoss: true);
        Assert.Equal(["step-down n1", "maintain n1 60", "force n1 True"], _server.Store.RoleWishes);
        _server.Store.NotReadyBecause = "no reason";
        Assert.False(await _client.Cluster.IsReadyAsync());
    }

    [Fact]
    public async Task A_backup_comes_as_a_stream()
    {
        Assert.Equal(
            DiststoreProblem.NotImplemented, (await Assert.ThrowsAsync<DiststoreRequestException>(() => _client.Cluster.OpenBackupAsync())).Problem);
        _server.Store.BackupParts = new Queue<byte[]>([[1, 2], [3]]);
        await using Stream backup = await _client.Cluster.OpenBackupAsync();
        var all = new MemoryStream();
        await backup.CopyToAsync(all);

        Assert.Equal([1, 2, 3], all.ToArray());
    }

    [Fact]
    public async Task Without_the_token_it_is_refused_and_a_token_may_change()
    {
        var tokens = new Queue<string>(["wrong", "secret"]);
        using DiststoreClient client = Client(options =>
        {
            options.Token = null;
            options.TokenProvider = _ => ValueTask.FromResult<string?>(tokens.Dequeue());
        });

        var refused = await Assert.ThrowsAsync<DiststoreRequestException>(() => client.GetAsync("k"));
        Assert.Equal((DiststoreProblem.Unauthorized, 401), (refused.Problem, refused.StatusCode));
        Assert.Null(await client.GetAsync("k"));
    }

    [Fact]
    public async Task An_address_where_nobody_listens_is_passed_over()
    {
        using DiststoreClient client = Client(options =>
        {
            options.Addresses.Insert(0, new Uri("http://127.0.0.1:1"));
            options.Chance = static () => 0;
        });

        Assert.True((await client.PutAsync("k", "v", new PutOptions { IsRepeatable = false })).IsApplied);
        await client.Node("n1").PutAsync("k", "v");
    }

    [Fact]
    public async Task Changes_come_as_they_are_made()
    {
        await _client.PutAsync("a", "1");
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        await using IAsyncEnumerator<Change> changes = _client.WatchAsync(cancellationToken: deadline.Token).GetAsyncEnumerator(deadline.Token);

        Assert.True(await changes.MoveNextAsync());
        Change put = changes.Current;
        Assert.Equal((ChangeKind.Put, "a", "1", "1-1"), (put.Kind, put.Key, put.Entry!.GetText(), put.Version.ToString()));
        _server.Store.Change(new Entry("a", null, null, new LogPoint(1, 9)));
        Assert.True(await changes.MoveNextAsync());
        Assert.Equal((ChangeKind.Delete, "a", (DiststoreEntry?)null), (changes.Current.Kind, changes.Current.Key, changes.Current.Entry));
        var rest = new WatchOptions { Since = put.Id, Live = false };
        Assert.Equal([ChangeKind.Delete], await _client.WatchAsync(rest).Select(static change => change.Kind).ToListAsync());
        Assert.True(await _client.CanResumeAsync(put.Id!));
        _server.Store.Changes = static _ => new ChangesResult(ChangesOutcome.Gone, [], "n1");
        // At a point of its own: what was read from the other one is shared for a while.
        Assert.False(await _client.CanResumeAsync("1-5"));
        IAsyncEnumerable<Change> fromThere = _client.WatchAsync(new WatchOptions { Since = "1-5" });
        var gone = await Assert.ThrowsAsync<DiststoreChangesGoneException>(async () => await fromThere.ToListAsync());
        Assert.Equal("1-5", gone.Id);
    }

    private DiststoreClient Client(Action<DiststoreClientOptions>? configure = null)
    {
        var options = new DiststoreClientOptions { Addresses = [new Uri($"http://127.0.0.1:{_server.Port}")], Token = "secret" };
        configure?.Invoke(options);
        return new DiststoreClient(options);
    }

    internal sealed record Point(int X, int Y);

    [JsonSerializable(typeof(Point))]
    internal sealed partial class PointContext : JsonSerializerContext;
}
