namespace Diststore.Client;

/// <summary>What a server's answer says went wrong, for programs: the last part of a problem's type. A word keeps its meaning; there may be new ones.</summary>
public static class DiststoreProblem
{
    /// <summary>The request means nothing to the server.</summary>
    public const string BadRequest = "bad-request";

    /// <summary>The request could not be read to its end; nothing was done.</summary>
    public const string Malformed = "malformed";

    /// <summary>No known token came.</summary>
    public const string Unauthorized = "unauthorized";

    /// <summary>The token may not do this.</summary>
    public const string Forbidden = "forbidden";

    /// <summary>There is no such key.</summary>
    public const string NoSuchKey = "no-such-key";

    /// <summary>No live node has the name.</summary>
    public const string NoSuchNode = "no-such-node";

    /// <summary>The server does not know the route.</summary>
    public const string NoSuchRoute = "no-such-route";

    /// <summary>The server does not know the method on this route.</summary>
    public const string MethodNotAllowed = "method-not-allowed";

    /// <summary>It does not go with the state that things are in.</summary>
    public const string Conflict = "conflict";

    /// <summary>The changes after that id are not at hand any more.</summary>
    public const string Gone = "gone";

    /// <summary>The condition does not hold.</summary>
    public const string ConditionFailed = "condition-failed";

    /// <summary>The value is over the server's limit.</summary>
    public const string TooLarge = "too-large";

    /// <summary>The server takes no such body.</summary>
    public const string UnsupportedMediaType = "unsupported-media-type";

    /// <summary>No byte of the value lies in the range.</summary>
    public const string Range = "range";

    /// <summary>The server does not go by the name that the address has.</summary>
    public const string WrongHost = "wrong-host";

    /// <summary>The idempotency key stands for another request.</summary>
    public const string KeyReused = "key-reused";

    /// <summary>The masters, or a node local-only, hold as much as they may.</summary>
    public const string OverQuota = "over-quota";

    /// <summary>The server does not do this.</summary>
    public const string NotImplemented = "not-implemented";

    /// <summary>Only the asked node was to answer, and it has nothing that it may show.</summary>
    public const string NotHere = "not-here";

    /// <summary>Nothing was done, for no master takes writes now.</summary>
    public const string NothingDone = "nothing-done";

    /// <summary>It may have been done, or may yet be.</summary>
    public const string OutcomeUnknown = "outcome-unknown";

    /// <summary>Nobody who would know answers.</summary>
    public const string NotKnown = "not-known";

    /// <summary>A limit of the server; nothing was done.</summary>
    public const string Busy = "busy";

    /// <summary>An error of the server; its log says more.</summary>
    public const string Failed = "failed";
}
