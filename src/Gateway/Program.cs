using System.Net.Sockets;
using Diststore.Gateway;
using Diststore.Http;
using Diststore.Logging;
using Microsoft.Extensions.Configuration.Memory;

// The stand-alone gateway: the HTTP API over an Orleans client.
using var output = LineOutput.ToStandardOutput();
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(args);
builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource { InitialData = GatewaySettings.LoggingDefaults });
if (!GatewaySettings.TryRead(builder.Configuration.GetSection("Diststore"), out GatewaySettings? settings, out string? problem)
    || (problem = await StartChecks.ProblemWithServerAsync(settings.Cluster)) is not null)
{
    return StartChecks.Refuse(problem);
}

builder.Logging.ClearProviders().AddProvider(new LineLoggerProvider(output, TimeProvider.System));
builder.Services.AddDiststoreHttp(http =>
{
    (http.MaxValueBytes, http.Tokens, http.AllowedHosts) = (settings.MaxValueBytes, settings.Tokens, settings.AllowedHosts);
    (http.MaxConnections, http.MaxBytesInFlight, http.MaxChangeStreams) = (settings.MaxConnections, settings.MaxBytesInFlight, settings.MaxStreams);
});
builder.Services.AddSingleton(settings).AddSingleton(TimeProvider.System);
builder.Services.AddSingleton<LiveNodes>().AddSingleton<ClusterDiststore>();
builder.Services.AddHostedService<ClusterConnection>();
builder.ListenOn(settings.Address, settings.HttpPort);

// An answer is written where it is made, without a hop to another thread. Called unsafe because code that blocks would hold up other
// connections: the gateway has none, all it does is to wait for nodes.
builder.WebHost.UseSockets(static sockets => sockets.UnsafePreferInlineScheduling = true);

await using WebApplication app = builder.Build();
var store = app.Services.GetRequiredService<ClusterDiststore>();
app.MapDiststore(store, store);
try
{
    await app.StartAsync();
}
catch (Exception exception) when (exception is IOException or SocketException)
{
    return StartChecks.Refuse($"cannot listen on {settings.Address}:{settings.HttpPort} (Diststore:Node:Address, Diststore:Http:Port): {exception.Message}");
}

output.WriteLine($"Diststore gateway on {string.Join(' ', app.Urls)}, cluster {settings.ClusterId} by {settings.Cluster.Provider}. Ctrl-C stops it.");
await app.WaitForShutdownAsync();
return 0;
