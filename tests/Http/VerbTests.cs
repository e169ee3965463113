using Diststore.Testing;

namespace Diststore.Http.Tests;

/// <summary>Each verb with its good and its bad inputs.</summary>
public sealed class VerbTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public static TheoryData<string> Verbs => [.. VerbScenarios.Names];

    public async Task InitializeAsync() => _server = await TestServer.StartAsync();

    public Task DisposeAsync() => _server.DisposeAsync().AsTask();

    [Theory]
    [MemberData(nameof(Verbs))]
    public async Task A_verb_does_what_it_says_and_names_what_is_wrong(string verb) =>
        Assert.Null(await VerbScenarios.RunAsync(verb, "127.0.0.1", _server.Port));

    [Fact]
    public async Task Who_has_another_token_has_keys_of_its_own()
    {
        await using TestServer server = await TestServer.StartAsync(static options => options.Tokens = ["token-one", "token-two"]);
        Assert.Equal("1", (await AddAsync(server, "token-one", 1)).Body);
        Assert.Equal("3", (await AddAsync(server, "token-two", 2)).Body);
        Answer again = await AddAsync(server, "token-one", 1);
        Assert.Equal(("1", "true"), (again.Body, again.Header("Idempotency-Replayed")));
        Assert.Equal(422, (await AddAsync(server, "token-one", 2)).Status);

        static Task<Answer> AddAsync(TestServer server, string token, int by) =>
            server.SendAsync("POST", $"/v1/kv/n?add={by}", $"Authorization: Bearer {token}\r\nIdempotency-Key: same\r\n");
    }
}
