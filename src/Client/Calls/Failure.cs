using System.Net;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>What a failed attempt tells of the request.</summary>
internal enum FailureKind
{
    /// <summary>It was not sent.</summary>
    NotSent = 0,

    /// <summary>It was taken, nothing was done, and that may pass.</summary>
    NothingDone = 1,

    /// <summary>It may have been done.</summary>
    Unknown = 2,

    /// <summary>It was refused before anybody looked at the data, and would be again.</summary>
    Refused = 3,

    /// <summary>It was refused by who knows the data: no earlier attempt was done.</summary>
    Judged = 4,

    /// <summary>The answer is more than this client takes, wherever it comes from.</summary>
    TooMuch = 5,

    /// <summary>The answer is none that a Diststore server gives, wherever it comes from.</summary>
    NoAnswer = 6,
}

/// <summary>Why an attempt failed.</summary>
internal sealed record Failure(FailureKind Kind, string Text)
{
    public string? Problem { get; init; }

    public int? Status { get; init; }

    public Exception? Cause { get; init; }

    public TimeSpan? RetryAfter { get; init; }

    /// <summary>A word of low cardinality for metrics.</summary>
    public string ErrorType => Problem ?? Status?.ToString(provider: null) ?? Cause?.GetType().FullName ?? "lost";

    /// <summary>What an answer that the call has no result for means.</summary>
    public static Failure Of(Answer answer, Problem? problem)
    {
        FailureKind kind = problem?.Word switch
        {
            DiststoreProblem.NothingDone or DiststoreProblem.Busy or DiststoreProblem.NotKnown => FailureKind.NothingDone,
            DiststoreProblem.OutcomeUnknown or DiststoreProblem.Failed => FailureKind.Unknown,
            DiststoreProblem.ConditionFailed or DiststoreProblem.NoSuchKey or DiststoreProblem.Conflict or DiststoreProblem.OverQuota
                or DiststoreProblem.KeyReused => FailureKind.Judged,
            not null => FailureKind.Refused,
            // Somebody on the way answered, or a HEAD, whose answer has no body to say why; who asks to wait has done nothing.
            null when answer.Status >= 500 && answer.Node is not null && answer.RetryAfter is not null => FailureKind.NothingDone,
            null when answer.Status is >= 500 or < 300 => FailureKind.Unknown,
            null => FailureKind.Refused,
        };
        string said = problem is { Detail.Length: > 0 } ? $": {problem.Detail}" : "";
        return new Failure(kind, $"{answer.Status} {problem?.Word ?? ((HttpStatusCode)answer.Status).ToString()}{said}")
        {
            Problem = problem?.Word,
            Status = answer.Status,
            RetryAfter = answer.RetryAfter,
        };
    }

    /// <summary>What an error on the way means.</summary>
    /// <param name="error">The error.</param>
    /// <param name="isSent">Whether the request may have been on its way.</param>
    /// <param name="isLate">Whether the attempt had used up its time.</param>
    public static Failure Of(Exception error, bool isSent, bool isLate) => error switch
    {
        AnswerTooLongException => new Failure(FailureKind.TooMuch, error.Message) { Cause = error },
        _ when !isSent => new Failure(FailureKind.NotSent, error.Message) { Cause = error },
        _ when isLate => new Failure(FailureKind.Unknown, "no answer in time") { Cause = new TimeoutException("no answer in time", error) },
        // How SocketsHttpHandler says that its ConnectTimeout is over.
        OperationCanceledException { InnerException: TimeoutException late } => new Failure(FailureKind.NotSent, late.Message) { Cause = error },
        HttpRequestException
        {
            HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError
                or HttpRequestError.ProxyTunnelError
        } => new Failure(FailureKind.NotSent, error.Message) { Cause = error },
        JsonException or FormatException => new Failure(FailureKind.NoAnswer, $"this is no answer of Diststore: {error.Message}") { Cause = error },
        _ => new Failure(FailureKind.Unknown, error.Message) { Cause = error },
    };
}
