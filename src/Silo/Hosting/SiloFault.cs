namespace Diststore.Silo;

/// <summary>
/// Where a silo reports that it cannot go on, for one that the cluster has declared dead. Orleans' own handler ends the
/// whole process; here the silo's host is ended and a fresh one started, and other nodes of the process live on.
/// </summary>
internal sealed class SiloFault : IFatalErrorHandler
{
    private readonly TaskCompletionSource<string> _reason = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Completes with the reason once the silo cannot go on.</summary>
    public Task<string> Reason => _reason.Task;

    public bool IsUnexpected(Exception exception) => exception is not OperationCanceledException;

    public void OnFatalException(object? sender, string? context, Exception? exception) =>
        _reason.TrySetResult(exception?.Message ?? context ?? "no reason given");
}
