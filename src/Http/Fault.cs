using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary>Why a request was not done.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Type">What it was, as <see cref="ProblemType"/> has it.</param>
/// <param name="Detail">What was wrong, in a sentence for the client.</param>
/// <param name="Allow">The methods that the route takes, with 405.</param>
/// <param name="Node">The node that answered, if any.</param>
/// <param name="Read">What was read, where the answer tells of the state that it showed.</param>
/// <param name="Closes">Whether the connection ends, because what is left of the body cannot be read, or would have to be for long.</param>
/// <param name="Size">With 416, how many bytes the value has.</param>
/// <param name="Caching">What caches on the way may do with the answer; by default they keep no JSON.</param>
/// <param name="Failed">The conditions of a transaction that do not hold, with 412.</param>
internal sealed record Fault(
    int Status,
    string Type,
    string Detail,
    string? Allow = null,
    string? Node = null,
    ReadResult? Read = null,
    bool Closes = false,
    int Size = 0,
    StringValues Caching = default,
    int[]? Failed = null)
{
    public static Fault Bad(string detail) => new(StatusCodes.Status400BadRequest, ProblemType.BadRequest, detail);

    public static Fault NoRoute { get; } =
        new(StatusCodes.Status404NotFound, ProblemType.NoSuchRoute, "there is no such route; /openapi/v1.json lists them");

    public static Fault Method(string allow) =>
        new(StatusCodes.Status405MethodNotAllowed, ProblemType.MethodNotAllowed, $"this route takes {allow}", allow);

    public static Fault TooLarge(int maxValueBytes) => new(
        StatusCodes.Status413PayloadTooLarge, ProblemType.TooLarge, $"the value is longer than the limit of {maxValueBytes} bytes", Closes: true);

    public static Fault BodyTooLarge(int maxBytes) => new(
        StatusCodes.Status413PayloadTooLarge, ProblemType.TooLarge, $"the body is longer than the limit of {maxBytes} bytes", Closes: true);

    /// <summary>There is no room in the <see cref="ByteBudget"/> for what the request needs.</summary>
    public static Fault Busy { get; } = new(
        StatusCodes.Status503ServiceUnavailable,
        ProblemType.Busy,
        "busy: this process holds as many bytes for its clients as Limits:MaxBytesInFlight allows; nothing was done, try again",
        Closes: true);

    /// <summary>The body comes too slowly, and others need its room.</summary>
    public static Fault TooSlow { get; } = new(
        StatusCodes.Status408RequestTimeout,
        ProblemType.Malformed,
        $"the body came slower than {ByteBudget.LeastBytesPerSecond} bytes a second while others needed the room; nothing was done",
        Closes: true);

    public static Fault ConditionFailed(string? node) => new(
        StatusCodes.Status412PreconditionFailed, ProblemType.ConditionFailed, "the key's version is not one that If-Match and If-None-Match allow", Node: node);

    public static Fault ConditionsFailed(string? node, int[] failed) => new(
        StatusCodes.Status412PreconditionFailed,
        ProblemType.ConditionFailed,
        "conditions of the transaction do not hold; nothing was done",
        Node: node,
        Failed: failed);

    public static Fault KeyReused(string? node) => new(
        StatusCodes.Status422UnprocessableEntity,
        ProblemType.KeyReused,
        $"the {HeaderTexts.IdempotencyKey} came with another request before; nothing was done",
        Node: node);

    public static Fault Range(int size) =>
        new(StatusCodes.Status416RangeNotSatisfiable, ProblemType.Range, $"no byte of the value lies in the range; it has {size}", Size: size);

    public static Fault UnknownNode(string? name) =>
        new(StatusCodes.Status404NotFound, ProblemType.NoSuchNode, $"there is no live node named {name}");
}
