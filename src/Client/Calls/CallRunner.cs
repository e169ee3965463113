using System.Diagnostics.CodeAnalysis;
using System.Net;
using Microsoft.Extensions.Logging;

namespace Diststore.Client;

/// <summary>What a call makes of an answer: one of its results, or not, and then it is a failure.</summary>
internal readonly struct Understood<T>
{
    // Not by an implicit conversion: a null that means "no result" would become the result "null".
    public Understood(T value) => (IsResult, Value) = (true, value);

    public static Understood<T> None => default;

    public bool IsResult { get; }

    public T Value { get; }
}

/// <summary>
/// Sends a call to one address after the other until an answer says how it ended, it may not be sent again, or its time is over. The one place
/// that decides about repeating.
/// </summary>
internal sealed partial class CallRunner : IDisposable
{
    private readonly HttpMessageInvoker _http;
    private readonly DiststoreClientOptions _options;
    private readonly AddressBook _addresses;
    private readonly Backoff _backoff;
    private readonly ClientInstruments _instruments;
    private readonly ILogger _logger;
    private volatile bool _isDisposed;

    public CallRunner(DiststoreClientOptions options, HttpMessageHandler handler, ClientInstruments instruments, ILogger logger)
    {
        _options = options;
        _http = new HttpMessageInvoker(handler);
        _addresses = new AddressBook(options.Addresses, options.Chance);
        _backoff = new Backoff(options.FirstRetryDelay, options.MaxRetryDelay, options.Chance);
        _instruments = instruments;
        _logger = logger;
    }

    public TimeProvider Time => _options.TimeProvider;

    public Backoff Backoff => _backoff;

    public AddressBook Addresses => _addresses;

    /// <summary>Begins to measure a call.</summary>
    public ClientInstruments.Operation Start(Call call) => _instruments.Start(call.Operation);

    /// <summary>Runs a call to its end.</summary>
    /// <param name="call">What is sent.</param>
    /// <param name="understand">Makes a result of an answer; for an answer that is none of the call's results it gives none.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="DiststoreException">It ended in no result.</exception>
    public async Task<T> RunAsync<T>(
        Call call, Func<Answer, Problem?, CancellationToken, ValueTask<Understood<T>>> understand, CancellationToken cancellation)
    {
        TimeSpan timeout = call.Timeout ?? _options.Timeout;
        DiststoreClientOptions.CheckTimeout(timeout);
        ClientInstruments.Operation operation = _instruments.Start(call.Operation);
        int address = _addresses.Current;
        try
        {
            long started = Time.GetTimestamp();
            bool mayBeDone = false;
            var token = new CallToken();
            for (int attempt = 1; ; attempt++)
            {
                int asked = address;
                TimeSpan left = timeout - Time.GetElapsedTime(started);
                TimeSpan limit = call.IsLong || left < _options.AttemptTimeout ? left : _options.AttemptTimeout;
                (Understood<T> result, Failure? failure, int status) =
                    await TryAsync(call, token, asked, limit, understand, cancellation).ConfigureAwait(false);
                if (failure is null)
                {
                    operation.Ended(_addresses[asked], status, null);
                    return result.Value;
                }

                mayBeDone |= call.Repeat != Repeat.Always && failure.Kind is (FailureKind.Unknown or FailureKind.NoAnswer or FailureKind.TooMuch);
                address = IsPassing(failure.Kind) ? _addresses.After(asked) : asked;
                TimeSpan wait = _backoff.After(attempt, _addresses.Count, failure.RetryAfter);
                if (MayRepeat(call, failure.Kind) && Time.GetElapsedTime(started) + wait < timeout)
                {
                    operation.Retried(failure);
                    LogRetry(call.Operation, _addresses[asked], attempt, failure.Text, (long)wait.TotalMilliseconds);
                    await Task.Delay(wait, Time, cancellation).ConfigureAwait(false);
                    if (Time.GetElapsedTime(started) < timeout)
                    {
                        continue;
                    }
                }

                LogGivenUp(call.Operation, attempt, _addresses[asked], failure.Text);
                operation.Ended(_addresses[asked], failure.Status, failure.ErrorType, failure.Text);
                throw Ended(call, failure, mayBeDone, attempt, _addresses[asked]);
            }
        }
        catch (Exception e) when (e is not DiststoreException)
        {
            // The caller's cancellation, or a mistake in what was asked.
            operation.Ended(_addresses[address], null, e is OperationCanceledException ? "cancelled" : e.GetType().FullName, e.Message);
            throw;
        }
    }

    /// <summary>Sends a call once, to this address.</summary>
    public async Task<(Understood<T> Result, Failure? Failure, int Status)> TryAsync<T>(
        Call call,
        CallToken token,
        int address,
        TimeSpan limit,
        Func<Answer, Problem?, CancellationToken, ValueTask<Understood<T>>> understand,
        CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, typeof(DiststoreClient));
        cancellation.ThrowIfCancellationRequested();
        using var deadline = new CancellationTokenSource(limit, Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellation);
        bool isSent = false;
        try
        {
            using HttpRequestMessage request = await MakeAsync(call, token, address, either.Token).ConfigureAwait(false);
            isSent = true;
            HttpResponseMessage response = await _http.SendAsync(request, either.Token).ConfigureAwait(false);
            var answer = new Answer(response, _options.MaxAnswerBytes);
            try
            {
                Problem? problem = answer.Status >= 400 ? await answer.ReadProblemAsync(either.Token).ConfigureAwait(false) : null;
                Understood<T> result = await understand(answer, problem, either.Token).ConfigureAwait(false);
                return (result, result.IsResult ? null : Failure.Of(answer, problem), answer.Status);
            }
            finally
            {
                answer.Release();
            }
        }
        catch (Exception e) when (e is not (DiststoreException or ArgumentException))
        {
            return !cancellation.IsCancellationRequested ? (default, Failure.Of(e, isSent, deadline.IsCancellationRequested), 0)
                // Whatever a cancelled request breaks with on its way.
                : throw new OperationCanceledException("cancelled by the caller", e, cancellation);
        }
    }

    public void Dispose()
    {
        _isDisposed = true;
        _http.Dispose();
    }

    // Another address may do better.
    private static bool IsPassing(FailureKind kind) => kind is FailureKind.NotSent or FailureKind.NothingDone or FailureKind.Unknown;

    private static bool MayRepeat(Call call, FailureKind kind) => kind switch
    {
        FailureKind.NotSent => true,
        FailureKind.NothingDone => call.Repeat != Repeat.IfNotSent && !call.HasBodyOnce,
        FailureKind.Unknown => call.Repeat is Repeat.Always or Repeat.WithKey && !call.HasBodyOnce,
        _ => false,
    };

    private static DiststoreException Ended(Call call, Failure failure, bool mayBeDone, int attempts, Uri address)
    {
        string message = $"{call.Operation} failed after {(attempts == 1 ? "1 attempt" : $"{attempts} attempts")}, the last at {address}: {failure.Text}";
        return failure.Kind switch
        {
            // Who knows the data has judged: no earlier attempt was done before that.
            FailureKind.Judged => new DiststoreRequestException(message, failure.Cause) { Failure = failure, Address = address, Attempts = attempts },
            _ when mayBeDone => new DiststoreOutcomeUnknownException($"{message}. It may have been done, or may yet be", call.IdempotencyKey, failure.Cause)
            { Failure = failure, Address = address, Attempts = attempts },
            FailureKind.Refused => new DiststoreRequestException(message, failure.Cause) { Failure = failure, Address = address, Attempts = attempts },
            FailureKind.TooMuch or FailureKind.NoAnswer => new DiststoreAnswerException(message, failure.Cause)
            { Failure = failure, Address = address, Attempts = attempts },
            _ => new DiststoreUnavailableException(message, failure.Cause) { Failure = failure, Address = address, Attempts = attempts },
        };
    }

    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The request disposes of its content.")]
    private async ValueTask<HttpRequestMessage> MakeAsync(Call call, CallToken token, int address, CancellationToken cancellation)
    {
        var request = new HttpRequestMessage(call.Method, _addresses.Resolve(address, call.Target))
        {
            Version = HttpVersion.Version11,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrHigher,
            // SocketsHttpHandler by itself repeats what has no body at all, whatever the method, where a connection that was used before breaks.
            Content = call.Content?.Invoke() ?? (call.Repeat == Repeat.Always ? null : new ByteArrayContent([])),
        };
        foreach ((string name, string value) in call.Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        if (call.IdempotencyKey is { } key)
        {
            request.Headers.TryAddWithoutValidation("Idempotency-Key", IdempotencyKeys.Quote(key));
        }

        if (await token.GetAsync(_options, cancellation).ConfigureAwait(false) is { } bearer)
        {
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {bearer}");
        }

        return request;
    }
}
