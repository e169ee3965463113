using System.Diagnostics.Metrics;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Diststore.Gateway;
using Diststore.Http;
using Diststore.Logging;
using Diststore.Settings;

// The stand-alone gateway: the HTTP API over an Orleans client.
if (CommandLine.AsksForHelp(args))
{
    Console.WriteLine(GatewaySettings.Help());
    return 0;
}

using var output = LineOutput.ToStandardOutput();
GatewaySettings settings;
IConfiguration configuration;
try
{
    (settings, configuration) = GatewaySettings.Read(args);
}
catch (StartException exception)
{
    return StartChecks.Refuse(exception.Message);
}

if (await StartChecks.ProblemWithServerAsync(settings.Cluster) is { } problem)
{
    return StartChecks.Refuse(problem);
}

WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "Diststore.Gateway" });
builder.Configuration.AddConfiguration(configuration);
builder.Logging.AddConfiguration(configuration.GetSection("Logging")).AddProvider(new LineLoggerProvider(output, TimeProvider.System));
builder.WebHost.UseKestrelCore();
builder.Services.AddDiststoreHttp(settings.ApplyTo);
builder.Services.AddSingleton(settings).AddSingleton(TimeProvider.System);
builder.Services.AddSingleton(GatewayCopies.Of(settings, TimeProvider.System));
builder.Services.AddSingleton<LiveNodes>().AddSingleton<ClusterDiststore>();
builder.Services.AddHostedService<ClusterConnection>();
builder.ListenOn(settings.Address, settings.HttpPort);

await using WebApplication app = builder.Build();

// A terminal that closes stops it as Ctrl-C does.
using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
{
    signal.Cancel = true;
    app.Lifetime.StopApplication();
});
app.Services.GetRequiredService<GatewayCopies>().Observe(app.Services.GetRequiredService<IMeterFactory>());
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
