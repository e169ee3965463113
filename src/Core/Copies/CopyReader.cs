using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>
/// Answers bounded reads from copies: what a node that is no master does, and a gateway. It follows somebody upstream who tells what has
/// changed, a node the primary, a gateway any node; who asks them, and how, is not its business. Reads come from any thread and take no
/// lock; whoever changes something takes one.
/// <para>
/// A reader takes how fresh the copies are first and the value after it; a writer drops what is old first and says after it how fresh the
/// rest is. So no value is older than what is said of it.
/// </para>
/// </summary>
internal sealed class CopyReader
{
    private readonly Lock _writing = new();
    private readonly TimeProvider _time;
    private readonly CopyTable _table; // written under _writing
    private readonly CopyKeeper _keeper; // under _writing
    private volatile Standing _standing = Standing.Nothing; // set under _writing

    /// <summary>Without copies, following nobody.</summary>
    /// <param name="maxBytes">The copies' budget, in <see cref="Entry.SizeBytes"/>.</param>
    /// <param name="timeToLive">How long a copy is shown at most.</param>
    /// <param name="time">The clock.</param>
    public CopyReader(long maxBytes, TimeSpan timeToLive, TimeProvider time)
    {
        _time = time;
        _table = new CopyTable(maxBytes, timeToLive, time);
        _keeper = new CopyKeeper(_table);
    }

    /// <summary>Up to where the upstream's changes are followed, and how fresh the copies are.</summary>
    public Standing Now => _standing;

    /// <summary>Misses under way.</summary>
    public Flights<(string Key, ReadScope Scope, bool KeepsNoCopy), ReadResult> Misses { get; } = new();

    /// <summary>How many copies there are.</summary>
    public int Count => _table.Count;

    /// <summary>What they cost, in <see cref="Entry.SizeBytes"/>.</summary>
    public long Bytes => _table.Bytes;

    /// <summary>Their keys, in no order.</summary>
    public IEnumerable<string> Keys => _table.Keys;

    /// <summary>What there is of that key, and how fresh it is.</summary>
    public HeldEntry Look(string key)
    {
        Standing standing = _standing;
        _table.TryGet(key, out Entry? copy, out TimeSpan? life);
        return new HeldEntry(copy, standing.CurrentAsOf.Age(_time), standing.Followed ?? LogPoint.Zero, standing.History, life);
    }

    /// <summary>
    /// Takes what the upstream has told. Of several questions under way after a change an answer to an earlier one does not continue here, and
    /// is not taken. Only what tells everything makes the copies current.
    /// </summary>
    /// <param name="asked">Where this reader stood when it asked.</param>
    /// <param name="news">What was told.</param>
    /// <param name="currentAsOf">When it was asked, less the age that was told.</param>
    /// <returns>What became of it.</returns>
    public Followed Follow(Standing asked, in News news, AsOf currentAsOf)
    {
        lock (_writing)
        {
            if (_standing.Followed != asked.Followed || _standing.History != asked.History)
            {
                return Followed.NotTaken;
            }

            bool jumps = _keeper.Follow(news);
            AsOf before = jumps ? AsOf.Never : _standing.CurrentAsOf;
            _standing = new Standing(news.History, _keeper.Followed, news.IsWhole ? AsOf.Later(before, currentAsOf) : before);
            return jumps ? Followed.Jumped : Followed.GoneOn;
        }
    }

    /// <summary>Keeps what was fetched, or written from here, if it is surely not outdated; see <see cref="CopyKeeper.Keep"/>.</summary>
    public bool Keep(Entry entry, Guid history, LogPoint currentAt, TimeSpan? life)
    {
        lock (_writing)
        {
            return _keeper.Keep(entry, history, currentAt, life);
        }
    }

    /// <summary>
    /// A write from here was answered: if it was acknowledged, what it wrote is kept where that is surely not outdated; whatever was kept
    /// before is older and goes.
    /// </summary>
    /// <param name="transaction">What was asked for.</param>
    /// <param name="result">What became of it.</param>
    /// <param name="since">The time since it was sent: what expires has less of it left.</param>
    public void OnWritten(Transaction transaction, in WriteResult result, TimeSpan since)
    {
        // Of what was done by an earlier request, only the others tell.
        if (!result.IsAcknowledged || result.IsReplay)
        {
            return;
        }

        for (int i = 0; i < transaction.Operations.Length; i++)
        {
            LogPoint version = result.Results is { } results ? results[i].Version : result.Version;
            if (version != LogPoint.Zero)
            {
                OnWritten(transaction.Operations[i], result.History, version, since);
            }
        }
    }

    // What a touch or an addition makes is known to the masters only, and when something ends at a given time by their clock.
    private void OnWritten(Write write, Guid history, LogPoint version, TimeSpan since)
    {
        bool isKnown = write is { Kind: WriteKind.Store, Value: not null, ExpiresAt: null };
        if (!isKnown || !Keep(new Entry(write.Key, write.Value, write.ContentType, version), history, currentAt: version, write.TimeToLive - since))
        {
            OnChanged(new ChangedKey(write.Key, version));
        }
    }

    /// <summary>Whether a newer change of the key is known here.</summary>
    public bool IsOutdated(Entry entry)
    {
        lock (_writing)
        {
            return _keeper.IsOutdated(entry);
        }
    }

    /// <summary>A key has changed, as a hint or an own write says: an older copy goes, and an older value on its way will not be kept.</summary>
    public void OnChanged(ChangedKey change)
    {
        lock (_writing)
        {
            _keeper.OnChanged(change);
        }
    }

    /// <summary>Gives back the room of what has expired.</summary>
    public void DropExpired()
    {
        lock (_writing)
        {
            _table.DropExpired();
        }
    }

    /// <summary>Drops all copies; until the upstream has told something again nothing is kept or shown.</summary>
    public void Forget()
    {
        lock (_writing)
        {
            _keeper.Forget();
            _standing = Standing.Nothing with { History = _keeper.History };
        }
    }

    /// <summary>What became of an answer of the upstream.</summary>
    internal enum Followed
    {
        /// <summary>It was of a question from another point.</summary>
        NotTaken = 0,

        /// <summary>The copies follow it.</summary>
        GoneOn = 1,

        /// <summary>All copies are gone.</summary>
        Jumped = 2,
    }

    /// <summary>Where a reader of copies stands.</summary>
    /// <param name="History">The history that the point belongs to.</param>
    /// <param name="Followed">Up to where it follows; <see langword="null"/> before it was told anything.</param>
    /// <param name="CurrentAsOf">When the copies were surely the cluster's state.</param>
    internal sealed record Standing(Guid History, LogPoint? Followed, AsOf CurrentAsOf)
    {
        public static Standing Nothing { get; } = new(Guid.Empty, null, AsOf.Never);
    }
}

/// <summary>What an upstream tells of its changes.</summary>
/// <param name="History">The history that they are of.</param>
/// <param name="Changes">What changed after the asked point, ascending, up to <paramref name="Upto"/>.</param>
/// <param name="Upto">Up to where this is complete.</param>
/// <param name="IsWhole">Whether that is all.</param>
/// <param name="Jumps">Whether the asked point is of no use: all copies go, and it goes on from <paramref name="Upto"/>.</param>
internal readonly record struct News(Guid History, ImmutableArray<ChangedKey> Changes, LogPoint Upto, bool IsWhole, bool Jumps);
