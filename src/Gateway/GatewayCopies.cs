using System.Diagnostics.Metrics;
using Diststore.Core;

namespace Diststore.Gateway;

/// <summary>The copies of a gateway, if it keeps any.</summary>
/// <param name="Reader">The copies; <see langword="null"/> where it keeps none.</param>
/// <param name="Name">The gateway's name.</param>
/// <param name="Bound">How old what is shown may be by default.</param>
internal sealed record GatewayCopies(CopyReader? Reader, string Name, TimeSpan Bound)
{
    /// <summary>No copies.</summary>
    public static GatewayCopies None { get; } = new(null, "", TimeSpan.Zero);

    /// <summary>Makes what the settings say.</summary>
    public static GatewayCopies Of(GatewaySettings settings, TimeProvider time) => new(
        settings.CopiesMaxBytes == 0 ? null : new CopyReader(settings.CopiesMaxBytes, settings.CopiesTimeToLive, time),
        settings.NodeName,
        settings.MaxStaleness);

    /// <summary>Shows how many copies there are, what they cost and up to where they follow.</summary>
    public void Observe(IMeterFactory meters)
    {
        if (Reader is { } reader)
        {
            Meter meter = meters.CreateFor(Name, "Diststore.Gateway");
            KeyValuePair<string, object?> tag = NodeMeters.TagOf(Name);
            meter.CreateObservableGauge(
                "diststore.copies.entries", () => new Measurement<long>(reader.Count, tag), "{entry}", "Copies that the gateway keeps.");
            meter.CreateObservableGauge("diststore.copies.size", () => new Measurement<long>(reader.Bytes, tag), "By", "What the copies cost.");
            meter.CreateObservableGauge(
                "diststore.sequence.followed", () => new Measurement<long>(reader.Now.Followed?.Sequence ?? 0, tag), null,
                "The last sequence that the gateway has followed the changes to.");
        }
    }

    /// <summary>Follows the cluster until it is told to stop.</summary>
    public Task FollowAsync(CopyUpstream upstream, TimeProvider time, CancellationToken stopping) =>
        Reader is null ? Task.CompletedTask : new CopyFollower(Reader, Bound, time, upstream.AskAsync).RunAsync(stopping);
}
