namespace Diststore.Client;

/// <summary>A call that did not end in one of its results. What kind it is says what can be done about it.</summary>
public abstract class DiststoreException : Exception
{
    private protected DiststoreException(string message, Exception? cause)
        : base(message, cause)
    {
    }

    /// <summary>What the last answer says went wrong, one of <see cref="DiststoreProblem"/>; null where no answer came that says it.</summary>
    public string? Problem => Failure?.Problem;

    /// <summary>The last answer's status; null where none came.</summary>
    public int? StatusCode => Failure?.Status;

    /// <summary>Which address was asked last.</summary>
    public Uri? Address { get; internal init; }

    /// <summary>How often it was tried.</summary>
    public int Attempts { get; internal init; }

    internal Failure? Failure { get; init; }
}

/// <summary>The server refuses, and would again: the request, the token or a quota has to change. Nothing was done.</summary>
public sealed class DiststoreRequestException : DiststoreException
{
    internal DiststoreRequestException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}

/// <summary>Within the time that the call had nobody did it, and surely nothing was changed. It may be tried again.</summary>
public sealed class DiststoreUnavailableException : DiststoreException
{
    internal DiststoreUnavailableException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}

/// <summary>The write may have been done, may yet be, or not; once at most.</summary>
/// <remarks>
/// With <see cref="IdempotencyKey"/> the same call, made again within the time that the cluster remembers it
/// (<c>Masters:IdempotencyRetention</c>, 10 minutes), goes on with this write and tells how it ended. Later, and without a key, read first.
/// </remarks>
public sealed class DiststoreOutcomeUnknownException : DiststoreException
{
    internal DiststoreOutcomeUnknownException(string message, string? idempotencyKey, Exception? cause = null)
        : base(message, cause) => IdempotencyKey = idempotencyKey;

    /// <summary>What the write is known by; null where it carried none.</summary>
    public string? IdempotencyKey { get; }
}

/// <summary>An answer of a read that is longer than this client takes, or is none that a Diststore server gives.</summary>
public sealed class DiststoreAnswerException : DiststoreException
{
    internal DiststoreAnswerException(string message, Exception? cause = null)
        : base(message, cause)
    {
    }
}

/// <summary>
/// The changes after the id that was to be followed are forgotten, or not of the history that the cluster has now: start over. Take what is there
/// now, then follow from there, as <see cref="DiststoreClient.FollowAsync"/> does by itself.
/// </summary>
public sealed class DiststoreChangesGoneException : DiststoreException
{
    internal DiststoreChangesGoneException(string message, string? id)
        : base(message, null)
    {
        Id = id;
        Failure = new Failure(FailureKind.Refused, message) { Problem = DiststoreProblem.Gone, Status = 410 };
    }

    /// <summary>The id that was to be followed; null for the beginning.</summary>
    public string? Id { get; }
}
