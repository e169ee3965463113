namespace Diststore.Core;

/// <summary>What came of asking for many keys as the primary has them at one moment.</summary>
public enum SnapshotStatus
{
    /// <summary>They are given.</summary>
    Given = 0,

    /// <summary>The asked node is not surely the primary.</summary>
    CannotTell = 1,

    /// <summary>It reads and holds as many as it may already.</summary>
    Busy = 2,

    /// <summary>Each time it looked, the time of some of them was up and their deletes had to be ordered first.</summary>
    NotSettled = 3,
}

/// <summary>
/// Many keys as the primary had them at one moment: the entries of the first ones, about as many bytes as one message carries
/// (<see cref="Batches.MaxAnswerBytes"/>). The rest of the same moment is held for a while at the node that is named, see
/// <see cref="IPeer.ReadRestAsync"/>.
/// </summary>
/// <param name="Status">Whether they are given.</param>
/// <param name="Entries">The first entries, tombstones included; <see langword="null"/> where there is none.</param>
/// <param name="Count">How many there are, the rest included.</param>
/// <param name="Node">Who holds the rest.</param>
/// <param name="Rest">What the rest goes by, where there is one.</param>
/// <param name="Age">How long ago this was surely the cluster's state.</param>
/// <param name="View">The newest view known, where the asked node cannot tell.</param>
[GenerateSerializer, Immutable, Alias("diststore.snapshotrep")]
public sealed record SnapshotReply(
    [property: Id(0)] SnapshotStatus Status,
    [property: Id(1)] Entry?[] Entries,
    [property: Id(2)] int Count,
    [property: Id(3)] string Node,
    [property: Id(4)] Guid Rest = default,
    [property: Id(5)] TimeSpan Age = default,
    [property: Id(6)] MasterView? View = null)
{
    /// <summary>Without entries.</summary>
    internal static SnapshotReply Without(SnapshotStatus status, string node, MasterView? view = null) => new(status, [], 0, node, View: view);

    /// <summary>
    /// All entries: those of the reply, and the rest, part by part, from who holds it. Null where a part did not come.
    /// </summary>
    /// <param name="ask">Asks the named node for the part of what goes by that id from that index on.</param>
    internal async Task<IReadOnlyList<Entry?>?> GatherAsync(Func<string, Guid, int, Task<SnapshotPart?>> ask)
    {
        var entries = new List<Entry?>(Entries);
        while (entries.Count < Count)
        {
            if (await ask(Node, Rest, entries.Count) is not { Entries.Length: > 0 } part)
            {
                return null;
            }

            entries.AddRange(part.Entries);
        }

        return entries;
    }
}

/// <summary>Some of what is held of one moment; nothing where it is not held any more.</summary>
/// <param name="Entries">The entries from the asked index on.</param>
[GenerateSerializer, Immutable, Alias("diststore.snapshotpart")]
public sealed record SnapshotPart([property: Id(0)] Entry?[] Entries);
