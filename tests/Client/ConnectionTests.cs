using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Diststore.Client.Tests;

/// <summary>The client's own handler, against a server that takes requests and goes away.</summary>
public sealed class ConnectionTests
{
    private const string Answer = "HTTP/1.1 204 No Content\r\nDiststore-Node: n1\r\nETag: \"1-1\"\r\n\r\n";

    [Theory]
    [InlineData("delete_local")]
    [InlineData("put_local")]
    [InlineData("unkeyed_delete")]
    [InlineData("unkeyed_add")]
    [InlineData("step_down")]
    public async Task What_may_be_sent_once_is_sent_once_over_a_connection_that_was_used_before(string call)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var requests = new List<string>();
        using var end = new CancellationTokenSource();
        Task serving = ServeAsync(listener, requests, end.Token);
        using var client = new DiststoreClient($"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}");

        await client.DeleteAsync("first");
        var unkeyed = new WriteOptions { IsRepeatable = false };
        await Assert.ThrowsAsync<DiststoreOutcomeUnknownException>(() => call switch
        {
            "delete_local" => client.Node().DeleteAsync("k"),
            "put_local" => client.Node().PutAsync("k", ""),
            "unkeyed_delete" => client.DeleteAsync("k", unkeyed),
            "unkeyed_add" => client.AddAsync("k", 1, new AddOptions { IsRepeatable = false }),
            _ => client.Cluster.StepDownAsync(),
        });

        await end.CancelAsync();
        await serving;
        Assert.Equal(2, requests.Count);
    }

    // Answers the first request, then closes each connection that has brought another one.
    private static async Task ServeAsync(TcpListener listener, List<string> requests, CancellationToken end)
    {
        try
        {
            for (; ; )
            {
                using TcpClient connection = await listener.AcceptTcpClientAsync(end);
                NetworkStream stream = connection.GetStream();
                byte[] buffer = new byte[16 * 1024];
                while (await stream.ReadAsync(buffer, end) is > 0 and int read)
                {
                    requests.Add(Encoding.ASCII.GetString(buffer, 0, read));
                    if (requests.Count > 1)
                    {
                        break;
                    }

                    await stream.WriteAsync(Encoding.ASCII.GetBytes(Answer), end);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }
}
