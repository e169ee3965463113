using System.Globalization;

namespace Diststore.Silo;

/// <summary>
/// The membership of silos that all run in this process. It belongs to none of them, so any of them may come and go.
/// The rules are those of every membership table: a row changes only with its ETag and the table's, which each change renews.
/// </summary>
internal sealed class SharedMembershipTable : IMembershipTable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<SiloAddress, (MembershipEntry Entry, string ETag)> _rows = []; // guarded by _gate
    private TableVersion _version = new(0, "0"); // guarded by _gate
    private long _lastETag; // guarded by _gate

    public Task InitializeMembershipTable(bool tryInitTableVersion) => Task.CompletedTask;

    public Task DeleteMembershipTableEntries(string clusterId)
    {
        lock (_gate)
        {
            _rows.Clear();
        }

        return Task.CompletedTask;
    }

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate)
    {
        lock (_gate)
        {
            foreach ((SiloAddress silo, (MembershipEntry entry, _)) in _rows.ToArray())
            {
                DateTime lastSign = entry.IAmAliveTime > entry.StartTime ? entry.IAmAliveTime : entry.StartTime;
                if (entry.Status == SiloStatus.Dead && lastSign < beforeDate.UtcDateTime)
                {
                    _rows.Remove(silo);
                }
            }
        }

        return Task.CompletedTask;
    }

    public Task<MembershipTableData> ReadRow(SiloAddress key)
    {
        lock (_gate)
        {
            return Task.FromResult(_rows.TryGetValue(key, out var row)
                ? new MembershipTableData(Tuple.Create(Copy(row.Entry), row.ETag), _version)
                : new MembershipTableData(_version));
        }
    }

    public Task<MembershipTableData> ReadAll()
    {
        lock (_gate)
        {
            return Task.FromResult(new MembershipTableData([.. _rows.Values.Select(static row => Tuple.Create(Copy(row.Entry), row.ETag))], _version));
        }
    }

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion)
    {
        lock (_gate)
        {
            return Task.FromResult(!_rows.ContainsKey(entry.SiloAddress) && TryWrite(entry, tableVersion));
        }
    }

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion)
    {
        lock (_gate)
        {
            return Task.FromResult(_rows.TryGetValue(entry.SiloAddress, out var row) && row.ETag == etag && TryWrite(entry, tableVersion));
        }
    }

    public Task UpdateIAmAlive(MembershipEntry entry)
    {
        lock (_gate)
        {
            if (_rows.TryGetValue(entry.SiloAddress, out var row))
            {
                MembershipEntry alive = Copy(row.Entry);
                alive.IAmAliveTime = entry.IAmAliveTime;
                _rows[entry.SiloAddress] = (alive, row.ETag);
            }
        }

        return Task.CompletedTask;
    }

    private bool TryWrite(MembershipEntry entry, TableVersion version)
    {
        if (version.VersionEtag != _version.VersionEtag)
        {
            return false;
        }

        _rows[entry.SiloAddress] = (Copy(entry), NextETag());
        _version = new TableVersion(version.Version, NextETag());
        return true;
    }

    private string NextETag() => (++_lastETag).ToString(CultureInfo.InvariantCulture);

    // Silos change the entries that they are given and gave.
    private static MembershipEntry Copy(MembershipEntry entry) => new()
    {
        SiloAddress = entry.SiloAddress,
        Status = entry.Status,
        SuspectTimes = entry.SuspectTimes is null ? null : [.. entry.SuspectTimes],
        ProxyPort = entry.ProxyPort,
        HostName = entry.HostName,
        SiloName = entry.SiloName,
        RoleName = entry.RoleName,
        UpdateZone = entry.UpdateZone,
        FaultZone = entry.FaultZone,
        StartTime = entry.StartTime,
        IAmAliveTime = entry.IAmAliveTime,
    };
}
