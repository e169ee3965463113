using Microsoft.Extensions.Options;
using Orleans.Configuration;

namespace Diststore.Silo;

/// <summary>
/// Puts the membership back when its server has lost it under live silos (a Redis that was flushed, or came back from an older state). A
/// silo writes its row when it joins and never again, and takes no table for newer whose version is lower than the one it knows: the
/// silos would go on, but one that starts then, and every gateway, would see none of them. So each silo writes its own row again.
/// Once those of all are there, one of them counts the table's version up beyond the one that was known, and all read it. Nobody
/// has to leave for that, and no role moves; a silo that joined the empty table meanwhile is joined by the others.
/// </summary>
internal sealed partial class MembershipKeeper(
    IMembershipTable table,
    IClusterMembershipService membership,
    LocalSilo local,
    IOptions<ClusterOptions> cluster,
    [FromKeyedServices(TimeProviderNames.Membership)] TimeProvider time,
    ILogger<MembershipKeeper> logger) : BackgroundService
{
    /// <summary>Between two looks.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    /// <summary>How long the rows of the others are waited for: one that has died meanwhile writes none.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    /// <summary>Steps of the version that are made up for. A cluster takes some five for each start of a silo.</summary>
    public const int MaxSteps = 1_000_000;

    private readonly DateTime _began = time.GetUtcNow().UtcDateTime;
    private long _lostAt; // when the table was first seen to lack it; 0: it does not
    private bool _isSilent; // the server does not answer, which was said

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync();
                _isSilent = false;
            }
            catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
            {
                // Nothing depends on it: the next look comes.
                if (!_isSilent)
                {
                    _isSilent = true;
                    LogSilent(exception.GetBaseException().Message.Split('\n')[0]);
                }
            }
        }
    }

    /// <summary>Looks once, and does what is to be done.</summary>
    internal async Task LookAsync()
    {
        MembershipTableData rows = await ReadAsync();
        MembershipEntry? own = rows.TryGet(local.SiloAddress)?.Item1;
        ClusterMembershipSnapshot known = membership.CurrentSnapshot;
        bool isActive = known.GetSiloStatus(local.SiloAddress) == SiloStatus.Active;

        // A newer table without this silo says that it was declared dead; that is for Orleans to act on.
        bool isLost = own is null ? rows.Version.Version <= known.Version.Value : rows.Version.Version < known.Version.Value;
        if (!isActive || !isLost)
        {
            _lostAt = 0;
            if (rows.Version.Version > known.Version.Value)
            {
                await membership.Refresh(new MembershipVersion(rows.Version.Version));
            }

            return;
        }

        if (_lostAt == 0)
        {
            _lostAt = time.GetTimestamp();
            LogLost(rows.Version.Version, known.Version.Value);
        }

        if (own is null)
        {
            if (rows.Version.Version >= known.Version.Value && Live(known).Any(silo => !silo.Equals(local.SiloAddress) && rows.TryGet(silo) is null))
            {
                // The rows went and the version stayed. A table beyond the version that all know, without the rows of the others, would tell them
                // that they are dead; so it is written from its beginning, like one that was flushed.
                await table.DeleteMembershipTableEntriesAsync(cluster.Value.ClusterId);
                rows = await ReadAsync();
            }

            await table.InsertRowAsync(OwnRow(), rows.Version.Next()); // where somebody else was quicker, the next look tries again
        }
        else if (IsMyTurn(rows, known))
        {
            await CountUpAsync(known.Version.Value);
        }
    }

    // A server that was emptied has no table at all.
    private async Task<MembershipTableData> ReadAsync()
    {
        try
        {
            return await table.ReadAllAsync();
        }
        catch (Exception)
        {
            await table.InitializeMembershipTableAsync(true);
            return await table.ReadAllAsync();
        }
    }

    // As Orleans writes it when a silo joins.
    private MembershipEntry OwnRow() => new()
    {
        SiloAddress = local.SiloAddress,
        HostName = local.DnsHostName,
        SiloName = local.Name,
        Status = SiloStatus.Active,
        ProxyPort = local.GatewayAddress?.Endpoint.Port ?? 0,
        RoleName = nameof(Diststore),
        SuspectTimes = [],
        StartTime = _began,
        IAmAliveTime = time.GetUtcNow().UtcDateTime,
    };

    // All live silos have their rows, or have had the time to; of several the one with the lowest address begins.
    private bool IsMyTurn(MembershipTableData rows, ClusterMembershipSnapshot known)
    {
        SiloAddress[] live = [.. Live(known).Order()];
        bool isLate = time.GetElapsedTime(_lostAt) > Patience;
        return isLate || (live[0].Equals(local.SiloAddress) && live.All(silo => rows.TryGet(silo) is not null));
    }

    private static IEnumerable<SiloAddress> Live(ClusterMembershipSnapshot known) =>
        known.Members.Values.Where(static member => member.Status == SiloStatus.Active).Select(static member => member.SiloAddress);

    private async Task CountUpAsync(long known)
    {
        for (int steps = 0; steps < MaxSteps; steps++)
        {
            MembershipTableData row = await table.ReadRowAsync(local.SiloAddress);
            if (row.TryGet(local.SiloAddress) is not { } own)
            {
                return; // lost again
            }

            if (row.Version.Version > known)
            {
                await membership.Refresh(new MembershipVersion(row.Version.Version));
                LogBack(row.Version.Version);
                return;
            }

            await table.UpdateRowAsync(own.Item1, own.Item2, row.Version.Next());
        }

        throw new InvalidOperationException($"the membership's version did not get beyond {known} in {MaxSteps} steps");
    }

    [LoggerMessage(EventId = 3101, Level = LogLevel.Warning, Message =
        "The membership was lost by its server: it stands at version {Version}, this silo knows {Known}. The silos write it again")]
    private partial void LogLost(int version, long known);

    [LoggerMessage(EventId = 3102, Level = LogLevel.Information, Message = "The membership is back, at version {Version}")]
    private partial void LogBack(int version);

    [LoggerMessage(EventId = 3103, Level = LogLevel.Warning, Message = "The membership's server does not answer: {Reason}")]
    private partial void LogSilent(string reason);
}
