using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Diststore.Http.Tests;

/// <summary>The API on a real Kestrel over a <see cref="FakeStore"/>.</summary>
public sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestServer(WebApplication app, FakeStore store, TestLog log)
    {
        _app = app;
        Log = log;
        Store = store;
        string address = app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses.Single();
        Port = new Uri(address).Port;
        Client = new HttpClient { BaseAddress = new Uri(address) };
    }

    internal FakeStore Store { get; }

    internal TestLog Log { get; }

    public IServiceProvider Services => _app.Services;

    public int Port { get; }

    public HttpClient Client { get; }

    public static async Task<TestServer> StartAsync(Action<DiststoreHttpOptions>? configure = null, TimeProvider? time = null)
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        var log = new TestLog();
        builder.Logging.ClearProviders().AddProvider(log);
        builder.Services.AddDiststoreHttp(configure);
        builder.Services.AddSingleton(time ?? TimeProvider.System);
        builder.ListenOn(IPAddress.Loopback, 0);
        WebApplication app = builder.Build();
        var store = new FakeStore();
        app.MapDiststore(store, store);
        await app.StartAsync();
        return new TestServer(app, store, log);
    }

    /// <summary>Sends bytes as they are, then reads the answer.</summary>
    public async Task<Answer> SendAsync(string request, byte[]? body = null)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, Port);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes(request));
        await stream.WriteAsync(body ?? []);
        return await Answer.ReadAsync(stream);
    }

    /// <summary>One request with this method and raw target.</summary>
    public Task<Answer> SendAsync(string method, string target, string headers = "", string body = "") =>
        SendAsync($"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + (body.Length > 0 ? $"Content-Length: {body.Length}\r\n" : "") + headers + "\r\n" + body);

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _app.DisposeAsync();
    }
}

/// <summary>What came back over a raw socket.</summary>
public sealed record Answer(int Status, string Headers, string Body)
{
    /// <summary>The value of the one header of this name, null where there is none.</summary>
    public string? Header(string name)
    {
        string start = name + ": ";
        return Headers.Split("\r\n").SingleOrDefault(line => line.StartsWith(start, StringComparison.OrdinalIgnoreCase))?[start.Length..];
    }

    public static async Task<Answer> ReadAsync(Stream stream)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(15));
        var all = new MemoryStream();
        byte[] buffer = new byte[64 * 1024];
        int read;
        while (!IsWhole(all) && (read = await ReadSomeAsync(stream, buffer, deadline.Token)) > 0)
        {
            all.Write(buffer, 0, read);
        }

        string text = Encoding.UTF8.GetString(all.ToArray());
        int end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        Assert.True(end > 0, $"no HTTP answer: {text}");
        return new Answer(int.Parse(text.AsSpan(9, 3), provider: null), text[..end], text[(end + 4)..]);
    }

    // Every answer has a Content-Length; after a refused body the server goes on reading for a while, so there is no waiting for its end.
    private static bool IsWhole(MemoryStream all)
    {
        ReadOnlySpan<byte> text = all.GetBuffer().AsSpan(0, (int)all.Length);
        int end = text.IndexOf("\r\n\r\n"u8);
        int length = end < 0 ? -1 : text[..end].IndexOf("Content-Length: "u8);
        if (length < 0)
        {
            return false;
        }

        ReadOnlySpan<byte> digits = text[(length + "Content-Length: ".Length)..];
        return int.Parse(digits[..digits.IndexOf((byte)'\r')], provider: null) <= text.Length - end - 4;
    }

    private static async Task<int> ReadSomeAsync(Stream stream, byte[] buffer, CancellationToken cancellation)
    {
        try
        {
            return await stream.ReadAsync(buffer, cancellation);
        }
        catch (IOException)
        {
            // A reset, because the server closed while we were still sending: what came before it counts.
            return 0;
        }
    }
}
