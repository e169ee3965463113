using System.Collections.Concurrent;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Core.Tests;

/// <summary>A cluster of one node; the registry's storage is in memory.</summary>
internal sealed class OneNode : ITransport, IViewStorage
{
    public const string Name = "a";
    private MasterView? _view;

    public OneNode() => Registry = new MasterRegistry(this, this, TimeProvider.System, new Random(2), NullLogger<MasterRegistry>.Instance);

    public Node? Node { get; set; }

    public IReadOnlyList<string> Members { get; } = [Name];

    public IRegistry Registry { get; }

    /// <summary>The datagrams that were sent to one node.</summary>
    public ConcurrentQueue<(string Node, byte[] Datagram)> Sent { get; } = new();

    public IPeer Peer(string node) => Node!;

    public void Multicast(ReadOnlySpan<byte> datagram)
    {
    }

    public void Send(string node, ReadOnlySpan<byte> datagram) => Sent.Enqueue((node, datagram.ToArray()));

    public Task<StoredView> ReadAsync() => Task.FromResult(new StoredView(_view, _view));

    public Task<bool> TryReplaceAsync(StoredView read, MasterView next)
    {
        MasterView? before = (MasterView?)read.Tag;
        return Task.FromResult(ReferenceEquals(Interlocked.CompareExchange(ref _view, next, before), before));
    }
}
