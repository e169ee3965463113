namespace Diststore.Core;

/// <summary>
/// Which nodes may hold local-only entries, as one primary has heard in one view: all but those that said "none" to it lately.
/// A node counts as holding none from the moment that it was told by this very table, in an earlier answer, and repeats with
/// its "none": it said so after that, however late it comes, and it counts for a bound. So neither a late question, nor one
/// of a process that is no more, nor one that was told something by another primary makes a node count as holding none for
/// longer than it knows. For the node's scheduler.
/// </summary>
/// <param name="id">Random.</param>
/// <param name="time">The node's clock.</param>
/// <param name="bound">How long a "none" counts.</param>
internal sealed class LocalHolderTable(long id, TimeProvider time, TimeSpan bound)
{
    /// <summary>The most nodes that an answer names; where there are more, whoever asks asks all.</summary>
    public const int MaxNamed = 1024;

    /// <summary>The most nodes that are remembered; of what the others say nothing counts, so they are named.</summary>
    public const int MaxHeard = 2 * MaxNamed;

    private readonly Dictionary<string, Heard> _heard = new(StringComparer.Ordinal);

    /// <summary>What to tell a node that says something.</summary>
    public ToldMoment Now => new(id, time.GetTimestamp());

    /// <summary>Takes what a node says.</summary>
    public void Hear(LocalSaying saying)
    {
        bool isSame = _heard.TryGetValue(saying.Node, out Heard last) && last.Process == saying.Process;
        if (isSame ? saying.Number <= last.Number : !HasRoomFor(saying.Node))
        {
            return;
        }

        long? noneSince = !saying.HoldsAny && isSame && saying.Told.Table == id ? saying.Told.At : null;
        _heard[saying.Node] = new Heard(saying.Process, saying.Number, saying.HoldsAny, noneSince, time.GetTimestamp());
    }

    /// <summary>Those that may hold any: members, and who says so and is no member yet. Null where they are too many to name.</summary>
    public string[]? Name(IReadOnlyList<string> members, string self, bool selfHoldsAny)
    {
        var named = new List<string>();
        foreach (string member in members)
        {
            if (member == self ? selfHoldsAny : !HasNone(member))
            {
                named.Add(member);
            }
        }

        named.AddRange(_heard
            .Where(heard => heard.Value.HoldsAny && IsRecent(heard.Value) && !members.Contains(heard.Key))
            .Select(static heard => heard.Key));
        return named.Count <= MaxNamed ? [.. named] : null;
    }

    private bool HasNone(string node) =>
        _heard.TryGetValue(node, out Heard heard) && heard.NoneSince is { } since && time.GetElapsedTime(since) <= bound;

    private bool IsRecent(in Heard heard) => time.GetElapsedTime(heard.At) <= bound;

    private bool HasRoomFor(string node)
    {
        if (_heard.Count < MaxHeard || _heard.ContainsKey(node))
        {
            return true;
        }

        foreach ((string name, Heard heard) in _heard)
        {
            if (!IsRecent(heard))
            {
                _heard.Remove(name);
            }
        }

        return _heard.Count < MaxHeard;
    }

    private readonly record struct Heard(Guid Process, long Number, bool HoldsAny, long? NoneSince, long At);
}
