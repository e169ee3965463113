using System.Diagnostics.CodeAnalysis;
using System.Reflection;

namespace Diststore.Core.Tests;

/// <content>Nodes that answer as they are told to.</content>
public sealed partial class RegistryTests
{
    private sealed class FakeNode
    {
        public required MasterId Id { get; init; }

        public required long Keys { get; init; }

        public MasterView? Remembers { get; set; }

        public bool IsSilent { get; set; }

        public bool CannotWrite { get; set; }

        public long PagesTaken { get; set; }

        public bool HasBeenWhole { get; set; }

        public bool SyncsFully { get; set; }

        public bool IsStreaming { get; set; }

        public bool IsLeaving { get; set; }

        public bool HasSteppedDown { get; set; }

        public Guid History { get; set; }

        public LogPoint SyncsFrom { get; set; }

        public long Floor { get; set; }

        /// <summary>Pings that it will yet miss.</summary>
        public int Misses { get; set; }

        /// <summary>How often it was asked to write.</summary>
        public int WritesAsked { get; private set; }

        public Task<PingReply> PingAsync(bool write)
        {
            WritesAsked += write ? 1 : 0;
            if (IsSilent || (write && CannotWrite) || Misses > 0)
            {
                Misses = Math.Max(0, Misses - 1);
                return Task.FromException<PingReply>(new TimeoutException());
            }

            LogPoint last = Keys > 0 ? new LogPoint(1, Keys) : LogPoint.Zero;
            return Task.FromResult(new PingReply(
                Id, Remembers, Remembers?.Epoch ?? 0, last, last, Keys, Keys > 0, null, NodeRole.Copies, IsLeaving,
                new LearnerReport(PagesTaken, HasBeenWhole, SyncsFully, IsStreaming), History, SyncsFrom, Floor, HasSteppedDown: HasSteppedDown));
        }
    }

    private sealed class Nodes : ITransport, IViewStorage
    {
        private readonly Dictionary<string, FakeNode> _nodes = new(StringComparer.Ordinal);

        public MasterView? View { get; set; }

        public IReadOnlyList<string> Members => [.. _nodes.Keys];

        public IRegistry Registry => throw new NotSupportedException();

        public FakeNode this[string name] => _nodes[name];

        public IEnumerable<FakeNode> All => _nodes.Values;

        public FakeNode Add(string name, long keys = 0, Guid? store = null, bool isDurable = true) =>
            _nodes[name] = new FakeNode { Id = new MasterId(name, store ?? Guid.NewGuid(), Guid.NewGuid(), isDurable), Keys = keys };

        public void Remove(string name) => _nodes.Remove(name);

        public MasterView Store(FakeNode primary, FakeNode? other, bool inSync)
        {
            View = new MasterView(5, Guid.NewGuid(), primary.Id, other?.Id, inSync);
            foreach (FakeNode node in _nodes.Values)
            {
                node.Remembers = View;
            }

            return View;
        }

        public IPeer Peer(string node)
        {
            IPeer peer = DispatchProxy.Create<IPeer, PeerProxy>();
            ((PeerProxy)(object)peer).Node = _nodes[node];
            return peer;
        }

        public void Multicast(ReadOnlySpan<byte> datagram) => throw new NotSupportedException();

        public void Send(string node, ReadOnlySpan<byte> datagram) => throw new NotSupportedException();

        public Task<StoredView> ReadAsync() => Task.FromResult(new StoredView(View, View));

        public Task<bool> TryReplaceAsync(StoredView read, MasterView next)
        {
            bool fits = ReferenceEquals(read.Tag, View);
            View = fits ? next : View;
            return Task.FromResult(fits);
        }
    }

    // The runtime derives from it.
    [SuppressMessage("Performance", "CA1852", Justification = "DispatchProxy makes a subtype")]
    private class PeerProxy : DispatchProxy
    {
        public FakeNode? Node { get; set; }

        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => targetMethod!.Name switch
        {
            nameof(IPeer.PingAsync) => Node!.PingAsync((bool)args![0]!),
            nameof(IPeer.AnnounceAsync) => Task.CompletedTask,
            _ => throw new NotSupportedException(targetMethod.Name),
        };
    }
}
