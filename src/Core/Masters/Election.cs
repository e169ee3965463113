namespace Diststore.Core;

/// <summary>Who should be a master: pure functions of what the live nodes said of themselves.</summary>
internal static class Election
{
    /// <summary>
    /// The order of preference: a node whose store holds replicated entries goes before all others, then the most keys,
    /// then the lowest name (ordinal). <paramref name="poster"/> is about to write a key and counts it.
    /// </summary>
    public static IOrderedEnumerable<PingReply> ByPreference(IEnumerable<PingReply> nodes, string? poster = null) =>
        nodes
            .OrderByDescending(static node => node.HoldsReplicated)
            .ThenByDescending(node => node.Keys + (node.Id.Name == poster ? 1 : 0))
            .ThenBy(static node => node.Id.Name, StringComparer.Ordinal);

    /// <summary>
    /// The first view of all, or of a new history; null when it must wait for an operator: two stores hold replicated
    /// entries that nobody can order any more.
    /// </summary>
    public static MasterView? First(IReadOnlyCollection<PingReply> nodes, string? poster, Guid history)
    {
        if (nodes.Count == 0 || nodes.Count(static node => node.HoldsReplicated && node.Id.Durable) > 1)
        {
            return null;
        }

        PingReply[] ordered = [.. ByPreference(nodes, poster)];
        return new MasterView(
            nodes.Max(static node => node.HighestEpoch) + 1,
            history,
            ordered[0].Id,
            ordered.Length > 1 ? ordered[1].Id : null,
            OtherInSync: false);
    }

    /// <summary>Of stores that hold every acknowledged write, the one with the longest log.</summary>
    public static PingReply LongestLog(IEnumerable<PingReply> members) =>
        members.OrderByDescending(static node => node.Last).ThenBy(static node => node.Id.Name, StringComparer.Ordinal).First();

    /// <summary>The live node with the most keys, of those that may be tried.</summary>
    public static MasterId? Learner(IEnumerable<PingReply> nodes, Func<MasterId, bool> mayBeTried) =>
        nodes
            .Where(node => !node.IsLeaving && mayBeTried(node.Id))
            .OrderByDescending(static node => node.Keys)
            .ThenBy(static node => node.Id.Name, StringComparer.Ordinal)
            .FirstOrDefault()?.Id;
}
