using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Diststore.SystemTests;

/// <summary>The nodes that clients may ask: those that nobody is killing or starting. Any thread.</summary>
internal sealed class UpNodes(SiloProcess[] up)
{
    private volatile SiloProcess[] _up = up;

    public SiloProcess[] Up
    {
        get => _up;
        set => _up = value;
    }
}

/// <summary>
/// A client that keeps a copy of everything by <c>GET /v1/changes</c>, from whichever node answers, and resumes at the
/// last id that it saw.
/// </summary>
internal sealed class ChangeFollower(UpNodes nodes)
{
    private readonly Dictionary<string, string?> _state = new(StringComparer.Ordinal);
    private (long Epoch, long Sequence) _last; // the last version seen
    private string _since = "0"; // for the store to read
    private int _turn;

    /// <summary>Follows until told to stop; a node that does not answer is a reason to ask the next.</summary>
    public async Task RunAsync(CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            try
            {
                SiloProcess[] up = nodes.Up;
                await ReadAsync(up[_turn++ % up.Length].Http);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
            {
                // The node was killed under it; what came before the break was taken.
            }
        }
    }

    /// <summary>Reads what there is now.</summary>
    public Task CatchUpAsync(HttpFace http) =>
        Eventually.TrueAsync(async () => await ReadAsync(http) == 200 ? null : "no answer", Eventually.Patience);

    /// <summary>What it ended with must be what the masters list, no more and no less.</summary>
    public async Task CheckAsync(HttpFace http, string at)
    {
        Dictionary<string, string?> alive = _state.Where(static pair => pair.Value is not null).ToDictionary(StringComparer.Ordinal);
        Dictionary<string, string?> listed = (await ListAsync(http, at)).Keys;
        string[] differ = [.. alive.Keys.Union(listed.Keys).Where(key => alive.GetValueOrDefault(key) != listed.GetValueOrDefault(key))];
        Assert.True(differ.Length == 0, $"the follower and the masters differ in {differ.Length} keys, {differ.FirstOrDefault()} among them; {at}");
    }

    /// <summary>Begins with what a listing shows, at the point that it names.</summary>
    public async Task BeginWithListingAsync(HttpFace http, string at)
    {
        (Dictionary<string, string?> keys, string id) = await ListAsync(http, at);
        (_since, _last) = (id, Parse(id));
        foreach ((string key, string? version) in keys)
        {
            _state[key] = version;
        }
    }

    /// <summary>All keys with their versions, and the id to watch from: the first page's.</summary>
    public static async Task<(Dictionary<string, string?> Keys, string Id)> ListAsync(HttpFace http, string at)
    {
        var keys = new Dictionary<string, string?>(StringComparer.Ordinal);
        string? after = null, id = null;
        do
        {
            Answer page = await http.FetchAsync($"/v1/kv?limit=1000{(after is null ? "" : $"&after={Uri.EscapeDataString(after)}")}");
            Assert.True(page.Status == 200, $"{page}; {at}");
            JsonElement json = JsonDocument.Parse(page.Body).RootElement;
            foreach (JsonElement key in json.GetProperty("keys").EnumerateArray())
            {
                keys[key.GetProperty("key").GetString()!] = key.GetProperty("version").GetString();
            }

            id ??= json.GetProperty("id").GetString();
            after = json.GetProperty("next").GetString();
        }
        while (after is not null);
        return (keys, id!);
    }

    private async Task<int> ReadAsync(HttpFace http)
    {
        Answer answer = await http.FetchAsync($"/v1/changes?since={_since}&live=false");
        Assert.True(answer.Status is 200 or 503, $"/v1/changes?since={_since}: {answer}");
        if (answer.Status == 200)
        {
            foreach (string line in Encoding.UTF8.GetString(answer.Body).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                Take(JsonDocument.Parse(line).RootElement);
            }
        }

        return answer.Status;
    }

    private void Take(JsonElement change)
    {
        if (!change.TryGetProperty("key", out _))
        {
            // Nothing but how far was scanned.
            _since = change.GetProperty("id").GetString()!;
            return;
        }

        string text = change.GetProperty("version").GetString()!;
        (long, long) version = Parse(text);
        Assert.True(version.CompareTo(_last) > 0, $"the change {text} came after {_last}");
        (_since, _last) = (change.GetProperty("id").GetString()!, version);
        _state[change.GetProperty("key").GetString()!] = change.GetProperty("deleted").GetBoolean() ? null : text;
    }

    /// <summary>A version's epoch and sequence, which compare as versions do.</summary>
    public static (long Epoch, long Sequence) Parse(string version)
    {
        string[] parts = version.Split('-');
        return (long.Parse(parts[0], CultureInfo.InvariantCulture), long.Parse(parts[1], CultureInfo.InvariantCulture));
    }
}
