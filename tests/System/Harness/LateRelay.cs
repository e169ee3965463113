using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Diststore.Testing;

namespace Diststore.SystemTests;

/// <summary>A way to a port, over another machine, on which all that comes back takes longer; what goes there does not.</summary>
internal sealed class LateRelay : IAsyncDisposable
{
    private const int ChunkBytes = 64 * 1024;
    private const int MaxChunks = 4096; // on their way; who sends more waits

    private readonly NetworkNamespace _machine;
    private readonly IPEndPoint _target;
    private readonly Socket _listener;
    private readonly CancellationTokenSource _over = new();
    private readonly Task _accepting;
    private long _delay;

    private LateRelay(NetworkNamespace machine, IPEndPoint target, Socket listener)
    {
        (_machine, _target, _listener) = (machine, target, listener);
        _accepting = AcceptAsync();
    }

    /// <summary>Where it listens.</summary>
    public IPEndPoint Address => (IPEndPoint)_listener.LocalEndPoint!;

    /// <summary>How long what comes back is on its way from now on.</summary>
    public TimeSpan Delay
    {
        get => new(Interlocked.Read(ref _delay));
        set => Interlocked.Exchange(ref _delay, value.Ticks);
    }

    /// <summary>Begins to listen on that machine.</summary>
    public static async Task<LateRelay> StartAsync(NetworkNamespace machine, IPEndPoint target)
    {
        Socket listener = await machine.MakeSocketAsync(() =>
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            socket.Bind(new IPEndPoint(machine.Address, 0));
            socket.Listen();
            return socket;
        });
        return new LateRelay(machine, target, listener);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _listener.Dispose();
        await _accepting;
        _over.Dispose();
    }

    private async Task AcceptAsync()
    {
        List<Task> served = [];
        try
        {
            while (true)
            {
                served.Add(ServeAsync(await _listener.AcceptAsync(_over.Token)));
            }
        }
        catch (Exception) when (_over.IsCancellationRequested)
        {
            await Task.WhenAll(served);
        }
    }

    // Until either side ends.
    private async Task ServeAsync(Socket client)
    {
        using (client)
        {
            client.NoDelay = true;
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(_over.Token);
            try
            {
                using Socket server = await NetworkNamespace.ConnectAsync(_machine, _target);
                Channel<(DateTime Due, byte[] Bytes)> late = Channel.CreateBounded<(DateTime, byte[])>(MaxChunks);
                Task[] ways =
                [
                    PassOnAsync(client, server, ended.Token), TakeAsync(server, late.Writer, ended.Token), GiveAsync(late.Reader, client, ended.Token),
                ];
                await Task.WhenAny(ways);
                await ended.CancelAsync();
                await Task.WhenAll(ways);
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // Whoever is left sees its connection end.
            }
        }
    }

    private static async Task PassOnAsync(Socket from, Socket to, CancellationToken ended)
    {
        byte[] buffer = new byte[ChunkBytes];
        for (int read; (read = await from.ReceiveAsync(buffer, ended)) > 0;)
        {
            await to.SendAsync(buffer.AsMemory(0, read), ended);
        }
    }

    private async Task TakeAsync(Socket from, ChannelWriter<(DateTime Due, byte[] Bytes)> late, CancellationToken ended)
    {
        byte[] buffer = new byte[ChunkBytes];
        for (int read; (read = await from.ReceiveAsync(buffer, ended)) > 0;)
        {
            await late.WriteAsync((DateTime.UtcNow + Delay, buffer[..read]), ended);
        }
    }

    private static async Task GiveAsync(ChannelReader<(DateTime Due, byte[] Bytes)> late, Socket to, CancellationToken ended)
    {
        await foreach ((DateTime due, byte[] bytes) in late.ReadAllAsync(ended))
        {
            TimeSpan left = due - DateTime.UtcNow;
            if (left > TimeSpan.Zero)
            {
                await Task.Delay(left, ended); // polls: the bytes are on their way for so long
            }

            await to.SendAsync(bytes, ended);
        }
    }
}
