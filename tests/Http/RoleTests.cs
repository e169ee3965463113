using System.Net;
using Diststore.Core;

namespace Diststore.Http.Tests;

/// <summary>What an operator may ask of the masters.</summary>
public sealed class RoleTests : IAsyncLifetime
{
    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.StartAsync();

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Theory]
    [InlineData("/v1/cluster/step-down", "step-down ")]
    [InlineData("/v1/cluster/step-down?node=n2", "step-down n2")]
    [InlineData("/v1/cluster/maintenance?node=n2&for=600", "maintain n2 600")]
    [InlineData("/v1/cluster/maintenance?node=n2&for=0", "maintain n2 0")]
    [InlineData("/v1/cluster/maintenance?node=n2&for=86400", "maintain n2 86400")]
    [InlineData("/v1/cluster/force-election?node=n2", "force n2 False")]
    [InlineData("/v1/cluster/force-election?node=n2&accept-data-loss=yes", "force n2 True")]
    public async Task What_is_done_shows_the_cluster(string target, string wish)
    {
        HttpResponseMessage answer = await _server.Client.PostAsync(new Uri(target, UriKind.Relative), null);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal([wish], _server.Store.RoleWishes);
        Assert.Contains("\"primary\"", await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RoleOutcome.Refused, HttpStatusCode.Conflict)]
    [InlineData(RoleOutcome.UnknownNode, HttpStatusCode.NotFound)]
    [InlineData(RoleOutcome.Unavailable, HttpStatusCode.ServiceUnavailable)]
    public async Task What_is_not_done_says_why(RoleOutcome outcome, HttpStatusCode status)
    {
        _server.Store.RoleAnswer = new RoleResult(outcome, "n1", "not now");
        foreach (string target in new[] { "/v1/cluster/step-down?node=n2", "/v1/cluster/maintenance?node=n2&for=1", "/v1/cluster/force-election?node=n2" })
        {
            HttpResponseMessage answer = await _server.Client.PostAsync(new Uri(target, UriKind.Relative), null);
            Assert.Equal(status, answer.StatusCode);
            Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
            string expected = outcome == RoleOutcome.UnknownNode ? "n2" : "not now";
            Assert.Contains(expected, await answer.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("POST", "/v1/cluster/force-election", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/force-election?accept-data-loss=yes", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/force-election?node=n2&accept-data-loss=true", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/step-down?node=", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/maintenance?for=1", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/maintenance?node=n2", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/maintenance?node=n2&for=86401", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/maintenance?node=n2&for=-1", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/maintenance?node=n2&for=1.5", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/maintenance?node=n2&for=99999999999999", HttpStatusCode.BadRequest)]
    [InlineData("GET", "/v1/cluster/maintenance?node=n2&for=1", HttpStatusCode.MethodNotAllowed)]
    [InlineData("POST", "/local/key?node=", HttpStatusCode.BadRequest)]
    [InlineData("GET", "/list?node=", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/v1/cluster/step-down?nodes=n2", HttpStatusCode.BadRequest)]
    [InlineData("GET", "/v1/cluster/step-down?node=n2", HttpStatusCode.MethodNotAllowed)]
    [InlineData("GET", "/v1/cluster/force-election?node=n2", HttpStatusCode.MethodNotAllowed)]
    public async Task What_is_not_understood_is_not_done(string method, string target, HttpStatusCode status)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), target);
        HttpResponseMessage answer = await _server.Client.SendAsync(request);

        Assert.Equal(status, answer.StatusCode);
        Assert.Empty(_server.Store.RoleWishes);
    }
}
