namespace Diststore.Http;

/// <summary>
/// What went wrong, for programs: the last part of a problem's <c>type</c> (RFC 9457), <c>urn:diststore:problem:WORD</c>, and, on routes
/// that answer in plain text, the header <c>Diststore-Problem</c>. A word never changes its meaning; the sentence beside it may.
/// </summary>
internal static class ProblemType
{
    public const string Namespace = "urn:diststore:problem:";

    /// <summary>400: the request means nothing here.</summary>
    public const string BadRequest = "bad-request";

    /// <summary>408, 414, 431: it could not be read to its end.</summary>
    public const string Malformed = "malformed";

    /// <summary>401.</summary>
    public const string Unauthorized = "unauthorized";

    /// <summary>403.</summary>
    public const string Forbidden = "forbidden";

    /// <summary>404: the masters, or the node that was asked for, do not have the key.</summary>
    public const string NoSuchKey = "no-such-key";

    /// <summary>404: no live node has the name.</summary>
    public const string NoSuchNode = "no-such-node";

    /// <summary>404.</summary>
    public const string NoSuchRoute = "no-such-route";

    /// <summary>405.</summary>
    public const string MethodNotAllowed = "method-not-allowed";

    /// <summary>409: it does not go with the state that things are in.</summary>
    public const string Conflict = "conflict";

    /// <summary>410: the changes after that id are not at hand any more; list the keys anew.</summary>
    public const string Gone = "gone";

    /// <summary>412.</summary>
    public const string ConditionFailed = "condition-failed";

    /// <summary>413.</summary>
    public const string TooLarge = "too-large";

    /// <summary>415.</summary>
    public const string UnsupportedMediaType = "unsupported-media-type";

    /// <summary>416: no byte of the value lies in the range.</summary>
    public const string Range = "range";

    /// <summary>421: the server does not go by that name.</summary>
    public const string WrongHost = "wrong-host";

    /// <summary>422: the Idempotency-Key came with another request before.</summary>
    public const string KeyReused = "key-reused";

    /// <summary>507: the masters hold as much as they may.</summary>
    public const string OverQuota = "over-quota";

    /// <summary>501.</summary>
    public const string NotImplemented = "not-implemented";

    /// <summary>504: what was asked alone has nothing that it may show.</summary>
    public const string NotHere = "not-here";

    /// <summary>503 on whatever would have changed something: surely nothing was changed, so it is safe to repeat.</summary>
    public const string NothingDone = "nothing-done";

    /// <summary>503: it may have been done, or may yet be.</summary>
    public const string OutcomeUnknown = "outcome-unknown";

    /// <summary>503 on a read: nobody who knows has answered.</summary>
    public const string NotKnown = "not-known";

    /// <summary>503: a limit; nothing was done.</summary>
    public const string Busy = "busy";

    /// <summary>500: an error of the server.</summary>
    public const string Failed = "failed";

    /// <summary>What Kestrel has refused, by the status code that it gives.</summary>
    public static string OfRefused(int status) => status switch
    {
        408 or 414 or 431 => Malformed,
        413 => TooLarge,
        405 => MethodNotAllowed,
        _ => BadRequest,
    };

    /// <summary>Whether waiting helps.</summary>
    public static bool IsPassing(string type) => type is NothingDone or NotKnown or Busy;
}
