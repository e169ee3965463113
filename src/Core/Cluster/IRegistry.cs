namespace Diststore.Core;

/// <summary>
/// What nodes ask of the registry, the only one that makes views. Each answer is the view stored at the end of the
/// request, whether it was granted or not; <see langword="null"/> when there is none and none could be made.
/// </summary>
public interface IRegistry
{
    /// <summary>The stored view, read from storage after this call began.</summary>
    Task<MasterView?> ReadAsync();

    /// <summary>
    /// The stored view; when there is none, elects the first masters. <paramref name="poster"/> names the node that is
    /// about to write a key, which counts as one that it holds; <see langword="null"/> for a read.
    /// </summary>
    Task<MasterView?> ElectAsync(string? poster);

    /// <summary>The primary of that epoch asks for a view without its peer; granted unchecked.</summary>
    Task<MasterView?> DropPeerAsync(long epoch, MasterId primary);

    /// <summary>The primary of that epoch asks to add the learner, which holds everything, to the in-sync set.</summary>
    Task<MasterView?> AdmitAsync(long epoch, MasterId primary, MasterId learner);

    /// <summary>
    /// The primary of that epoch, which orders nothing any more and whose peer holds everything, asks to change places with it.
    /// </summary>
    Task<MasterView?> HandOverAsync(long epoch, MasterId primary);

    /// <summary>
    /// A master of that epoch that is not the primary asks for a view without itself. Where it <paramref name="stops"/> and was in
    /// sync, its place may be kept for a while.
    /// </summary>
    Task<MasterView?> LeaveAsync(long epoch, MasterId master, bool stops);

    /// <summary>A node could not reach the primary of that epoch; the registry checks for itself.</summary>
    Task<MasterView?> ReportAsync(long epoch);

    /// <summary>
    /// An operator makes the named node the primary and begins a history with what it holds. Refused while a master that was
    /// in sync answers, and without <paramref name="acceptsDataLoss"/>.
    /// </summary>
    Task<OperatorReply> ForceAsync(string node, bool acceptsDataLoss);

    /// <summary>
    /// An operator says that the named master, should it stop in the time to come, is soon back, so that its place is kept; no time
    /// takes that back, and gives a place free that is kept. Refused for a node that is no durable master.
    /// </summary>
    Task<OperatorReply> MaintainAsync(string node, TimeSpan time);
}

/// <summary>The answer to an operator.</summary>
/// <param name="Outcome">How it ended.</param>
/// <param name="Detail">A sentence for the operator where it was not done.</param>
/// <param name="View">The stored view.</param>
[GenerateSerializer, Immutable, Alias("diststore.forcerep")]
public sealed record OperatorReply([property: Id(0)] RoleOutcome Outcome, [property: Id(1)] string? Detail, [property: Id(2)] MasterView? View);

/// <summary>What the registry's storage holds.</summary>
/// <param name="View">The stored view, or <see langword="null"/> when there is none.</param>
/// <param name="Tag">The storage's own mark of this state, for compare-and-swap.</param>
public sealed record StoredView(MasterView? View, object? Tag);

/// <summary>Where the registry keeps its one view. What it acknowledges it must keep.</summary>
public interface IViewStorage
{
    /// <summary>Reads the stored state. Throws when the storage cannot be read.</summary>
    Task<StoredView> ReadAsync();

    /// <summary>
    /// Replaces the state that was <paramref name="read"/>. False when it is another by now; an exception means that
    /// the outcome is unknown.
    /// </summary>
    Task<bool> TryReplaceAsync(StoredView read, MasterView next);
}
