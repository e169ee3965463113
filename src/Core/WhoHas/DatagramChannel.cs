namespace Diststore.Core;

/// <summary>A node's way to say things by datagram: its name, the cluster key and the transport. Any thread.</summary>
internal sealed class DatagramChannel(string name, ReadOnlyMemory<byte> clusterKey, ITransport transport)
{
    private readonly ulong _sender = DatagramCodec.SenderOf(name);

    public void AskWhoHas(ulong requestId, string key, bool includingLocalOnly, bool fromEveryone)
    {
        Span<byte> datagram = stackalloc byte[DatagramCodec.MaxBytes];
        int length = DatagramCodec.WriteWhoHas(datagram, clusterKey.Span, _sender, requestId, key, includingLocalOnly, fromEveryone);
        transport.Multicast(datagram[..length]);
    }

    public void AnswerHave(string node, ulong requestId, LogPoint version)
    {
        Span<byte> datagram = stackalloc byte[DatagramCodec.MaxBytes];
        int length = DatagramCodec.WriteHave(datagram, clusterKey.Span, _sender, requestId, version);
        transport.Send(node, datagram[..length]);
    }

    public void AnswerHaveLocal(string node, ulong requestId)
    {
        Span<byte> datagram = stackalloc byte[DatagramCodec.MaxBytes];
        int length = DatagramCodec.WriteHaveLocal(datagram, clusterKey.Span, _sender, requestId);
        transport.Send(node, datagram[..length]);
    }

    public void AnswerNoneLocal(string node, ulong requestId)
    {
        Span<byte> datagram = stackalloc byte[DatagramCodec.MaxBytes];
        int length = DatagramCodec.WriteNoneLocal(datagram, clusterKey.Span, _sender, requestId);
        transport.Send(node, datagram[..length]);
    }

    public void AnswerNone(string node, ulong requestId, long epoch)
    {
        Span<byte> datagram = stackalloc byte[DatagramCodec.MaxBytes];
        int length = DatagramCodec.WriteNone(datagram, clusterKey.Span, _sender, requestId, epoch);
        transport.Send(node, datagram[..length]);
    }

    /// <summary>Tells everyone what has changed, in as many datagrams as it takes.</summary>
    public void Hint(Batch batch)
    {
        if (transport.Members.Count < 2)
        {
            return;
        }

        Span<byte> datagram = stackalloc byte[DatagramCodec.MaxBytes];
        ChangedKey[] changes = [.. batch.Changes];
        for (ReadOnlySpan<ChangedKey> rest = changes; !rest.IsEmpty;)
        {
            int length = DatagramCodec.WriteHint(datagram, clusterKey.Span, _sender, 0, rest, out int taken);
            transport.Multicast(datagram[..length]);
            rest = rest[taken..];
        }
    }

    /// <summary>Reads a datagram from the endpoint of <paramref name="node"/>. False when it is malformed, or says that it is another's.</summary>
    public bool TryRead(string node, ReadOnlySpan<byte> bytes, out Datagram datagram) =>
        DatagramCodec.TryRead(bytes, clusterKey.Span, out datagram) && datagram.Sender == DatagramCodec.SenderOf(node);
}
