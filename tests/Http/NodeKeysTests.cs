using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Diststore.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Diststore.Http.Tests;

/// <summary><c>GET /list</c>: any number of keys, sent a page at a time.</summary>
public sealed class NodeKeysTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private TestServer _server = null!;

    public async Task InitializeAsync() => _server = await TestServer.StartAsync(options =>
    {
        options.MaxNodeListings = 2;
        options.NodeListingPatience = TimeSpan.FromSeconds(30);
    });

    public async Task DisposeAsync() => await _server.DisposeAsync();

    [Fact]
    public async Task All_pages_come_as_one_answer_asked_of_the_node_that_gave_the_first()
    {
        var asked = new ConcurrentQueue<(string? Node, string? After)>();
        _server.Store.Keys = (node, after) =>
        {
            asked.Enqueue((node, after));
            return after switch
            {
                null => new KeysResult(KeysOutcome.Page, ["a", "b"], "b", "n7"),
                "b" => new KeysResult(KeysOutcome.Page, [], "deleted", "n7"), // nothing there but deleted keys
                "deleted" => new KeysResult(KeysOutcome.Page, ["e"], "f", "n7"),
                _ => new KeysResult(KeysOutcome.Page, ["g"], null, "n7"),
            };
        };
        using HttpResponseMessage answer = await _server.Client.GetAsync("/list").WaitAsync(Deadline);
        Assert.True(answer.Headers.TransferEncodingChunked);
        Assert.Equal("text/plain", answer.Content.Headers.ContentType?.MediaType);
        Assert.Equal("n7", answer.Headers.GetValues("Diststore-Node").Single());
        Assert.Equal("a\nb\ne\ng\n", await answer.Content.ReadAsStringAsync());
        Assert.Equal([(null, null), ("n7", "b"), ("n7", "deleted"), ("n7", "f")], asked);
    }

    [Fact]
    public async Task Keys_that_differ_never_look_the_same()
    {
        string[] keys = ["a\nb", "a%0Ab", "a\rb", "a%0Db", "a%250Ab", "%", "\u00e4"];
        foreach (string key in keys)
        {
            _server.Store.Change(new Entry(key, [1], null, new LogPoint(1, 1)));
        }

        string text = await _server.Client.GetStringAsync("/list").WaitAsync(Deadline);
        string[] lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(keys.Order(KeyOrder.Instance), lines.Select(Uri.UnescapeDataString));
        Assert.Contains("a%250Ab", lines);
        Assert.Contains("a%0Ab", lines);
    }

    [Theory]
    [InlineData(KeysOutcome.UnknownNode, 404)]
    [InlineData(KeysOutcome.Unavailable, 503)]
    [InlineData(KeysOutcome.Busy, 503)]
    public async Task What_goes_wrong_at_first_is_a_status(KeysOutcome outcome, int status)
    {
        _server.Store.Keys = (_, _) => new KeysResult(outcome, [], null, "");
        foreach (string method in new[] { "GET", "HEAD" })
        {
            Answer answer = await _server.SendAsync(method, "/list?node=n1");
            Assert.Equal(status, answer.Status);
            Assert.Equal(status == 503 ? "1" : null, answer.Header("Retry-After"));
        }
    }

    [Fact]
    public async Task What_goes_wrong_later_breaks_off()
    {
        _server.Store.Keys = (_, after) => after is null
            ? new KeysResult(KeysOutcome.Page, [new string('k', 1000)], "k", "n1") : new KeysResult(KeysOutcome.Unavailable, [], null, "");
        await Assert.ThrowsAsync<HttpRequestException>(() => _server.Client.GetStringAsync("/list").WaitAsync(Deadline));

        Answer head = await _server.SendAsync("HEAD", "/list");
        Assert.Equal((200, ""), (head.Status, head.Body));
    }

    [Fact]
    public async Task A_node_that_is_busy_meanwhile_is_asked_again()
    {
        int asked = 0;
        _server.Store.Keys = (_, after) => after is null ? new KeysResult(KeysOutcome.Page, ["a"], "a", "n1")
            : ++asked < 4 ? new KeysResult(KeysOutcome.Busy, [], null, "n1")
            : new KeysResult(KeysOutcome.Page, ["b"], null, "n1");
        Assert.Equal("a\nb\n", await _server.Client.GetStringAsync("/list").WaitAsync(Deadline));
        Assert.Equal(4, asked);
    }

    [Fact]
    public async Task Who_does_not_read_is_asked_for_no_more_and_those_beyond_the_bound_are_refused()
    {
        int asked = 0;
        string[] page = [.. Enumerable.Range(0, 1000).Select(static i => $"{i:D1000}")];
        _server.Store.Keys = (_, _) =>
        {
            Interlocked.Increment(ref asked);
            return new KeysResult(KeysOutcome.Page, page, page[^1], "n1");
        };
        using TcpClient first = await OpenAsync();
        using TcpClient second = await OpenAsync();
        await UntilAsync(async () => (await _server.SendAsync("HEAD", "/list")).Status == 503);

        // The sockets' buffers take a few pages and not an endless listing.
        Assert.InRange(Volatile.Read(ref asked), 1, 40);
        first.Dispose();
        await UntilAsync(async () => (await _server.SendAsync("HEAD", "/list")).Status == 200);
    }

    [Fact]
    public async Task A_page_is_made_when_there_is_room_for_it_and_the_room_is_given_back()
    {
        var budget = _server.Services.GetRequiredService<ByteBudget>();
        var held = new ConcurrentQueue<long>();
        _server.Store.Keys = (_, after) =>
        {
            held.Enqueue(budget.Taken);
            return after is null ? new KeysResult(KeysOutcome.Page, ["a"], "a", "n1") : new KeysResult(KeysOutcome.Page, ["b"], null, "n1");
        };
        using ByteReservation others = budget.Open(ByteUse.Answer);
        Assert.True(others.TryTake(budget.MaxBytes / 2));

        // Two of three wait for room, and count while they do: whichever comes last is refused.
        List<Task<HttpResponseMessage>> listings = [.. Enumerable.Range(0, 3).Select(_ => _server.Client.GetAsync("/list"))];
        Task<HttpResponseMessage> refused = await Task.WhenAny(listings).WaitAsync(Deadline);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await refused).StatusCode);
        Assert.Empty(held);
        others.Dispose();
        listings.Remove(refused);
        foreach (Task<HttpResponseMessage> listing in listings)
        {
            using HttpResponseMessage answer = await listing.WaitAsync(Deadline);
            Assert.Equal("a\nb\n", await answer.Content.ReadAsStringAsync());
        }

        Assert.All(held, bytes => Assert.InRange(bytes, 3 << 20, 6 << 20));
        await UntilAsync(() => IsTakenAsync(budget, 0));
    }

    [Fact]
    public async Task Who_takes_a_listing_too_slowly_is_ended_while_others_need_the_room()
    {
        var time = new ManualTime();
        await using TestServer server = await TestServer.StartAsync(options => options.ChangeReadPatience = TimeSpan.FromHours(1), time);
        var budget = server.Services.GetRequiredService<ByteBudget>();
        string[] page = [.. Enumerable.Range(0, 1000).Select(static i => $"{i:D1000}")];
        int asked = 0;
        server.Store.Keys = (_, _) =>
        {
            Interlocked.Increment(ref asked);
            return new KeysResult(KeysOutcome.Page, page, page[^1], "n1");
        };
        using TcpClient client = await OpenAsync(server.Port);
        int before;
        do
        {
            before = Volatile.Read(ref asked);
            await Task.Delay(300); // polls: until the system's buffers are full, however long it takes
        }
        while (before == 0 || before != Volatile.Read(ref asked));

        Assert.Equal(3 << 20, budget.Taken);
        time.Advance(600);
        Assert.Equal(3 << 20, budget.Taken);
        using ByteReservation others = budget.Open(ByteUse.LargeBody);
        Assert.True(others.TryTake(budget.MaxBytes / 2));
        await Task.Run(() => time.Advance(1));
        await UntilAsync(() => IsTakenAsync(budget, budget.MaxBytes / 2));
    }

    private static async Task<bool> IsTakenAsync(ByteBudget budget, long bytes)
    {
        await Task.Delay(20); // polls: the server tells nobody
        return budget.Taken == bytes;
    }

    private Task<TcpClient> OpenAsync() => OpenAsync(_server.Port);

    private static async Task<TcpClient> OpenAsync(int port)
    {
        var client = new TcpClient { ReceiveBufferSize = 4096 };
        await client.ConnectAsync(IPAddress.Loopback, port);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("GET /list HTTP/1.1\r\nHost: x\r\n\r\n"));
        Assert.True(await client.GetStream().ReadAsync(new byte[16]) > 0);
        return client;
    }

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!await isSo())
        {
            deadline.Token.ThrowIfCancellationRequested();
        }
    }
}
