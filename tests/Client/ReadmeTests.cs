using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Diststore.Http.Tests;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace Diststore.Client.Tests;

/// <summary>The code of the package's README, compiled and run here: each region is one of its blocks, in its order.</summary>
public sealed partial class ReadmeTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    private TestServer _server = null!;
    private DiststoreClient _client = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync();
        _client = new DiststoreClient($"http://127.0.0.1:{_server.Port}");
    }

    public async Task DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public void The_readme_shows_this_code()
    {
        string readme = File.ReadAllText(Path.Combine(Folder(), "../../src/Client/README.md"));
        string code = File.ReadAllText(Path.Combine(Folder(), "ReadmeTests.cs"));
        string[] shown = [.. Block().Matches(readme).Select(static match => match.Groups[1].Value)];
        string[] run = [.. Region().Matches(code).Select(static match => Dedented(match.Groups[1].Value))];

        Assert.NotEmpty(shown);
        Assert.Equal(run, shown);
    }

    [Fact]
    public async Task Start()
    {
        string a = $"http://127.0.0.1:{_server.Port}", b = "http://127.0.0.1:1";
        var output = new StringWriter();
        void Print(string text) => output.WriteLine(text);

        #region start
        using var client = new DiststoreClient(a, b);

        await client.PutAsync("greeting", "hello");
        DiststoreEntry? entry = await client.GetAsync("greeting");
        Print(entry is null ? "nobody greets" : entry.GetText());
        #endregion

        Assert.Equal("hello\n", output.ToString().ReplaceLineEndings("\n"));
    }

    [Fact]
    public async Task Conditions()
    {
        DiststoreClient client = _client;
        await client.PutAsync("greeting", "hello");

        #region condition
        DiststoreEntry before = (await client.GetAsync("greeting", ReadOptions.Strong))!;
        WriteResult result = await client.PutAsync(
            "greeting", before.GetText() + "!", new PutOptions { Condition = WriteCondition.IfVersion(before.Version!.Value) });
        if (result.Status == WriteStatus.ConditionFailed)
        {
            // Somebody else was faster: read again.
        }
        #endregion

        Assert.Equal(WriteStatus.Replaced, result.Status);
    }

    [Fact]
    public async Task Unknown()
    {
        Script script = new Script().Loses().Loses().Answers(200, "1", ("Diststore-Sequence", "1"));
        // So long between attempts that no call has time for a second one.
        using DiststoreClient client = script.Client(static options => options.FirstRetryDelay = options.MaxRetryDelay = TimeSpan.FromMinutes(2));
        long visits = 0;

        #region unknown
        AddOptions options = new();
        for (int i = 0; i < 3; i++)
        {
            try
            {
                visits = (await client.AddAsync("visits", 1, options)).Number;
                break;
            }
            catch (DiststoreOutcomeUnknownException e) when (e.IdempotencyKey is not null)
            {
                // The same addition, not another one: however often it is asked for, it is done once.
                options = options with { IdempotencyKey = e.IdempotencyKey };
            }
        }
        #endregion

        Assert.Equal(1, visits);
        Assert.Equal(3, script.Sent.Count);
        Assert.Single(script.Sent.Select(static sent => sent.Header("Idempotency-Key")).Distinct());
    }

    [Fact]
    public async Task Transactions()
    {
        using DiststoreClient client = new Script().Answers(200, """{"results":[{"key":"a","number":"1"},{"key":"b","number":"3"}]}""").Client();
        EntryVersion version = EntryVersion.Parse("1-1");

        #region transaction
        TransactionResult moved = await client.TransactAsync(new DiststoreTransaction()
            .IfVersion("account/a/limits", version)
            .Add("account/a", -100)
            .Add("account/b", 100)
            .Put("log/17", "100 from a to b", expiry: TimeSpan.FromDays(90)));
        #endregion

        Assert.Equal(TransactionStatus.Committed, moved.Status);
    }

    [Fact]
    public async Task Listings()
    {
        DiststoreClient client = _client;
        await client.PutAsync("user/1", "a");
        var seen = new List<string>();

        #region list
        await foreach (EntryInfo info in client.ListAsync("user/"))
        {
            seen.Add($"{info.Key}: {info.Size} bytes");
        }

        KeyCount count = await client.CountAsync("user/");
        #endregion

        Assert.Equal(["user/1: 1 bytes"], seen);
        Assert.Equal(1, count.Keys);
    }

    [Fact]
    public async Task Streams()
    {
        DiststoreClient client = _client;
        string path = Path.GetTempFileName(), copy = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(path, "large");

            #region stream
            await using (FileStream file = File.OpenRead(path))
            {
                await client.PutAsync("video", file, new PutOptions { ContentType = "video/mp4" });
            }

            await using OpenedEntry? video = await client.OpenReadAsync("video");
            if (video is not null)
            {
                await using FileStream file = File.Create(copy);
                await video.Content.CopyToAsync(file);
            }
            #endregion

            Assert.Equal("large", await File.ReadAllTextAsync(copy));
        }
        finally
        {
            File.Delete(path);
            File.Delete(copy);
        }
    }

    [Fact]
    public async Task Changes()
    {
        DiststoreClient client = _client;
        await client.PutAsync("config/a", "1");
        using var cancellation = new CancellationTokenSource(Deadline);
        var config = new Dictionary<string, string>();
        var ready = new TaskCompletionSource();

        Task following = FollowAsync();
        await ready.Task.WaitAsync(Deadline);
        Assert.Equal("1", config["config/a"]);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => following);

        async Task FollowAsync()
        {
            #region follow
            await foreach (Change change in client.FollowAsync(new WatchOptions { Prefix = "config/" }, cancellation.Token))
            {
                switch (change.Kind)
                {
                    case ChangeKind.Reset:
                        config.Clear();
                        break;
                    case ChangeKind.Put:
                        config[change.Key] = change.Entry!.GetText();
                        break;
                    case ChangeKind.Delete:
                        config.Remove(change.Key);
                        break;
                    case ChangeKind.Ready:
                        // All that was there when it began is in the dictionary.
                        ready.TrySetResult();
                        break;
                }
            }
            #endregion
        }
    }

    [Fact]
    public async Task Sessions()
    {
        DiststoreClient client = _client;

        #region session
        DiststoreClient session = client.StartSession();
        await session.PutAsync("cart", "3 apples");
        DiststoreEntry? cart = await session.GetAsync("cart");
        #endregion

        Assert.Equal("3 apples", cart!.GetText());
        Assert.Equal(session.SessionSequence, _server.Store.AskedRead!.Value.MinSequence);
    }

    [Fact]
    public async Task Services()
    {
        var services = new ServiceCollection();
        IConfiguration configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("Diststore:Addresses:0", $"http://127.0.0.1:{_server.Port}"), new("Diststore:Timeout", "00:00:10")]).Build();

        #region services
        services.AddDiststoreClient().Bind(configuration.GetSection("Diststore"));
        services.AddKeyedDiststoreClient("archive", options => options.AddAddresses("http://archive:8181"));
        #endregion

        await using ServiceProvider provider = services.BuildServiceProvider();
        Assert.Null(await provider.GetRequiredService<DiststoreClient>().GetAsync("k"));
        Assert.NotNull(provider.GetRequiredKeyedService<DiststoreClient>("archive"));
    }

    private static string Folder([CallerFilePath] string file = "")
    {
        // Deterministic builds on a build server map source paths away; then the output's own folder shows the way.
        string? folder = File.Exists(file) ? Path.GetDirectoryName(file) : AppContext.BaseDirectory;
        while (folder is not null && !File.Exists(Path.Combine(folder, "ReadmeTests.cs")))
        {
            folder = Path.GetDirectoryName(folder);
        }

        return folder ?? throw new InvalidOperationException($"no ReadmeTests.cs above {AppContext.BaseDirectory}");
    }

    private static string Dedented(string code)
    {
        string[] lines = code.TrimEnd().Split('\n');
        int indent = lines.Where(static line => line.Length > 0).Min(static line => line.Length - line.TrimStart().Length);
        return string.Join('\n', lines.Select(line => line.Length > 0 ? line[indent..] : "")) + "\n";
    }

    [GeneratedRegex(@"^```csharp\n(.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^ *#region \w+\n(.*?)^ *#endregion$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Region();
}
