using System.Buffers;
using System.Text;
using System.Text.Json;
using Diststore.Core;
using Microsoft.AspNetCore.Http;

namespace Diststore.Http;

/// <summary>What operators ask: <c>GET /v1/cluster</c>, <c>/health/live</c>, <c>/health/ready</c>, <c>/metrics</c>, <c>/openapi/v1.json</c>.</summary>
internal sealed class ServiceRoutes(INodeAccess nodes, RequestDelegate metrics)
{
    private static readonly byte[] Ok = "ok\n"u8.ToArray();
    private static readonly byte[] OpenApi = ReadOpenApi();

    /// <summary>Whether a path needs no token: health checks and the API's own description.</summary>
    public static bool IsOpen(ReadOnlySpan<char> path) => path.StartsWith("/health/") || path.StartsWith("/openapi/");

    public Task InvokeAsync(HttpContext context, RequestTarget target)
    {
        if (!context.Request.IsRead())
        {
            return Problems.WriteAsync(context, Fault.Method("GET, HEAD"));
        }

        return target.Path switch
        {
            "/openapi/v1.json" => Answers.BodyAsync(context, HeaderTexts.Json, OpenApi, isFree: true),
            "/health/ready" when nodes.NotReadyBecause is { } reason => Answers.Unavailable(context, ProblemType.NotKnown, reason),

            // Reads are served, so this is no reason to be sent nothing more.
            "/health/ready" when nodes.NotWritableBecause is { } reason => Answers.BodyAsync(
                context, HeaderTexts.PlainText, Encoding.UTF8.GetBytes($"ok, but not writable: {reason}\n"), isFree: true),
            _ => Answers.BodyAsync(context, HeaderTexts.PlainText, Ok, isFree: true),
        };
    }

    public Task ClusterAsync(HttpContext context, RequestTarget target) => ProblemWith(context, target) ?? ShowClusterAsync(context, nodes);

    public Task MetricsAsync(HttpContext context, RequestTarget target) => ProblemWith(context, target) ?? metrics(context);

    private static Task? ProblemWith(HttpContext context, RequestTarget target)
    {
        if (!context.Request.IsRead())
        {
            return Problems.WriteAsync(context, Fault.Method("GET, HEAD"));
        }

        return target.TryGetNoParameters(out string? problem) ? null : Problems.WriteAsync(context, Fault.Bad(problem));
    }

    /// <summary>Answers with the masters' view and all live nodes.</summary>
    public static async Task ShowClusterAsync(HttpContext context, INodeAccess nodes)
    {
        ClusterStatus status = await nodes.GetStatusAsync();
        await (status.Nodes.Length == 0
            ? Answers.Unavailable(context, ProblemType.NotKnown, nodes.NotReadyBecause ?? "no node answers")
            : Answers.BodyAsync(context, HeaderTexts.Json, Json(status), status.Node, isFree: true));
    }

    private static byte[] Json(ClusterStatus status)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("partitions");
            foreach (PartitionStatus partition in status.Partitions)
            {
                Write(json, partition);
            }

            json.WriteEndArray();
            json.WriteStartArray("nodes");
            foreach (NodeStatus node in status.Nodes)
            {
                Write(json, node);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter json, PartitionStatus partition)
    {
        MasterView view = partition.View;
        json.WriteStartObject();
        json.WriteNumber("number", partition.Number);
        json.WriteNumber("epoch", view.Epoch);
        json.WriteString("primary", view.Primary.Name);
        json.WriteString("secondary", view.OtherInSync ? view.Other?.Name : null);
        json.WriteString("learner", view.OtherInSync ? null : view.Other?.Name);
        json.WriteStartArray("inSync");
        foreach (MasterId master in view.InSyncSet)
        {
            json.WriteStringValue(master.Name);
        }

        json.WriteEndArray();
        json.WriteBoolean("writable", partition.IsWritable);
        json.WriteStartArray("missing");
        foreach (MissingMaster missing in partition.Missing)
        {
            json.WriteStartObject();
            json.WriteString("name", missing.Name);
            json.WriteString("since", Rfc3339.Text(missing.Since));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, NodeStatus node)
    {
        json.WriteStartObject();
        json.WriteString("name", node.Name);
        json.WriteString("role", node.Role switch
        {
            NodeRole.Primary => "primary",
            NodeRole.Secondary => "secondary",
            NodeRole.Learner => "learner",
            _ => "copies",
        });
        json.WriteBoolean("reachable", node.Reachable);
        json.WriteNumber("keys", node.Keys);
        json.WriteString("applied", node.Applied.ToString());
        json.WriteString("last", node.Last.ToString());
        json.WriteNumber("epoch", node.Epoch);
        json.WriteString("url", node.Url);
        json.WriteString("version", node.Version);
        json.WriteEndObject();
    }

    private static byte[] ReadOpenApi()
    {
        using Stream stream = typeof(ServiceRoutes).Assembly.GetManifestResourceStream("openapi.json")!;
        var text = new MemoryStream();
        stream.CopyTo(text);
        return text.ToArray();
    }
}
