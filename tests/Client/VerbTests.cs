using System.Text;

namespace Diststore.Client.Tests;

/// <summary>Verbs as they are sent, and what their documented answers become.</summary>
public sealed class VerbTests
{
    private static readonly (string, string)[] Written = [("ETag", "\"3-14\""), ("Diststore-Sequence", "14")];

    [Fact]
    public async Task Many_keys_are_read_as_many_at_a_time_as_a_server_takes()
    {
        string[] keys = [.. Enumerable.Range(0, 1_002).Select(static i => $"k{i}")];
        Script script = new Script()
            .Answers(200, Entries(1_000, next: null), ("Age", "2"))
            .Answers(200, """{"entries":[null],"next":1}""")
            .Answers(200, """
                {"entries":[{"key":"k1001","version":"1-9","contentType":"t","size":1,"value":"YQ==","expiresAt":"2030-01-02T03:04:05.678Z"}],"next":null}
                """);
        using DiststoreClient client = script.Client();

        List<KeyValuePair<string, DiststoreEntry?>> read = await client.GetManyAsync(keys, ReadOptions.Strong).ToListAsync();

        Assert.Equal(keys, read.Select(static pair => pair.Key));
        Assert.Equal(TimeSpan.FromSeconds(2), read[0].Value!.Info.Age);
        Assert.Null(read[1_000].Value);
        Assert.Equal("a", read[1_001].Value!.GetText());
        Assert.Equal(new DateTimeOffset(2030, 1, 2, 3, 4, 5, 678, TimeSpan.Zero), read[1_001].Value!.Info.ExpiresAt);
        Sent[] sent = [.. script.Sent];
        Assert.All(sent, static request => Assert.Equal(("POST", "/v1/read"), (request.Method, request.Target)));
        Assert.All(sent, static request => Assert.Equal(("application/json", "no-cache"), (request.Header("Content-Type"), request.Header("Cache-Control"))));
        Assert.Equal("""{"keys":["k1000","k1001"]}""", sent[1].Text);
        Assert.Equal("""{"keys":["k1001"]}""", sent[2].Text);
    }

    [Fact]
    public async Task A_server_that_answers_for_no_key_does_not_keep_it_asking_for_ever()
    {
        using DiststoreClient client = new Script().Answers(200, """{"entries":[],"next":0}""").Client();

        await Assert.ThrowsAsync<DiststoreAnswerException>(async () => await client.GetManyAsync(["a"]).ToListAsync());
    }

    [Fact]
    public async Task A_listing_or_a_count_that_does_not_move_on_ends_as_a_mistake()
    {
        Script script = new Script();
        foreach (int _ in Enumerable.Range(0, 2))
        {
            script.Answers(200, """{"keys":[],"next":"a","id":"1-1"}""");
        }

        foreach (int _ in Enumerable.Range(0, 2))
        {
            script.Answers(200, """{"count":1,"bytes":1,"next":"a"}""");
        }

        using DiststoreClient client = script.Client();

        await Assert.ThrowsAsync<DiststoreAnswerException>(async () => await client.ListAsync().ToListAsync());
        await Assert.ThrowsAsync<DiststoreAnswerException>(() => client.CountAsync());
        Assert.Equal(4, script.Sent.Count);
    }

    [Fact]
    public async Task Keys_of_one_moment_come_together_or_not_at_all()
    {
        Script script = new Script().Answers(200, Entries(2, next: null)).Answers(200, Entries(1, next: 1));
        using DiststoreClient client = script.Client();

        Assert.Equal(["k0", "k1"], (await client.GetSnapshotAsync(["k0", "k1"])).Select(static entry => entry!.Key));
        Assert.Equal("no-cache", script.Only.Header("Cache-Control"));
        await Assert.ThrowsAsync<DiststoreAnswerException>(() => client.GetSnapshotAsync(["k0", "k1"]));
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetSnapshotAsync(new string[1_001]));
        Assert.Empty(await client.GetSnapshotAsync([]));
        Assert.Equal(2, script.Sent.Count);
    }

    [Fact]
    public async Task A_prefix_is_deleted_in_pieces()
    {
        Script script = new Script().Answers(200, """{"deleted":10000,"more":true}""").Refuses(503, "busy").Answers(200, """{"deleted":5,"more":false}""")
            .Answers(200, """{"deleted":3,"more":false}""").Loses();
        using DiststoreClient client = script.Client();

        Assert.Equal(10_005, await client.DeletePrefixAsync("a/+"));
        Assert.Equal(3, await client.DeleteAllAsync());
        Assert.Equal(["/v1/kv?prefix=a%2F%2B", "/v1/kv?all=yes"], script.Sent.Select(static sent => sent.Target).Distinct());
        Assert.All(script.Sent, static sent => Assert.Equal(("DELETE", null), (sent.Method, sent.Header("Idempotency-Key"))));
        await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => client.DeletePrefixAsync("a"));
        await Assert.ThrowsAsync<ArgumentException>(() => client.DeletePrefixAsync(""));
        Assert.Equal(5, script.Sent.Count);
    }

    [Fact]
    public async Task A_value_is_touched()
    {
        var moment = new DateTimeOffset(2030, 1, 2, 5, 4, 5, 678, TimeSpan.FromHours(2));
        Script script = new Script().Answers(204, "", Written).Answers(204, "", Written).Answers(204, "", Written).Refuses(404, "no-such-key");
        using DiststoreClient client = script.Client();

        WriteResult touched = await client.TouchAsync("k", TimeSpan.FromSeconds(2));
        await client.TouchAsync("k", Expiry.Never, new WriteOptions { Condition = WriteCondition.IfVersion(touched.Version!.Value) });
        await client.TouchAsync("k", Expiry.At(moment));
        Assert.Equal(WriteStatus.NotFound, (await client.TouchAsync("k", Expiry.Never)).Status);

        Assert.Equal((WriteStatus.Touched, "3-14", 14L), (touched.Status, touched.Version.ToString(), touched.Sequence));
        Sent[] sent = [.. script.Sent];
        Assert.All(sent, static request => Assert.Equal(("PATCH", 0), (request.Method, request.Body.Length)));
        Assert.Equal(
            ["/v1/kv/k?ttl=2", "/v1/kv/k?ttl=none", "/v1/kv/k?expiresAt=2030-01-02T03%3A04%3A05.678Z", "/v1/kv/k?ttl=none"],
            sent.Select(static request => request.Target));
        Assert.Equal("\"3-14\"", sent[1].Header("If-Match"));
        Assert.All(sent, static request => Assert.NotNull(request.Header("Idempotency-Key")));
    }

    [Fact]
    public async Task Puts_say_when_the_value_ends()
    {
        Script script = new Script().Answers(201, "", Written).Answers(201, "", Written);
        using DiststoreClient client = script.Client();

        await client.PutAsync("k", "v", new PutOptions { Expiry = Expiry.At(DateTimeOffset.UnixEpoch) });
        await client.PutAsync("k", "v", new PutOptions { Expiry = TimeSpan.FromMilliseconds(1), ContentType = "a/b" });

        Assert.Equal(["/v1/kv/k?expiresAt=1970-01-01T00%3A00%3A00.000Z", "/v1/kv/k?ttl=0.001"], script.Sent.Select(static sent => sent.Target));
        Assert.Equal(["text/plain; charset=utf-8", "a/b"], script.Sent.Select(static sent => sent.Header("Content-Type")));
    }

    [Fact]
    public async Task Reads_of_one_key_say_in_what_time_the_value_ends()
    {
        using DiststoreClient client = new Script().Answers(200, "v", ("Diststore-Expires-In", "3"), ("Age", "1")).Client();

        EntryInfo info = (await client.GetAsync("k"))!.Info;
        Assert.Equal((TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(1)), (info.ExpiresIn, info.Age));
    }

    [Fact]
    public async Task A_number_is_added_to()
    {
        Script script = new Script().Answers(200, "-5", Written).Answers(200, $"{long.MinValue}", Written)
            .Refuses(409, "conflict").Refuses(412, "condition-failed");
        using DiststoreClient client = script.Client();

        AddResult added = await client.AddAsync("a b", -7, new AddOptions { LifeIfCreated = TimeSpan.FromMinutes(1) });
        Assert.Equal((AddStatus.Added, -5L, 14L), (added.Status, added.Number, added.Sequence));
        Assert.Equal(long.MinValue, (await client.AddAsync("k")).Number);
        AddResult none = await client.AddAsync("k");
        Assert.Equal(AddStatus.NotANumber, none.Status);
        Assert.Throws<InvalidOperationException>(() => none.Number);
        Assert.Equal(AddStatus.ConditionFailed, (await client.AddAsync("k", 1, new AddOptions { Condition = WriteCondition.IfExists })).Status);

        Assert.Equal(["/v1/kv/a%20b?add=-7&ttl=60", "/v1/kv/k?add=1", "/v1/kv/k?add=1", "/v1/kv/k?add=1"], script.Sent.Select(static sent => sent.Target));
        Assert.All(script.Sent, static sent => Assert.Equal(("POST", 0), (sent.Method, sent.Body.Length)));
    }

    [Fact]
    public async Task A_transaction_is_sent_whole_and_ends_as_one()
    {
        Script script = new Script()
            .Answers(
                200,
                """
                {"results":[{"key":"p","version":"1-5"},{"key":"d","version":null},
                {"key":"n","version":"1-6","number":"9223372036854775807"},{"key":"t","version":"1-7"}]}
                """,
                ("Diststore-Sequence", "7"))
            .Answers(412, """{"type":"urn:diststore:problem:condition-failed","failed":[0,2]}""", ("Content-Type", "application/problem+json"))
            .Refuses(409, "conflict");
        using DiststoreClient client = script.Client();
        DiststoreTransaction transaction = new DiststoreTransaction()
            .IfVersion("v", EntryVersion.Parse("3-14")).IfExists("e").IfAbsent("a")
            .Put("p", "ä", expiry: TimeSpan.FromSeconds(1.5)).Delete("d").Add("n", 2).Touch("t", Expiry.Never).Touch("u", Expiry.At(DateTimeOffset.UnixEpoch));

        TransactionResult done = await client.TransactAsync(transaction);
        Assert.Equal((TransactionStatus.Committed, 7L), (done.Status, done.Sequence));
        Assert.Equal(
            ["p 1-5 ", "d  ", "n 1-6 9223372036854775807", "t 1-7 "], done.Results.Select(static result => $"{result.Key} {result.Version} {result.Number}"));
        TransactionResult failed = await client.TransactAsync(transaction);
        Assert.Equal(TransactionStatus.ConditionFailed, failed.Status);
        Assert.Equal([0, 2], failed.FailedConditions);
        TransactionResult conflict = await client.TransactAsync(transaction);
        Assert.Equal((TransactionStatus.Conflict, "because"), (conflict.Status, conflict.Detail));

        const string Conditions = """[{"key":"v","version":"3-14"},{"key":"e","exists":true},{"key":"a","exists":false}]""";
        const string Put = """{"put":"p","value":"w6Q=","contentType":"text/plain; charset=utf-8","ttl":1.5}""";
        const string Others = """{"delete":"d"},{"add":"n","by":2},{"touch":"t","ttl":"none"},{"touch":"u","expiresAt":"1970-01-01T00:00:00.000Z"}""";
        Assert.Equal(
            $$"""{"conditions":{{Conditions}},"operations":[{{Put}},{{Others}}]}""", Assert.Single(script.Sent.Select(static sent => sent.Text).Distinct()));
        Assert.All(script.Sent, static sent => Assert.Equal(("POST", "/v1/transaction"), (sent.Method, sent.Target)));
    }

    [Fact]
    public async Task A_transaction_has_bounds_and_each_key_once()
    {
        using DiststoreClient client = new Script().Client();
        var transaction = new DiststoreTransaction();

        await Assert.ThrowsAsync<InvalidOperationException>(() => client.TransactAsync(transaction));
        foreach (int i in Enumerable.Range(0, DiststoreTransaction.MaxOperations))
        {
            transaction.IfExists($"{i}").Delete($"{i}");
        }

        Assert.Throws<InvalidOperationException>(() => transaction.IfExists("x"));
        Assert.Throws<InvalidOperationException>(() => transaction.Delete("x"));
        Assert.Throws<ArgumentException>(() => new DiststoreTransaction().Delete("x").Put("x", "v"));
        Assert.Throws<ArgumentException>(() => new DiststoreTransaction().IfVersion("x", default));
    }

    [Fact]
    public async Task A_session_takes_note_of_every_kind_of_write()
    {
        Script script = new Script()
            .Answers(200, "1", ("Diststore-Sequence", "5"))
            .Answers(200, """{"results":[]}""", ("Diststore-Sequence", "8"))
            .Answers(204, "", ("Diststore-Sequence", "6"))
            .Answers(200, """{"entries":[null],"next":null}""")
            .Answers(200, """{"count":0,"bytes":0,"next":null}""")
            .Answers(200, """{"keys":[],"next":null,"id":"1-8"}""");
        using DiststoreClient client = script.Client();
        DiststoreClient session = client.StartSession();

        await session.AddAsync("k");
        Assert.Equal(5, session.SessionSequence);
        await session.TransactAsync(new DiststoreTransaction().Delete("k"));
        Assert.Equal(8, session.SessionSequence);
        await session.DeleteAsync("k");
        Assert.Equal(8, session.SessionSequence);
        Assert.Equal([null], await session.GetSnapshotAsync(["k"]));
        await session.CountAsync();
        Assert.Empty(await session.ListAsync().ToListAsync());
        Assert.Equal([null, null, null, "8", "8", "8"], script.Sent.Select(static sent => sent.Header("Diststore-Min-Sequence")));
    }

    private static string Entries(int count, int? next)
    {
        var text = new StringBuilder("""{"entries":[""");
        text.AppendJoin(
            ',', Enumerable.Range(0, count).Select(static i => $$"""{"key":"k{{i}}","version":"1-{{i + 1}}","contentType":"t","size":0,"value":""}"""));
        return text.Append($"],\"next\":{next?.ToString(provider: null) ?? "null"}}}").ToString();
    }
}
