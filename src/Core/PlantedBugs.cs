namespace Diststore.Core;

/// <summary>
/// Faults that the tests plant in the protocol, one at a time, to prove that the simulation finds them. Each breaks one
/// rule; the place where it does is marked by <see cref="PlantedBugs.Has"/>.
/// </summary>
internal enum PlantedBug
{
    None = 0,
    AcknowledgeBeforePeer,
    IgnoreEpochOnReplicate,
    IgnoreProcessOnReplicate,
    ShowPending,
    PromoteLearner,
    JoinWithoutBothSets,
    MoveMarkWithinPull,
    RefuseBeforeCommitted,
    AnswerBeforeLogIsWhole,
    KeepLateValue,
    CountAgeFromAnswer,
    NotFoundOnSilence,
    StrongWithoutConfirmation,
    ConfirmWithoutJoining,
    OldEpochIsOutcome,
    CommitByNumber,
    WaitersSurviveRole,
    ReopenedStoreOrders,
    FullSyncWithoutTombstones,
    CopiesKeptOnBecomingMaster,
    AcknowledgeLocalAtOnce,
    OwnClockAtSecondary,
    HistoryIgnoredByKeep,
    FetchedCopyForgetsLife,
    FirstMissesCount,
    RestoreKeepsEpochs,
}

/// <summary>Which fault is planted. Only builds for the simulation have any: elsewhere the answer is a constant that the compiler drops.</summary>
internal static class PlantedBugs
{
#if PLANTED_BUGS
    [ThreadStatic]
    private static PlantedBug _planted;

    /// <summary>Plants a fault on this thread, on which one simulation runs.</summary>
    public static void Plant(PlantedBug bug) => _planted = bug;

    public static bool Has(PlantedBug bug) => _planted == bug;
#else
    public static bool Has(PlantedBug bug) => false;
#endif
}
