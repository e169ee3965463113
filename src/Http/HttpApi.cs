using Diststore.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;

namespace Diststore.Http;

/// <summary>The routes: which method and path goes where.</summary>
internal sealed partial class HttpApi(
    IDiststore store,
    INodeAccess nodes,
    DiststoreHttpOptions options,
    ByteBudget budget,
    RequestDelegate metrics,
    TimeProvider time,
    ILogger<HttpApi> logger,
    CancellationToken stopping)
{
    private readonly KeyRoutes _keys = new(store, options, budget);
    private readonly PlainRoutes _plain = new(store, nodes, options, budget);
    private readonly TransactionRoutes _transactions = new(store, options, budget);
    private readonly ListRoutes _lists = new(store);
    private readonly ManyRoutes _many = new(store, options, budget);
    private readonly NodeKeyRoutes _nodeKeys = new(nodes, options, budget, time, stopping);
    private readonly BackupRoutes _backups = new(nodes);
    private readonly ServiceRoutes _service = new(nodes, metrics);
    private readonly RoleRoutes _roles = new(nodes);
    private readonly ChangeRoutes _changes = new(store, options, time, logger, stopping);
    private readonly HostCheck _hosts = new(options.AllowedHosts);
    private readonly BearerTokens? _tokens = options.Tokens.Count > 0 ? new BearerTokens(options.Tokens) : null;

    /// <summary>Serves one request.</summary>
    public Task InvokeAsync(HttpContext context)
    {
        ConnectionPlace? place = context.Features.Get<ConnectionPlace>();
        if (place?.TryBegin() == false)
        {
            // It was idle for so long that its place was given away, a moment ago.
            context.Abort();
            return Task.CompletedTask;
        }

        Task serving;
        try
        {
            serving = Dispatch(context);
        }
        catch (Exception exception)
        {
            serving = Failed(context, exception);
        }

        if (!serving.IsCompletedSuccessfully)
        {
            return Guard(context, serving, place);
        }

        place?.End();
        return serving;
    }

    private Task Dispatch(HttpContext context)
    {
        if (!RequestTarget.TryParse(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget, out RequestTarget target, out string? problem))
        {
            return Problems.WriteAsync(context, Fault.Bad(problem));
        }

        if (Refusal(context.Request, target) is { } refusal)
        {
            return Problems.WriteAsync(context, refusal);
        }

        ReadOnlySpan<char> path = target.Path;
        if (_tokens is not null && !ServiceRoutes.IsOpen(path) && !_tokens.Admit(context.Request.Headers.Authorization))
        {
            return Problems.WriteAsync(context, new Fault(
                StatusCodes.Status401Unauthorized, ProblemType.Unauthorized, "this needs Authorization: Bearer with a known token"));
        }

        if (IdempotencyKeys.IsMisplaced(context.Request, path))
        {
            return Problems.WriteAsync(context, Fault.Bad(
                $"{HeaderTexts.IdempotencyKey} is taken on writes of single keys and on transactions, through the masters; not here"));
        }

        if (path.StartsWith(KeyRoutes.Prefix))
        {
            return _keys.InvokeAsync(context, target);
        }

        if (path.StartsWith(PlainRoutes.GetPrefix))
        {
            return _plain.GetAsync(context, target);
        }

        return path switch
        {
            "/" => _plain.PostFormAsync(context, target, onNode: false),
            "/local" => _plain.PostFormAsync(context, target, onNode: true),
            "/list" => _nodeKeys.InvokeAsync(context, target),
            "/v1/kv" => _lists.InvokeAsync(context, target),
            ManyRoutes.ReadPath => _many.ReadAsync(context, target),
            TransactionRoutes.Path => _transactions.InvokeAsync(context, target),
            ChangeRoutes.Path => _changes.InvokeAsync(context, target),
            "/v1/cluster" => _service.ClusterAsync(context, target),
            BackupRoutes.Path => _backups.InvokeAsync(context, target),
            RoleRoutes.StepDownPath => _roles.StepDownAsync(context, target),
            RoleRoutes.MaintenancePath => _roles.MaintainAsync(context, target),
            RoleRoutes.ForcePath => _roles.ForceAsync(context, target),
            "/metrics" => _service.MetricsAsync(context, target),
            "/health/live" or "/health/ready" or "/openapi/v1.json" => _service.InvokeAsync(context, target),
            "/get" or "/getlocal" => Problems.WriteAsync(context, Fault.Bad("the key is empty")),
            _ when path.StartsWith(PlainRoutes.GetLocalPrefix) => _plain.GetLocalAsync(context, target),
            _ when path.StartsWith(PlainRoutes.LocalPrefix) => _plain.LocalAsync(context, target),
            _ => _plain.PostRawAsync(context, target, onNode: false),
        };
    }

    // What is refused whatever the route, before a body is read.
    private Fault? Refusal(HttpRequest request, RequestTarget target)
    {
        // Any coding but the framing itself is part of the value as far as Kestrel knows (RFC 9112, section 6.1).
        StringValues coding = request.Headers.TransferEncoding;
        return coding.Count > 0 && !(coding.Count == 1 && "chunked".Equals(coding[0]?.Trim(), StringComparison.OrdinalIgnoreCase))
            ? new Fault(
                StatusCodes.Status501NotImplemented,
                ProblemType.NotImplemented,
                "of the transfer codings only chunked is understood, and alone",
                Closes: true)
            : _hosts.Problem(request, target);
    }

    private async Task Guard(HttpContext context, Task serving, ConnectionPlace? place)
    {
        try
        {
            await serving;
        }
        catch (Exception exception)
        {
            await Failed(context, exception);
        }
        finally
        {
            place?.End();
        }
    }

    private Task Failed(HttpContext context, Exception exception)
    {
        if (context.RequestAborted.IsCancellationRequested)
        {
            return Task.CompletedTask;
        }

        if (exception is BadHttpRequestException refused)
        {
            return Problems.WriteAsync(context, refused.StatusCode == StatusCodes.Status413PayloadTooLarge
                ? Fault.TooLarge(options.MaxValueBytes)
                : new Fault(refused.StatusCode, ProblemType.OfRefused(refused.StatusCode), refused.Message, Closes: true));
        }

        if (exception is StoreFailedException)
        {
            // The node has said it in its log, and does not go on like this.
            const string Why = "this node's store has failed, and what became of the request is not known; ask another node";
            return Answers.Unavailable(context, context.Request.IsRead() ? ProblemType.NotKnown : ProblemType.OutcomeUnknown, Why);
        }

        LogFailed(exception, context.Request.Method);
        return Problems.WriteAsync(context, new Fault(
            StatusCodes.Status500InternalServerError, ProblemType.Failed, "an error of the server; its log says more"));
    }
}
