namespace Diststore.Core;

/// <summary>
/// Takes the datagrams of other nodes: answers who-has questions from copies and store, which any thread may read,
/// passes answers and hints on to the node's scheduler.
/// </summary>
internal sealed class Responder(
    DatagramCodec codec,
    ITransport transport,
    Partition partition,
    Func<string, ValueTask<Entry?>> findHere,
    Func<string, ValueTask<Entry?>> findLocalOnly)
{
    /// <summary>Answers a question of <paramref name="sender"/>: who cannot show the key is silent, but for masters.</summary>
    public async ValueTask AnswerAsync(string sender, ulong id, string key, bool includingLocalOnly)
    {
        if (await findHere(key) is { } entry)
        {
            Send(sender, (c, datagram) => c.WriteHave(datagram, id, entry.Version));
            return;
        }

        if (includingLocalOnly && await findLocalOnly(key) is not null)
        {
            Send(sender, (c, datagram) => c.WriteHaveLocal(datagram, id));
        }

        if (partition.ServesFromStore)
        {
            long epoch = partition.Acting?.Epoch ?? 0;
            Send(sender, (c, datagram) => c.WriteNone(datagram, id, epoch));
        }
    }

    private delegate int Writer(DatagramCodec codec, Span<byte> datagram);

    private void Send(string node, Writer write)
    {
        Span<byte> datagram = stackalloc byte[DatagramCodec.MaxBytes];
        int length = write(codec, datagram);
        transport.Send(node, datagram[..length]);
    }
}
