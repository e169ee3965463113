using System.Diagnostics;
using System.Net;
using Diststore.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Diststore.Http;

/// <summary>The HTTP API as a library: a node hosts it beside its store, a gateway in front of the cluster.</summary>
public static class DiststoreHttp
{
    /// <summary>What Kestrel holds of an answer that is not read before it asks to wait, in bytes.</summary>
    internal const int ResponseBufferBytes = 64 * 1024;

    // What Kestrel reads ahead on a connection, in bytes: room for the longest request line and headers, and for some of a body while the
    // former piece is stored away. Unread requests of 10,000 connections would be gigabytes otherwise.
    private const int RequestBufferBytes = 32 * 1024;

    /// <summary>Adds the API's settings, Kestrel's limits that follow from them, and the collecting of what <c>/metrics</c> shows.</summary>
    public static IServiceCollection AddDiststoreHttp(this IServiceCollection services, Action<DiststoreHttpOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        services.AddOptions<DiststoreHttpOptions>().Configure(options => configure?.Invoke(options));
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<DiststoreHttpOptions>>(Limit);
        services.Configure<SocketTransportOptions>(static sockets =>
        {
            (sockets.MaxReadBufferSize, sockets.MaxWriteBufferSize) = (RequestBufferBytes, ResponseBufferBytes);

            // A request is taken, and an answer written, where it is, without a hop to another thread. Called unsafe because code that blocks
            // would hold up other connections: there is none, what takes the disk or another node is waited for.
            sockets.UnsafePreferInlineScheduling = true;
        });
        services.AddSingleton(static provider =>
            new ByteBudget(provider.GetRequiredService<IOptions<DiststoreHttpOptions>>().Value.MaxBytesInFlight, Time(provider)));
        services.AddSingleton(static provider =>
            new ConnectionLimit(provider.GetRequiredService<IOptions<DiststoreHttpOptions>>().Value.MaxConnections, Time(provider)));
        services.AddLogging(logging => logging
            // At any other level this category makes an activity and a log scope for each request, which nobody reads.
            .AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None));
        services.AddOpenTelemetry()
            .ConfigureResource(static resource => resource.AddService("diststore", autoGenerateServiceInstanceId: false))
            .WithMetrics(static metrics => metrics.AddMeter("Diststore.*").AddPrometheusExporter());
        return services;
    }

    /// <summary>
    /// Listens on one address and port, for HTTP/1.1 without TLS, with a limit of connections. Port 0 takes a free one.
    /// </summary>
    public static WebApplicationBuilder ListenOn(this WebApplicationBuilder builder, IPAddress address, int port)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(address, port, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            ConnectionLimit limit = listen.ApplicationServices.GetRequiredService<ConnectionLimit>();
            var queue = new RequestQueue();
            listen.Use(next => connection => limit.ServeAsync(connection, next));
            listen.Use(next => connection => queue.ServeAsync(connection, next));
        }));
        return builder;
    }

    /// <summary>
    /// Serves the API of section "HTTP API" on <paramref name="app"/>. It is one terminal middleware that reads the raw request target
    /// itself, because routing would make <c>a%2Fb</c> and <c>a%252Fb</c> the same key and fold <c>..</c>; nothing added after it is reached.
    /// </summary>
    public static void MapDiststore(this IApplicationBuilder app, IDiststore store, INodeAccess nodes)
    {
        ArgumentNullException.ThrowIfNull(app);
        ArgumentNullException.ThrowIfNull(store);
        ArgumentNullException.ThrowIfNull(nodes);
        IServiceProvider services = app.ApplicationServices;
        RefusedRequests.Explain(services.GetRequiredService<DiagnosticListener>());
        var api = new HttpApi(
            store,
            nodes,
            services.GetRequiredService<IOptions<DiststoreHttpOptions>>().Value,
            services.GetRequiredService<ByteBudget>(),
            Metrics(app),
            Time(services),
            services.GetRequiredService<ILogger<HttpApi>>(),
            services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        app.Run(api.InvokeAsync);
    }

    private static TimeProvider Time(IServiceProvider services) => services.GetService<TimeProvider>() ?? TimeProvider.System;

    // On a branch of its own, so that no other request passes it.
    private static RequestDelegate Metrics(IApplicationBuilder app) =>
        app.New().UseOpenTelemetryPrometheusScrapingEndpoint(static _ => true).Build();

    private static void Limit(KestrelServerOptions kestrel, IOptions<DiststoreHttpOptions> http)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = Math.Max(http.Value.MaxFormBytes, JsonBody.MaxBytes);
        // A key of 1,024 bytes is 3,072 characters when every byte is percent-encoded; a listing may name two of them.
        kestrel.Limits.MaxRequestLineSize = 8 * 1024;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024;
        kestrel.Limits.MaxRequestBufferSize = RequestBufferBytes;
        kestrel.Limits.MaxResponseBufferSize = ResponseBufferBytes;
    }
}
