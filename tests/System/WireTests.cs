using System.Net.Http.Headers;
using System.Text;

namespace Diststore.SystemTests;

/// <summary>Keys and bodies as they go over the wire, by a node and by the gateway alike.</summary>
public sealed class WireTests
{
    /// <summary>Targets that are one key each, and no two the same.</summary>
    private static readonly string[] Targets =
    [
        "a%2Fb", "a%252Fb", "x/../y", "y", "a//b", "a/b/", "%2E%2E/up", "with%20space",
        "plus+sign", "%C3%BCml%C3%A4ut", "semi;colon", "q%3Fmark", "hash%23", "%F0%9F%98%80", "per%25cent",
    ];

    /// <summary>Requests that are wrong, and the status that each gets.</summary>
    private static readonly (string Method, string Target, int Status)[] Wrong =
    [
        ("GET", "/v1/kv/%00", 400), ("GET", "/v1/kv/a%zz", 400), ("GET", "/v1/kv/a%2", 400), ("GET", "/v1/kv/%C3%28", 400), ("GET", "/get/", 400),
        ("GET", "/v1/kv/" + new string('k', 1025), 400), ("LINK", "/v1/kv/a", 405),
        ("GET", "/getlocal/a?node=nobody", 404), ("GET", "/no/such/route", 404), ("POST", "/health", 404),
    ];

    [SkippableFact]
    public async Task Keys_and_errors_are_the_same_by_a_node_and_by_the_gateway()
    {
        Skip.IfNot(RedisServer.Missing is null, RedisServer.Missing);
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterShape { Nodes = 2 });
        using GatewayProcess gateway = await cluster.StartGatewayAsync();
        (HttpFace Writer, HttpFace Reader)[] ways = [(cluster[1].Http, gateway.Http), (gateway.Http, cluster[2].Http)];
        foreach ((HttpFace writer, HttpFace reader) in ways)
        {
            await EveryTargetIsAKeyOfItsOwnAsync(writer, reader, cluster);
            await WrongRequestsAreNamedAsync(writer);
            await TooLargeIsRefusedAsync(writer);
        }
    }

    private static async Task EveryTargetIsAKeyOfItsOwnAsync(HttpFace writer, HttpFace reader, TestCluster cluster)
    {
        foreach (string target in Targets)
        {
            using var body = new ByteArrayContent(Encoding.UTF8.GetBytes($"value of {target} by {writer.Url}"));
            body.Headers.ContentType = new MediaTypeHeaderValue("application/x-test");
            Answer put = await writer.SendAsync(HttpMethod.Put, "/v1/kv/" + target, body);
            Assert.True(put.Status is 201 or 204, $"PUT {target} at {writer.Url}: {put}\n{cluster.Tails()}");
        }

        foreach (string target in Targets)
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    Answer got = await reader.FetchAsync("/v1/kv/" + target);
                    Assert.True(got.Status == 200, $"GET {target} at {reader.Url}: {got}");
                    Assert.Equal("application/x-test", got.ContentType);
                    return got.Text == $"value of {target} by {writer.Url}" ? null : $"{target} at {reader.Url}: {got}";
                },
                TimeSpan.FromSeconds(5),
                cluster.Tails);
        }
    }

    private static async Task WrongRequestsAreNamedAsync(HttpFace face)
    {
        foreach ((string method, string target, int status) in Wrong)
        {
            Answer answer = await face.SendAsync(new HttpMethod(method), target);
            Assert.True(answer.Status == status, $"{method} {target} at {face.Url}: {answer}, expected {status}");
            Assert.DoesNotContain("   at ", answer.Text, StringComparison.Ordinal);
        }
    }

    private static async Task TooLargeIsRefusedAsync(HttpFace face)
    {
        using var body = new ByteArrayContent(new byte[(4 << 20) + 1]);
        Answer answer = await face.SendAsync(HttpMethod.Put, "/v1/kv/large", body);
        Assert.Equal(413, answer.Status);
        Assert.Equal(404, (await face.FetchAsync("/v1/kv/large")).Status);
    }
}
