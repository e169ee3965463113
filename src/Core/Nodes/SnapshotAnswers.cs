namespace Diststore.Core;

/// <summary>
/// Many keys as this node, the primary, has them at one moment, for whoever asks: what does not fit into one message is held until it was
/// asked for, or nobody has asked for a while. For the node's scheduler.
/// </summary>
internal sealed class SnapshotAnswers(NodeContext context, Partition partition)
{
    /// <summary>States that are read at once. Each has at most one answer's bytes of values, or one value.</summary>
    public const int MaxReading = 16;

    /// <summary>Those that wait for their turn, each for at most a reply's time.</summary>
    public const int MaxWaiting = 1024;

    /// <summary>States whose rest is held; who asks for more than one message carries beyond them is refused.</summary>
    public const int MaxHeld = 16;

    private readonly Dictionary<Guid, Held> _held = [];
    private readonly Turns _turns = new(MaxReading, MaxWaiting, context.Settings.ReplyTimeout, context.Time);

    // For how long the rest is held after somebody asked for some of it: who waits for an answer longer than this has given up.
    private TimeSpan IdleLimit => 4 * context.Settings.ReplyTimeout;

    /// <summary>Reads them all, for this very node.</summary>
    public Task<SnapshotReply> ReadAsync(ManyQuery query) => _turns.RunAsync(
        async () => partition.Primary is { } primary
            ? await primary.Reads.ReadSnapshotAsync(query)
            : SnapshotReply.Without(SnapshotStatus.CannotTell, context.Settings.Name, partition.Views.Newest),
        () => SnapshotReply.Without(SnapshotStatus.Busy, context.Settings.Name));

    /// <summary>Reads them all, and gives the first part; the rest is held.</summary>
    public async Task<SnapshotReply> AnswerAsync(ManyQuery query)
    {
        SnapshotReply whole = await ReadAsync(query);
        Entry?[] first = Part(whole.Entries, 0);
        if (first.Length == whole.Entries.Length)
        {
            return whole;
        }

        if (_held.Count >= MaxHeld)
        {
            return SnapshotReply.Without(SnapshotStatus.Busy, context.Settings.Name);
        }

        var held = new Held(Ids.Next(context.Random), whole.Entries) { AskedAt = context.Time.GetTimestamp() };
        _held.Add(held.Id, held);
        context.Watch(ForgetWhenIdleAsync(held));
        return whole with { Entries = first, Rest = held.Id };
    }

    /// <summary>The part from that index on; nothing where it is not held (any more).</summary>
    public SnapshotPart ReadRest(Guid id, int from)
    {
        if (!_held.TryGetValue(id, out Held? held) || from < 0 || from >= held.Entries.Length)
        {
            return new SnapshotPart([]);
        }

        Entry?[] part = Part(held.Entries, from);
        held.AskedAt = context.Time.GetTimestamp();
        if (from + part.Length == held.Entries.Length)
        {
            _held.Remove(id);
        }

        return new SnapshotPart(part);
    }

    private static Entry?[] Part(Entry?[] entries, int from)
    {
        long bytes = 0;
        return [.. entries.Skip(from).TakeWhile((entry, i) => (bytes += entry?.SizeBytes ?? 0) <= Batches.MaxAnswerBytes || i == 0)];
    }

    private async Task ForgetWhenIdleAsync(Held held)
    {
        while (_held.ContainsKey(held.Id))
        {
            await context.Delay(IdleLimit);
            if (context.Time.GetElapsedTime(held.AskedAt) >= IdleLimit)
            {
                _held.Remove(held.Id);
            }
        }
    }

    private sealed record Held(Guid Id, Entry?[] Entries)
    {
        public long AskedAt { get; set; }
    }
}
