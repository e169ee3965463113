namespace Diststore.Core;

/// <summary>What the other master is to the primary. <see cref="OtherMaster"/> has the transitions.</summary>
internal enum PeerState
{
    /// <summary>There is none, or one that has not asked for anything yet. Nothing depends on it.</summary>
    Alone = 0,

    /// <summary>A learner takes pages. Nothing depends on it.</summary>
    Syncing = 1,

    /// <summary>A learner is streamed to, and every acknowledgement needs it.</summary>
    Streaming = 2,

    /// <summary>It has all there was when its stream began, and the registry is asked to add it to the in-sync set: it may be in it.</summary>
    Admitting = 3,

    /// <summary>It is in the in-sync set.</summary>
    InSync = 4,

    /// <summary>It does not do what it has to; it is, or may be, in the in-sync set, and the registry is asked to take it out.</summary>
    Dropping = 5,
}
