using System.Net;
using System.Text.Json;

namespace Diststore.Http.Tests;

/// <summary>Reads <c>GET /v1/changes</c> as clients do.</summary>
internal static class Feed
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    public static async Task<HttpResponseMessage> OpenAsync(TestServer server, string target, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, target);
        foreach ((string name, string value) in headers)
        {
            request.Headers.Add(name, value);
        }

        HttpResponseMessage answer = await server.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Deadline);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return answer;
    }

    /// <summary>All lines of a stream that ends.</summary>
    public static async Task<JsonElement[]> LinesAsync(TestServer server, string target)
    {
        using HttpResponseMessage answer = await OpenAsync(server, target);
        string text = await answer.Content.ReadAsStringAsync().WaitAsync(Deadline);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static line => JsonDocument.Parse(line).RootElement)];
    }

    public static async Task<(string? Id, string? Type, string? Key)> EventAsync(StreamReader reader)
    {
        string? id = await LineAsync(reader, static line => line.StartsWith("id: ", StringComparison.Ordinal));
        string? type = await LineAsync(reader, static _ => true);
        string? data = await LineAsync(reader, static _ => true);
        Assert.Equal("", await LineAsync(reader, static _ => true));
        JsonElement change = JsonDocument.Parse(data!["data: ".Length..]).RootElement;
        Assert.Equal(id!["id: ".Length..], change.GetProperty("id").GetString());
        return (id["id: ".Length..], type!["event: ".Length..], change.GetProperty("key").GetString());
    }

    public static async Task<string?> LineAsync(StreamReader reader, Func<string, bool> isWanted)
    {
        while (await reader.ReadLineAsync().WaitAsync(Deadline) is { } line)
        {
            if (isWanted(line))
            {
                return line;
            }
        }

        return null;
    }
}
