namespace Diststore.Client.Tests;

/// <summary>What is sent again, where, and what is said when it ends.</summary>
public sealed class RetryTests
{
    private static readonly (string, string) RetryAfter = ("Retry-After", "1");

    [Theory]
    [InlineData("nothing-done")]
    [InlineData("busy")]
    [InlineData("not-known")]
    public async Task Where_nothing_was_done_the_next_address_is_asked(string word)
    {
        Script script = new Script().Refuses(503, word, RetryAfter).Answers(201);
        using DiststoreClient client = script.Client();

        Assert.Equal(WriteStatus.Created, (await client.PutAsync("k", "v")).Status);

        Assert.Equal(["http://a:1/v1/kv/k", "http://b:2/v1/kv/k"], script.Sent.Select(static sent => sent.Uri.OriginalString));
    }

    [Fact]
    public async Task A_write_is_sent_again_with_the_same_key_and_the_same_body()
    {
        Script script = new Script().Refuses(503, "outcome-unknown").Loses().NoConnection().Refuses(500, "failed").Answers(502, "<html>")
            .Answers(204, "", ("Idempotency-Replayed", "true"), ("Diststore-Sequence", "7"), ("ETag", "\"1-7\""));
        using DiststoreClient client = script.Client();

        WriteResult result = await client.PutAsync("k", "v");

        Assert.Equal((WriteStatus.Replaced, true, 7L, "1-7"), (result.Status, result.IsReplayed, result.Sequence!.Value, result.Version.ToString()));
        Assert.Equal(6, script.Sent.Count);
        Assert.Equal("v", Assert.Single(script.Sent.Select(static sent => sent.Text).Distinct()));
        Assert.Matches("^\"[0-9a-f]{32}\"$", Assert.Single(script.Sent.Select(static sent => sent.Header("Idempotency-Key")).Distinct()));
    }

    [Fact]
    public async Task Each_write_has_a_key_of_its_own_and_a_read_has_none()
    {
        Script script = new Script().Answers(201).Answers(201).Answers(200);
        using DiststoreClient client = script.Client();

        await client.PutAsync("k", "v");
        await client.PutAsync("k", "v");
        await client.GetAsync("k");

        string?[] keys = [.. script.Sent.Select(static sent => sent.Header("Idempotency-Key"))];
        Assert.NotEqual(keys[0], keys[1]);
        Assert.Null(keys[2]);
    }

    [Fact]
    public async Task When_the_time_is_over_an_unknown_outcome_gives_the_key_to_go_on_with()
    {
        var time = new StepTime();
        Script script = new Script().Hangs().Hangs();
        using DiststoreClient client = script.Client(options =>
        {
            options.TimeProvider = time;
            options.AttemptTimeout = TimeSpan.FromSeconds(10);
            options.Timeout = TimeSpan.FromSeconds(15);
            options.FirstRetryDelay = options.MaxRetryDelay = TimeSpan.FromSeconds(2);
        });

        Task<WriteResult> put = client.PutAsync("k", "v");
        await time.FireAsync(TimeSpan.FromSeconds(10));
        await time.FireAsync(TimeSpan.FromSeconds(1));
        await time.FireAsync(TimeSpan.FromSeconds(4));
        var error = await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => put);

        Assert.Equal(script.Sent.Last().Header("Idempotency-Key"), $"\"{error.IdempotencyKey}\"");
        Assert.Equal((2, new Uri("http://b:2")), (error.Attempts, error.Address));
        script.Answers(201);
        Assert.True((await client.PutAsync("k", "v", new PutOptions { IdempotencyKey = error.IdempotencyKey })).IsApplied);
        Assert.Single(script.Sent.Select(static sent => sent.Header("Idempotency-Key")).Distinct());
    }

    [Fact]
    public async Task What_was_unknown_once_stays_so_whatever_comes_after()
    {
        Script script = new Script().Loses();
        using DiststoreClient client = script.Client(static options => options.Timeout = TimeSpan.FromMilliseconds(200));
        for (int i = 0; i < 500; i++)
        {
            script.Refuses(503, "nothing-done", RetryAfter);
        }

        var error = await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => client.DeleteAsync("k"));

        Assert.NotNull(error.IdempotencyKey);
        Assert.Equal(DiststoreProblem.NothingDone, error.Problem);
    }

    [Fact]
    public async Task A_refusal_of_the_token_does_not_tell_what_became_of_an_earlier_attempt()
    {
        using DiststoreClient client = new Script().Loses().Refuses(401, "unauthorized").Client();

        Assert.Equal(DiststoreProblem.Unauthorized, (await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => client.DeleteAsync("k"))).Problem);
    }

    [Fact]
    public async Task A_refusal_by_who_knows_the_data_does()
    {
        using DiststoreClient client = new Script().Loses().Refuses(412, "condition-failed").Loses().Refuses(507, "over-quota").Client();

        Assert.Equal(WriteStatus.ConditionFailed, (await client.PutAsync("k", "v", new PutOptions { Condition = WriteCondition.IfAbsent })).Status);
        Assert.Equal(DiststoreProblem.OverQuota, (await Assert.ThrowsAsync<DiststoreRequestException>(() => client.PutAsync("k", "v"))).Problem);
    }

    [Fact]
    public async Task Where_nothing_was_done_to_the_end_it_says_so()
    {
        var script = new Script();
        for (int i = 0; i < 500; i++)
        {
            script.Refuses(503, "nothing-done", RetryAfter);
        }

        using DiststoreClient client = script.Client(static options => options.Timeout = TimeSpan.FromMilliseconds(100));

        var error = await Assert.ThrowsAsync<DiststoreUnavailableException>(() => client.PutAsync("k", "v"));

        Assert.Equal((DiststoreProblem.NothingDone, 503, script.Sent.Count), (error.Problem, error.StatusCode, error.Attempts));
        Assert.True(error.Attempts > 1);
    }

    [Fact]
    public async Task A_write_without_a_key_is_not_sent_again_once_it_may_have_been_done()
    {
        var unkeyed = new PutOptions { IsRepeatable = false };
        Script script = new Script().NoConnection().Refuses(503, "busy", RetryAfter).Loses();
        using DiststoreClient client = script.Client();

        Assert.Null((await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => client.PutAsync("k", "v", unkeyed))).IdempotencyKey);

        Assert.Equal(3, script.Sent.Count);
        Assert.All(script.Sent, static sent => Assert.Null(sent.Header("Idempotency-Key")));
    }

    [Fact]
    public async Task A_local_only_write_goes_on_only_where_it_was_not_sent()
    {
        Script script = new Script().NoConnection().Refuses(503, "busy", RetryAfter).Loses().Refuses(503, "outcome-unknown");
        using DiststoreClient client = script.Client();

        await Assert.ThrowsAsync<DiststoreUnavailableException>(() => client.Node("n1").PutAsync("k", "v"));
        Assert.Equal(2, script.Sent.Count);
        await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => client.Node("n1").DeleteAsync("k"));
        Assert.Equal(3, script.Sent.Count);
        await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => client.Node("n1").PutAsync("k", "v"));
        Assert.Equal(4, script.Sent.Count);
    }

    [Fact]
    public async Task An_operator_s_wish_is_not_repeated_once_it_may_have_been_done()
    {
        Script script = new Script().Refuses(503, "outcome-unknown").Refuses(409, "conflict");
        using DiststoreClient client = script.Client();

        Assert.Null((await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => client.Cluster.StepDownAsync("n1"))).IdempotencyKey);
        Assert.Equal(DiststoreProblem.Conflict, (await Assert.ThrowsAsync<DiststoreRequestException>(() => client.Cluster.StepDownAsync("n1"))).Problem);

        Assert.Equal(2, script.Sent.Count);
    }

    [Fact]
    public async Task A_read_is_repeated_whatever_went_wrong()
    {
        Script script = new Script().Loses().Refuses(500, "failed").Answers(502).Throws(new IOException("broke")).Answers(200, "v");
        using DiststoreClient client = script.Client();

        Assert.Equal("v", (await client.GetAsync("k"))!.GetText());
        Assert.Equal(5, script.Sent.Count);
    }

    [Fact]
    public async Task One_that_works_is_kept_to()
    {
        Script script = new Script().NoConnection().Answers(200).Answers(200);
        using DiststoreClient client = script.Client();

        await client.GetAsync("k");
        await client.GetAsync("k");

        Assert.Equal(["a", "b", "b"], script.Sent.Select(static sent => sent.Uri.Host));
    }

    [Fact]
    public async Task An_answer_that_is_no_node_s_tells_nothing()
    {
        Script script = new Script()
            .Then(static (_, _) => Task.FromResult(new HttpResponseMessage(System.Net.HttpStatusCode.NotFound)))
            .Then(static (_, _) => Task.FromResult(new HttpResponseMessage(System.Net.HttpStatusCode.OK)))
            .Then(static (_, _) => Task.FromResult(new HttpResponseMessage(System.Net.HttpStatusCode.NotFound)))
            .Answers(200, "{]");
        using DiststoreClient client = script.Client();

        await Assert.ThrowsAsync<DiststoreRequestException>(() => client.GetAsync("k"));
        await Assert.ThrowsAsync<DiststoreAnswerException>(() => client.GetAsync("k"));
        await Assert.ThrowsAsync<DiststoreRequestException>(() => client.GetInfoAsync("k"));
        await Assert.ThrowsAsync<DiststoreAnswerException>(() => client.CountAsync());
    }

    [Fact]
    public async Task A_success_that_is_no_node_s_leaves_a_write_s_outcome_unknown()
    {
        Script script = new Script().Then(static (_, _) => Task.FromResult(new HttpResponseMessage(System.Net.HttpStatusCode.Created))).Answers(204)
            .Answers(200, "many", ("ETag", "\"1-1\""));
        using DiststoreClient client = script.Client();

        Assert.Equal(WriteStatus.Replaced, (await client.PutAsync("k", "v")).Status);
        Assert.Equal(2, script.Sent.Count);
        await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => client.AddAsync("k"));
    }

    [Fact]
    public async Task The_caller_s_cancellation_ends_any_attempt_and_is_told_as_it_is()
    {
        var asked = new TaskCompletionSource();
        using DiststoreClient client = new Script().Hangs(asked).Client();
        using var cancellation = new CancellationTokenSource();

        Task<DiststoreEntry?> get = client.GetAsync("k", cancellationToken: cancellation.Token);
        await asked.Task;
        await cancellation.CancelAsync();

        Assert.Equal(cancellation.Token, (await Assert.ThrowsAnyAsync<OperationCanceledException>(() => get)).CancellationToken);
    }

    [Fact]
    public async Task A_client_that_was_disposed_of_says_so_at_once()
    {
        var script = new Script();
        DiststoreClient client = script.Client();
        client.Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => client.StartSession().GetAsync("k"));
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await client.WatchAsync().ToListAsync());
        Assert.Empty(script.Sent);
    }

    [Fact]
    public async Task A_media_type_that_is_none_is_the_caller_s_mistake()
    {
        using DiststoreClient client = new Script().Client();
        var none = new PutOptions { ContentType = "none" };

        await Assert.ThrowsAsync<FormatException>(() => client.PutAsync("k", "v", none));
        await Assert.ThrowsAsync<FormatException>(() => client.PutAsync("k", new MemoryStream(), none));
        await Assert.ThrowsAsync<FormatException>(() => client.Node().PutAsync("k", "v", "none"));
    }

    [Fact]
    public async Task A_stream_that_can_go_back_is_sent_from_where_it_stood_and_another_only_once()
    {
        Script script = new Script().Loses().Answers(201).Loses();
        using DiststoreClient client = script.Client();
        using var seekable = new MemoryStream("0123"u8.ToArray()) { Position = 1 };
        await using Stream once = new OnceStream("0123"u8.ToArray());

        await client.PutAsync("k", seekable);
        Assert.Equal(["123", "123"], script.Sent.Select(static sent => sent.Text));
        Assert.NotNull((await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => client.PutAsync("k", once))).IdempotencyKey);
        Assert.Equal("0123", script.Sent.Last().Text);
        Assert.True(seekable.CanRead && once.CanRead);
    }

    [Fact]
    public async Task Keys_of_the_caller_s_are_quoted_and_what_is_none_is_refused_before_it_is_sent()
    {
        Script script = new Script().Answers(204);
        using DiststoreClient client = script.Client();

        await client.DeleteAsync("k", new WriteOptions { IdempotencyKey = "a\"b\\c d" });
        Assert.Equal("\"a\\\"b\\\\c d\"", script.Only.Header("Idempotency-Key"));
        foreach (string wrong in (string[])["", new('a', 256), "ä", "a\n"])
        {
            await Assert.ThrowsAsync<ArgumentException>(() => client.DeleteAsync("k", new WriteOptions { IdempotencyKey = wrong }));
        }

        await Assert.ThrowsAsync<ArgumentException>(() => client.DeleteAsync("k", new WriteOptions { IdempotencyKey = "a", IsRepeatable = false }));
        Assert.Single(script.Sent);
    }

    [Fact]
    public async Task All_attempts_of_a_call_have_the_same_token()
    {
        int given = 0;
        Script script = new Script().Loses().Answers(204).Answers(204);
        using DiststoreClient client = script.Client(options => options.TokenProvider = _ => new($"token{++given}"));

        await client.DeleteAsync("k");
        await client.DeleteAsync("k");

        Assert.Equal(["Bearer token1", "Bearer token1", "Bearer token2"], script.Sent.Select(static sent => sent.Header("Authorization")));
    }

    [Fact]
    public async Task A_key_that_stands_for_another_request_is_the_caller_s_mistake()
    {
        using DiststoreClient client = new Script().Refuses(422, "key-reused").Client();

        Assert.Equal(
            DiststoreProblem.KeyReused,
            (await Assert.ThrowsAsync<DiststoreRequestException>(() => client.DeleteAsync("k", new WriteOptions { IdempotencyKey = "a" }))).Problem);
    }

    [Fact]
    public void Waits_double_up_to_a_limit_and_a_server_s_wish_counts_once_all_were_asked()
    {
        static TimeSpan Ms(int milliseconds) => TimeSpan.FromMilliseconds(milliseconds);
        var longest = new Backoff(Ms(50), Ms(1_000), static () => 0.9999999);
        var shortest = new Backoff(Ms(50), Ms(1_000), static () => 0);

        Assert.Equal(
            [50, 100, 200, 400, 800, 1_000, 1_000],
            Enumerable.Range(1, 7).Select(attempt => Math.Round(longest.After(attempt, 3, null).TotalMilliseconds)));
        Assert.Equal(Ms(25), shortest.After(1, 3, TimeSpan.FromSeconds(1)));
        Assert.Equal(Ms(700), shortest.After(3, 3, Ms(700)));
        Assert.Equal(Ms(1_000), shortest.After(3, 3, TimeSpan.FromHours(1)));
        Assert.Equal(Ms(500), shortest.After(int.MaxValue, 1, null));
        Assert.Equal(Ms(1), new Backoff(Ms(1), Ms(1), static () => 0).After(1, 1, null));
    }

    private sealed class OnceStream(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
