using Diststore.Core;

namespace Diststore.Silo;

/// <summary>
/// Where a silo reports that it cannot go on, for one that the cluster has declared dead. Orleans' own handler ends the
/// whole process; here the silo's host is ended and a fresh one started, and other nodes of the process live on.
/// </summary>
internal sealed class SiloFault : IFatalErrorHandler
{
    private readonly TaskCompletionSource<string> _reason = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether the reason is a store that failed.</summary>
    public bool IsOfStore { get; private set; } // set before the reason is

    /// <summary>Completes with the reason once the silo cannot go on.</summary>
    public Task<string> Reason => _reason.Task;

    public bool IsUnexpected(Exception exception) => exception is not OperationCanceledException;

    public void OnFatalException(object? sender, string? context, Exception? exception)
    {
        if (exception is StoreFailedException && !_reason.Task.IsCompleted)
        {
            IsOfStore = true;
        }

        _reason.TrySetResult(exception?.Message ?? context ?? "no reason given");
    }
}
