using Diststore.Core;
using Diststore.Http.Tests;

namespace Diststore.Client.Tests;

/// <summary>Answers that are lost on their way from the real HTTP API: what was asked for is done once, and told.</summary>
public sealed class IdempotencyTests : IAsyncLifetime
{
    private readonly LosingHandler _network = new();
    private TestServer _server = null!;
    private DiststoreClient _client = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        _client = new DiststoreClient(new DiststoreClientOptions { CreateHandler = () => _network }.AddAddresses($"http://127.0.0.1:{_server.Port}"));
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task An_addition_is_done_once()
    {
        AddResult first = await LosingAsync(() => _client.AddAsync("n", 5));
        AddResult second = await _client.AddAsync("n", -7);

        Assert.Equal((5L, true, 1L), (first.Number, first.IsReplayed, first.Sequence));
        Assert.Equal((-2L, false), (second.Number, second.IsReplayed));
        Assert.Equal("-2", (await _client.GetAsync("n"))!.GetText());
        await _client.PutAsync("n", "no number");
        Assert.Equal(AddStatus.NotANumber, (await _client.AddAsync("n")).Status);
    }

    [Fact]
    public async Task A_conditional_put_is_told_of_its_first_success()
    {
        WriteResult put = await LosingAsync(() => _client.PutAsync("k", "v", new PutOptions { Condition = WriteCondition.IfAbsent }));

        Assert.Equal((WriteStatus.Created, true), (put.Status, put.IsReplayed));
        Assert.Equal(put.Version, (await _client.GetAsync("k"))!.Version);
        Assert.Equal(WriteStatus.Deleted, (await LosingAsync(() => _client.DeleteAsync("k"))).Status);
    }

    [Fact]
    public async Task A_touch_changes_the_time_alone()
    {
        EntryVersion version = (await _client.PutAsync("k", "v", new PutOptions { Expiry = TimeSpan.FromHours(1) })).Version!.Value;

        WriteResult touched = await LosingAsync(
            () => _client.TouchAsync("k", Expiry.Never, new WriteOptions { Condition = WriteCondition.IfVersion(version) }));
        Assert.Equal((WriteStatus.Touched, true), (touched.Status, touched.IsReplayed));
        EntryInfo info = await _client.ListAsync("k").SingleAsync();
        Assert.Equal((null, touched.Version, 1L), (info.ExpiresAt, info.Version, info.Size));
        await _client.TouchAsync("k", Expiry.At(DateTimeOffset.UnixEpoch.AddDays(1)));
        Assert.Equal(DateTimeOffset.UnixEpoch.AddDays(1), (await _client.ListAsync("k").SingleAsync()).ExpiresAt);
        Assert.Equal(WriteStatus.NotFound, (await _client.TouchAsync("other", Expiry.Never)).Status);
    }

    [Fact]
    public async Task A_transaction_is_done_once_and_whole()
    {
        EntryVersion version = (await _client.PutAsync("a", "1", new PutOptions { Expiry = TimeSpan.FromHours(1) })).Version!.Value;
        DiststoreTransaction transaction = new DiststoreTransaction().IfVersion("a", version).IfAbsent("p")
            .Add("a", 41).Put("p", "ä", expiry: TimeSpan.FromSeconds(1.5)).Delete("d").Put("b", new byte[] { 0 }, "a/b", Expiry.At(DateTimeOffset.MaxValue));

        TransactionResult done = await LosingAsync(() => _client.TransactAsync(transaction));
        Assert.Equal((TransactionStatus.Committed, true), (done.Status, done.IsReplayed));
        Assert.Equal(["a 42", "p ", "d ", "b "], done.Results.Select(static result => $"{result.Key} {result.Number}"));
        Assert.Null(done.Results[2].Version);
        Assert.Equal(done.Sequence, _server.Store.Replicated["b"].Version.Sequence);
        Assert.Equal(("42", "ä", "a/b"), (await TextAsync("a"), await TextAsync("p"), (await _client.GetInfoAsync("b"))!.ContentType));
        TransactionResult failed = await _client.TransactAsync(transaction);
        Assert.Equal(TransactionStatus.ConditionFailed, failed.Status);
        Assert.Equal([0, 1], failed.FailedConditions);
        Assert.Equal(TransactionStatus.Conflict, (await _client.TransactAsync(new DiststoreTransaction().Add("p"))).Status);
        Assert.Equal(TransactionStatus.Conflict, (await _client.TransactAsync(new DiststoreTransaction().Touch("none", Expiry.Never))).Status);
        DiststoreTransaction touch = new DiststoreTransaction().Touch("p", Expiry.At(DateTimeOffset.MaxValue));
        Assert.Equal(TransactionStatus.Committed, (await _client.TransactAsync(touch)).Status);

        async Task<string> TextAsync(string key) => (await _client.GetAsync(key))!.GetText();
    }

    [Fact]
    public async Task What_the_caller_knows_by_a_key_is_answered_by_it_and_nothing_else_is()
    {
        var options = new WriteOptions { IdempotencyKey = "order \"17\" \\" };
        await _client.PutAsync("k", "v");

        Assert.Equal(WriteStatus.Deleted, (await _client.DeleteAsync("k", options)).Status);
        WriteResult again = await _client.DeleteAsync("k", options);
        Assert.Equal((WriteStatus.Deleted, true), (again.Status, again.IsReplayed));
        var reused = await Assert.ThrowsAsync<DiststoreRequestException>(() => _client.DeleteAsync("other", options));
        Assert.Equal((DiststoreProblem.KeyReused, (int?)422), (reused.Problem, reused.StatusCode));
    }

    [Fact]
    public async Task What_stays_unknown_can_be_gone_on_with()
    {
        _server.Store.Write = new Core.WriteResult(WriteOutcome.Unknown, default, "n1");
        var unknown = await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(
            () => _client.PutAsync("k", "v", new PutOptions { Timeout = TimeSpan.FromMilliseconds(200) }));
        Assert.Equal(DiststoreProblem.OutcomeUnknown, unknown.Problem);
        _server.Store.Write = null;

        Assert.Equal(WriteStatus.Created, (await _client.PutAsync("k", "v", new PutOptions { IdempotencyKey = unknown.IdempotencyKey })).Status);
    }

    private async Task<T> LosingAsync<T>(Func<Task<T>> call)
    {
        int before = _network.Requests;
        _network.Loses = true;
        T result = await call();
        Assert.Equal(2, _network.Requests - before);
        return result;
    }

    /// <summary>The network, but for one answer, which does not come.</summary>
    private sealed class LosingHandler() : DelegatingHandler(new SocketsHttpHandler())
    {
        public bool Loses { get; set; }

        public int Requests { get; private set; }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            Requests++;
            HttpResponseMessage answer = await base.SendAsync(request, cancellationToken);
            if (!Loses)
            {
                return answer;
            }

            Loses = false;
            answer.Dispose();
            throw new HttpRequestException(HttpRequestError.ResponseEnded, "lost");
        }
    }
}
