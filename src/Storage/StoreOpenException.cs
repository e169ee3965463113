namespace Diststore.Storage;

/// <summary>Why a folder was not opened as a store.</summary>
public enum StoreOpenProblem
{
    /// <summary>It cannot be read or written: rights, a full disk, a broken device.</summary>
    Unusable = 0,

    /// <summary>Another process has it open.</summary>
    InUse = 1,

    /// <summary>It belongs to another cluster.</summary>
    OtherCluster = 2,

    /// <summary>A newer release wrote it.</summary>
    NewerFormat = 3,

    /// <summary>What is there does not fit together, or was found damaged before.</summary>
    Corrupt = 4,

    /// <summary>The log ends before what was synced to it.</summary>
    Truncated = 5,

    /// <summary>The folder to restore into is not empty.</summary>
    NotEmpty = 6,
}

/// <summary>A folder was not opened, and nothing in it was changed. The message is one sentence for the operator.</summary>
public sealed class StoreOpenException : Exception
{
    /// <summary>Says why.</summary>
    public StoreOpenException(StoreOpenProblem problem, string message, Exception? inner = null)
        : base(message, inner) => Problem = problem;

    /// <summary>Says why.</summary>
    public StoreOpenException(string message)
        : base(message)
    {
    }

    /// <summary>Says why, and what caused it.</summary>
    public StoreOpenException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Required of every exception.</summary>
    public StoreOpenException()
    {
    }

    /// <summary>What kind of problem it is.</summary>
    public StoreOpenProblem Problem { get; }

    /// <summary>
    /// Whether the content is lost: a node whose data lies elsewhere too may wipe the folder (<see cref="RocksStore.Wipe"/>)
    /// and sync in full.
    /// </summary>
    public bool IsDamaged => Problem is StoreOpenProblem.Corrupt or StoreOpenProblem.Truncated;
}
