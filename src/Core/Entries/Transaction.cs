namespace Diststore.Core;

/// <summary>
/// Writes that are done together or not at all: judged against one state, and one run of sequences in one batch. A write of one key is
/// the smallest of them.
/// </summary>
/// <param name="Operations">What is to be done; a key stands among them at most once.</param>
/// <param name="Conditions">What must hold besides the operations' own conditions.</param>
/// <param name="IsLone">It is a write of one key, answered with what became of that key: where there is none, a delete is not found.</param>
/// <param name="Mark">Tells it from every other request, so that it is done once however often it is sent.</param>
/// <param name="MaxBytes">Where the values that it makes, carried-over ones included, come to more bytes than this, it is refused.</param>
[GenerateSerializer, Immutable, Alias("diststore.transaction")]
public sealed record Transaction(
    [property: Id(0)] Write[] Operations,
    [property: Id(1)] KeyCondition[] Conditions,
    [property: Id(2)] bool IsLone = false,
    [property: Id(3)] RequestMark? Mark = null,
    [property: Id(4)] long MaxBytes = long.MaxValue)
{
    /// <summary>The most operations of one transaction.</summary>
    public const int MaxOperations = 64;

    /// <summary>The most conditions of one transaction.</summary>
    public const int MaxConditions = 64;

    /// <summary>What it takes while it waits, in bytes.</summary>
    public int SizeBytes => Operations.Sum(static operation => operation.SizeBytes)
        + Conditions.Sum(static condition => Entry.OverheadBytes + (2 * condition.Key.Length));

    /// <summary>How many keys have to be looked at to judge it.</summary>
    public int KeyCount => Operations.Length + Conditions.Length + (Mark is null ? 0 : 1);

    /// <summary>A write of one key.</summary>
    public static Transaction Of(Write write, RequestMark? mark = null) => new([write], [], IsLone: true, mark);
}

/// <summary>What must hold of one key for a transaction to be done.</summary>
[GenerateSerializer, Immutable, Alias("diststore.keycondition")]
public sealed record KeyCondition([property: Id(0)] string Key, [property: Id(1)] Condition Condition);

/// <summary>What tells one request from every other.</summary>
/// <param name="Key">The internal key that its memory is kept under, see <see cref="InternalKeys"/>.</param>
/// <param name="Fingerprint">A SHA-256 of all that the request asks for.</param>
[GenerateSerializer, Immutable, Alias("diststore.mark")]
public sealed record RequestMark([property: Id(0)] string Key, [property: Id(1)] byte[] Fingerprint);

/// <summary>What became of one operation of a transaction that was done.</summary>
/// <param name="Outcome">What it did; <see cref="WriteOutcome.NotFound"/> where there was nothing to delete.</param>
/// <param name="Version">The version that it made; zero where it changed nothing.</param>
/// <param name="Number">What a number has become.</param>
[GenerateSerializer, Immutable, Alias("diststore.operationresult")]
public readonly record struct OperationResult(
    [property: Id(0)] WriteOutcome Outcome, [property: Id(1)] LogPoint Version, [property: Id(2)] long? Number = null);
