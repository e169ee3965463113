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

    /// <summary>A node could not reach the primary of that epoch; the registry checks for itself.</summary>
    Task<MasterView?> ReportAsync(long epoch);
}

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
