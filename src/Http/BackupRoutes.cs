using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary><c>POST /v1/cluster/backup</c>: one consistent snapshot of a master, streamed while writes go on.</summary>
internal sealed class BackupRoutes(INodeAccess nodes)
{
    public const string Path = "/v1/cluster/backup";

    // A client that takes nothing for so long is given up; the master's snapshot is not held for ever.
    private static readonly TimeSpan ClientPatience = TimeSpan.FromSeconds(20);

    public Task InvokeAsync(HttpContext context, RequestTarget target)
    {
        if (!context.Request.IsPost())
        {
            return Problems.WriteAsync(context, Fault.Method("POST"));
        }

        return target.TryGetNoParameters(out string? problem) ? StreamAsync(context) : Problems.WriteAsync(context, Fault.Bad(problem));
    }

    private async Task StreamAsync(HttpContext context)
    {
        BackupStart start = await nodes.StartBackupAsync(context.RequestAborted);
        if (start.Outcome != BackupOutcome.Started)
        {
            (int status, string type, string detail) = start.Outcome switch
            {
                BackupOutcome.NotDurable => (
                    StatusCodes.Status501NotImplemented, ProblemType.NotImplemented, "the masters' data is in memory, of which there is no backup"),
                BackupOutcome.Busy => (
                    StatusCodes.Status503ServiceUnavailable, ProblemType.Busy, "as many backups as are allowed at once are under way"),
                _ => (StatusCodes.Status503ServiceUnavailable, ProblemType.NotKnown, "no in-sync master answers"),
            };
            await Problems.WriteAsync(context, new Fault(status, type, detail, Node: start.Node));
            return;
        }

        context.Response.ContentType = "application/octet-stream";
        Answers.SetValue(context.Response.Headers);
        context.Response.Headers.ContentDisposition = "attachment; filename=\"diststore.backup\"";
        NodeTexts.Set(context.Response.Headers, start.Node);
        while (await nodes.ReadBackupAsync(start.Node, start.Id, context.RequestAborted) is { Bytes: var bytes })
        {
            if (bytes is null)
            {
                // Too late for a status: who reads on meets a connection that was cut, and the file lacks its end.
                context.Abort();
                return;
            }

            if (bytes.Length == 0)
            {
                return;
            }

            try
            {
                await context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask().WaitAsync(ClientPatience, context.RequestAborted);
            }
            catch (TimeoutException)
            {
                context.Abort();
                return;
            }
        }
    }
}
