using Diststore.Core;

namespace Diststore.Contracts;

/// <summary>
/// A node as the cluster sees it: the key is the node's name, and the grain lives in the silo of that name and nowhere
/// else. What nodes ask of each other is <see cref="IPeer"/>; the rest serves stand-alone gateways, and ends in
/// <see cref="NodeNotFoundException"/> while the node stops: nothing was done here, another one may be asked.
/// </summary>
[Alias("diststore.INodeGrain")]
public interface INodeGrain : IGrainWithStringKey, IPeer
{
    /// <summary>
    /// Reads many replicated keys, but only what this node may show without asking anyone; null where it would have to
    /// ask, and where the answer would grow beyond <see cref="Batches.MaxAnswerBytes"/> (the first key always gets its turn). What is found
    /// comes with its <see cref="Origin"/>, so that a gateway may keep it.
    /// </summary>
    [Alias("TryGetMany")]
    Task<ReadResult?[]> TryGetManyAsync(string[] keys);

    /// <summary>What has changed of what this node shows, for a gateway that keeps copies; waits a while for the first change.</summary>
    [Alias("FollowCopies")]
    Task<CopyNews> FollowCopiesAsync(CopyQuestion question);

    /// <summary>Reads one key, asking others if need be.</summary>
    [Alias("Get")]
    Task<ReadResult> GetAsync(string key, ReadOptions options);

    /// <summary>
    /// Reads many keys, at most <see cref="Batches.MaxQuestions"/>, asking others if need be: the first of them, about as many as hold
    /// <see cref="Batches.MaxAnswerBytes"/> of values, at least one. Where one cannot be read it is the last.
    /// </summary>
    [Alias("GetMany")]
    Task<ReadResult[]> GetManyAsync(ManyQuery query);

    /// <summary>Reads many keys as the primary has them at one moment: the first part; the rest is asked of whom the reply names.</summary>
    [Alias("BeginSnapshot")]
    Task<SnapshotReply> BeginSnapshotAsync(ManyQuery query);

    /// <summary>Writes through the masters.</summary>
    [Alias("WriteThrough")]
    Task<WriteResult> WriteAsync(Transaction transaction);

    /// <summary>Deletes keys by their prefix.</summary>
    [Alias("DeleteByPrefix")]
    Task<PrefixDeleteResult> DeleteAsync(PrefixDelete asked);

    /// <summary>Reads changes, waiting a while for the first.</summary>
    [Alias("ReadChanges")]
    Task<ChangesResult> ReadChangesAsync(ChangesQuery query);

    /// <summary>Lists keys in order.</summary>
    [Alias("List")]
    Task<ListResult> ListAsync(ListQuery query);

    /// <summary>Starts a backup of a master.</summary>
    [Alias("StartBackupOfAMaster")]
    Task<BackupStart> StartBackupOfAMasterAsync();

    /// <summary>The cluster as this node sees it.</summary>
    [Alias("GetStatus")]
    Task<ClusterStatus> GetStatusAsync();

    /// <summary>Says that the named master, should it stop within that time, is soon back.</summary>
    [Alias("Maintain")]
    Task<RoleResult> MaintainAsync(string node, TimeSpan time);

    /// <summary>Makes the named node the primary of a new history.</summary>
    [Alias("ForceElection")]
    Task<RoleResult> ForceElectionAsync(string node, bool acceptsDataLoss);

    /// <summary>
    /// The nodes, once the membership is newer than the version <paramref name="known"/>, or after <paramref name="patience"/>, which is
    /// cut to <see cref="MaxPatience"/>.
    /// </summary>
    [Alias("WaitForMembers")]
    Task<MemberList> WaitForMembersAsync(long known, TimeSpan patience);

    /// <summary>How long a question for the members waits at most.</summary>
    static readonly TimeSpan MaxPatience = TimeSpan.FromSeconds(2);
}
