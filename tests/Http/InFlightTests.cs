using System.Net;
using System.Net.Sockets;
using System.Text;
using Diststore.Core;
using Microsoft.Extensions.DependencyInjection;

namespace Diststore.Http.Tests;

/// <summary>Hostile clients on a real Kestrel: whatever they do, what is held for them is bounded, and given back in the end.</summary>
public sealed class InFlightTests : IAsyncLifetime
{
    // More than the system takes for a client that reads nothing.
    private const int Unit = 4 << 20;

    private readonly ManualTime _time = new();
    private readonly List<TcpClient> _clients = [];
    private TestServer _server = null!;
    private ByteBudget _budget = null!;

    public async Task InitializeAsync()
    {
        _server = await TestServer.StartAsync(options => (options.MaxValueBytes, options.MaxBytesInFlight) = (2 * Unit, 8 * Unit), _time);
        _budget = _server.Services.GetRequiredService<ByteBudget>();
    }

    public async Task DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        await UntilAsync(() => _budget.Taken == 0, () => $"{_budget.Taken} bytes were not given back");
        string errors = _server.Log.TakeErrors();
        Assert.True(errors.Length == 0, errors);
        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData("PUT /v1/kv/k", "application/octet-stream")]
    [InlineData("POST /", "application/x-www-form-urlencoded")]
    [InlineData("POST /", "multipart/form-data; boundary=b")]
    public async Task Long_bodies_that_do_not_end_leave_room_and_are_ended(string request, string type)
    {
        // Each has sent half of what it announced, and sends no more.
        string begin = type.StartsWith("mul", StringComparison.Ordinal) ? "--b\r\nContent-Disposition: form-data; name=value\r\n\r\n" : "value=";
        NetworkStream[] slow = await Task.WhenAll(Enumerable.Range(0, 12).Select(async _ => await SendAsync(
            $"{request} HTTP/1.1\r\nHost: x\r\nContent-Type: {type}\r\nContent-Length: {2 * Unit}\r\n\r\n{begin}{new string('v', Unit)}")));
        await UntilAsync(() => _budget.Taken > Unit, () => $"{_budget.Taken} taken");
        Assert.InRange(_budget.Taken, 0, 4 * Unit);

        // At most four have the room; the others were told so.
        Answer[] busy = [.. (await Task.WhenAll(slow.Select(stream => TryReadAsync(stream)))).OfType<Answer>()];
        Assert.InRange(busy.Length, 8, 11);
        Assert.All(busy, answer => Assert.Equal((503, "1"), (answer.Status, answer.Header("Retry-After"))));
        Assert.All(busy, answer => Assert.Contains("nothing was done", answer.Body, StringComparison.Ordinal));

        // Short bodies and reads go on, and who does not need room is not asked for any.
        Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/short", body: new string('s', 60_000))).Status);
        Assert.Equal(200, (await _server.SendAsync("GET", "/v1/kv/short")).Status);
        Assert.Equal(200, (await _server.SendAsync("GET", "/openapi/v1.json")).Status);
        Assert.DoesNotContain("k", _server.Store.Replicated.Keys);

        await EndSlowAsync();
        await UntilAsync(() => _budget.Taken == 0, () => $"{_budget.Taken} of slow bodies are still held");
        Assert.Equal(201, (await _server.SendAsync("PUT", "/v1/kv/long", body: new string('l', 2 * Unit))).Status);
    }

    [Fact]
    public async Task A_slow_body_is_told_that_it_is()
    {
        NetworkStream slow = await SendAsync($"PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: {2 * Unit}\r\n\r\n{new string('v', Unit)}");
        await UntilAsync(() => _budget.Taken >= Unit, () => $"{_budget.Taken} taken");
        _time.Advance(600);
        using ByteReservation others = _budget.Open(ByteUse.Answer);
        Assert.True(others.TryTake(4 * Unit));
        _time.Advance(1);
        Answer answer = await Answer.ReadAsync(slow);
        Assert.Equal(408, answer.Status);
        Assert.Contains("nothing was done", answer.Body, StringComparison.Ordinal);
        await UntilAsync(() => _budget.Taken == 4 * Unit, () => $"{_budget.Taken} taken");
    }

    [Fact]
    public async Task Values_that_nobody_reads_leave_room_and_are_ended()
    {
        _server.Store.Change(new Entry("long", new byte[(2 * Unit) - 200_000], null, new LogPoint(1, 1)));
        _server.Store.Change(new Entry("short", new byte[1000], null, new LogPoint(1, 2)));
        NetworkStream[] slow = await Task.WhenAll(Enumerable.Range(0, 12).Select(async _ => await SendAsync("GET /get/long HTTP/1.1\r\nHost: x\r\n\r\n")));
        Assert.All(slow, stream => Assert.True(stream.CanRead));
        await UntilAsync(() => _budget.Taken > Unit, () => $"{_budget.Taken} taken");
        Assert.InRange(_budget.Taken, 0, 4 * Unit);
        Assert.Equal(200, (await _server.SendAsync("GET", "/get/short")).Status);
        Answer refused = await _server.SendAsync("GET", "/get/long");
        Assert.Equal(503, refused.Status);
        Assert.Null(refused.Header("ETag"));
        await EndSlowAsync();
        await UntilAsync(() => _budget.Taken == 0, () => $"{_budget.Taken} of slow readers are still held");
        Assert.Equal(200, (await _server.SendAsync("GET", "/get/long")).Status);
    }

    [Fact]
    public async Task Pipelined_reads_that_nobody_takes_are_ended_too()
    {
        // Each value is short, but the answers of one connection are more than it and the system buffer.
        _server.Store.Change(new Entry("k", new byte[30_000], null, new LogPoint(1, 1)));
        string many = string.Concat(Enumerable.Repeat("GET /get/k HTTP/1.1\r\nHost: x\r\n\r\n", 1000));
        await SendAsync(many, waits: false);
        await UntilAsync(() => _budget.Taken > 0, () => "nothing waits");
        using ByteReservation others = _budget.Open(ByteUse.LargeBody);
        Assert.True(others.TryTake(4 * Unit));

        // It may take more of the answers for a while yet: the clock goes on until nothing moves for long.
        await UntilAsync(
            () =>
            {
                _time.Advance(1);
                return _budget.Taken == 4 * Unit;
            },
            () => $"{_budget.Taken} taken");
    }

    [Fact]
    public async Task Clients_that_go_away_leave_nothing_behind()
    {
        _server.Store.Change(new Entry("long", new byte[2 * Unit], null, new LogPoint(1, 1)));
        for (int round = 0; round < 5; round++)
        {
            await SendAsync($"PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: {2 * Unit}\r\n\r\n{new string('v', Unit / 2)}");
            await SendAsync("PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n" + new string('v', 0x10000));
            await SendAsync($"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {Unit}\r\n\r\nvalue=vvv");
            await SendAsync("GET /get/long HTTP/1.1\r\nHost: x\r\n\r\n");
            await UntilAsync(() => _budget.Taken > 5 * Unit / 2, () => $"{_budget.Taken} taken");
            // A reset one time, an orderly end the other.
            _clients.ForEach(client => client.LingerState = new LingerOption(round % 2 == 0, 0));
            _clients.ForEach(client => client.Dispose());
            _clients.Clear();
            await UntilAsync(() => _budget.Taken == 0, () => $"{_budget.Taken} bytes were not given back");
        }

        Assert.Empty(_server.Store.Replicated.Keys.Except(["long"]));
    }

    [Fact]
    public async Task A_client_cannot_pile_up_requests_that_nobody_reads()
    {
        // The first one waits in the store for ever; what comes after it is not read for long.
        _server.Store.Changes = static _ => new ChangesResult(ChangesOutcome.Page, [], FakeStore.Name);
        NetworkStream stream = await SendAsync("GET /v1/changes HTTP/1.1\r\nHost: x\r\n\r\n");
        byte[] noise = new byte[64 * 1024];
        long sent = 0;
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            while (sent < 1L << 30)
            {
                await stream.WriteAsync(noise, deadline.Token);
                sent += noise.Length;
            }
        });
        // The system's own buffers take some MiB.
        Assert.InRange(sent, 0, 32L << 20);
    }

    [Fact]
    public async Task Beyond_the_limit_of_connections_the_longest_idle_one_goes_and_where_none_is_idle_the_new_one()
    {
        await using TestServer server = await TestServer.StartAsync(options => options.MaxConnections = 3);
        var limit = server.Services.GetRequiredService<ConnectionLimit>();
        NetworkStream[] idle = new NetworkStream[3];
        for (int i = 0; i < 3; i++)
        {
            idle[i] = await SendAsync("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", port: server.Port);
            Assert.Equal(200, (await Answer.ReadAsync(idle[i])).Status);
        }

        // The first is used again, so that the second has been idle longest.
        await idle[0].WriteAsync("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"u8.ToArray());
        Assert.Equal(200, (await Answer.ReadAsync(idle[0])).Status);
        NetworkStream fresh = await SendAsync("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", port: server.Port);
        Assert.Equal(200, (await Answer.ReadAsync(fresh)).Status);
        Assert.True(await IsClosedAsync(idle[1]));
        Assert.InRange(limit.Count, 1, 3);

        // All three are busy now.
        foreach (NetworkStream stream in new[] { idle[0], idle[2], fresh })
        {
            await stream.WriteAsync("PUT /v1/kv/k HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nv"u8.ToArray());
        }

        var budget = server.Services.GetRequiredService<ByteBudget>();
        await UntilAsync(() => budget.Taken == 9, () => $"{budget.Taken} taken");
        Assert.True(await IsRefusedAsync(server.Port));
        foreach (NetworkStream stream in new[] { idle[0], idle[2], fresh })
        {
            await stream.WriteAsync("vv"u8.ToArray());
        }

        Assert.Equal([201, 204, 204], (await Task.WhenAll(
            new[] { idle[0], idle[2], fresh }.Select(static stream => ReadStatusAsync(stream)))).Order());
    }

    // Whoever moves nothing for so long is slow, whatever came before; and somebody is refused, so that it matters.
    private async Task EndSlowAsync()
    {
        await Task.Run(() => _time.Advance(1200));
        using ByteReservation more = _budget.Open(ByteUse.Answer);
        Assert.False(more.TryTake(_budget.MaxBytes));
        await Task.Run(() => _time.Advance(1));
    }

    private static async Task<int> ReadStatusAsync(Stream stream)
    {
        byte[] head = new byte[12];
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await stream.ReadExactlyAsync(head, deadline.Token);
        return int.Parse(head.AsSpan(9, 3), provider: null);
    }

    private static async Task<bool> IsClosedAsync(Stream stream)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        try
        {
            return await stream.ReadAsync(new byte[1], deadline.Token) == 0;
        }
        catch (IOException)
        {
            return true;
        }
    }

    // The connection may be reset before it is known to be there.
    private async Task<bool> IsRefusedAsync(int port)
    {
        try
        {
            return await IsClosedAsync(await SendAsync("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", waits: false, port: port));
        }
        catch (SocketException)
        {
            return true;
        }
    }

    // An answer if there is one by now.
    private static async Task<Answer?> TryReadAsync(NetworkStream stream)
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        try
        {
            while (stream.Socket.Available == 0)
            {
                await Task.Delay(20, soon.Token); // polls: what the server has sent shows here alone
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ObjectDisposedException)
        {
            return null;
        }

        return await Answer.ReadAsync(stream);
    }

    private static async Task UntilAsync(Func<bool> condition, Func<string> what)
    {
        for (int tries = 0; !condition(); tries++)
        {
            Assert.True(tries < 1500, what());
            await Task.Delay(20); // polls: the server tells nobody
        }
    }

    private async Task<NetworkStream> SendAsync(string request, bool waits = true, int? port = null)
    {
        var client = new TcpClient();
        _clients.Add(client);
        client.ReceiveBufferSize = 16 * 1024;
        await client.ConnectAsync(IPAddress.Loopback, port ?? _server.Port);
        NetworkStream stream = client.GetStream();
        Task sending = stream.WriteAsync(Encoding.Latin1.GetBytes(request)).AsTask();
        if (waits)
        {
            try
            {
                await sending;
            }
            catch (IOException)
            {
                // It was refused before it was sent whole; the answer may be there to be read.
            }
        }
        else
        {
            _ = sending.ContinueWith(static task => task.Exception, TaskScheduler.Default);
        }

        return stream;
    }
}
