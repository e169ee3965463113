using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>What a node reports. Event ids 1 to 99; they never change their meaning.</summary>
internal static partial class NodeLog
{
    [LoggerMessage(1, LogLevel.Debug, "A call to {Node} was lost: {Reason}")]
    public static partial void CallLost(this ILogger log, string node, string reason);

    [LoggerMessage(2, LogLevel.Debug, "The registry did not answer: {Reason}")]
    public static partial void RegistryLost(this ILogger log, string reason);

    [LoggerMessage(3, LogLevel.Error, "The node cannot go on in this life")]
    public static partial void Failed(this ILogger log, Exception reason);

    [LoggerMessage(4, LogLevel.Information, "{Role} in {View}")]
    public static partial void Acting(this ILogger log, NodeRole role, MasterView view);

    [LoggerMessage(5, LogLevel.Information, "Asking for a view without {Peer}: {Reason}")]
    public static partial void Dropping(this ILogger log, MasterId peer, string reason);

    [LoggerMessage(6, LogLevel.Information, "Asking for {Peer} to be added to the in-sync set at sequence {Sequence}")]
    public static partial void Admitting(this ILogger log, MasterId peer, long sequence);

    [LoggerMessage(7, LogLevel.Information, "Syncing from {Primary}: {Kind}, from {Applied}")]
    public static partial void Syncing(this ILogger log, MasterId primary, SyncKind kind, LogPoint applied);

    [LoggerMessage(8, LogLevel.Information, "Synced with {Primary} up to {Mark}, streaming")]
    public static partial void Synced(this ILogger log, MasterId primary, LogPoint mark);

    [LoggerMessage(12, LogLevel.Error, "{View} is of another history than {Remembered}, in which this node was in sync: an operator has to force an election")]
    public static partial void AtOdds(this ILogger log, MasterView view, MasterView remembered);

    [LoggerMessage(13, LogLevel.Information, "Handing the role of the primary to {Other}")]
    public static partial void HandingOver(this ILogger log, MasterId other);

    [LoggerMessage(14, LogLevel.Warning, "Stopping with the role of {Role}: nobody took it over in time")]
    public static partial void KeptRole(this ILogger log, NodeRole role);

    [LoggerMessage(15, LogLevel.Warning, "Something has ended that the failed store cannot serve any more: {Reason}")]
    public static partial void BrokenEnded(this ILogger log, string reason);

    [LoggerMessage(16, LogLevel.Error, "No master in sync is alive: writes are refused until one of them is back: {Missing}")]
    public static partial void MastersMissing(this ILogger log, string missing);

    [LoggerMessage(17, LogLevel.Information, "A master in sync is alive again")]
    public static partial void MasterBack(this ILogger log);

    [LoggerMessage(11, LogLevel.Warning, "A backup broke off: {Reason}")]
    public static partial void BackupBroke(this ILogger log, string reason);

    [LoggerMessage(10, LogLevel.Error, "The store has failed; as the last master in sync this node refuses writes and serves reads")]
    public static partial void StoreBroken(this ILogger log, Exception reason);

    [LoggerMessage(9, LogLevel.Warning, "{Peer} has a log that is not a part of this one, at {Point}")]
    public static partial void Diverged(this ILogger log, MasterId peer, LogPoint point);
}
