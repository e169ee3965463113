using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// The primary: orders all writes, has them persisted here and at the other in-sync master, applies and answers them.
/// One object for as long as the node goes on as primary, across epochs. This type puts the parts together and says what follows
/// from what; each part has its own state. For the node's scheduler.
/// </summary>
internal sealed class PrimaryRole
{
    private readonly NodeContext _context;
    private readonly Partition _partition;
    private readonly Action<Batch> _onApplied;
    private readonly PrimaryStanding _standing;
    private readonly PrimaryLog _log;
    private readonly Confirmation _confirmation;
    private readonly WriteOrder _writes;
    private readonly ExpirySweep _expiry;

    /// <param name="context">What the node works with.</param>
    /// <param name="partition">What this is the primary of.</param>
    /// <param name="view">The first view that it is the primary in.</param>
    /// <param name="onApplied">Called with each batch that is committed and applied.</param>
    public PrimaryRole(NodeContext context, Partition partition, MasterView view, Action<Batch> onApplied)
    {
        _context = context;
        _partition = partition;
        _onApplied = onApplied;
        _standing = new PrimaryStanding(context, partition, view);
        _log = new PrimaryLog(context, _standing, Advance, OnLogApplied);
        Other = new OtherMaster(context, partition, _standing, _log, Advance);
        _confirmation = new Confirmation(context, partition, _standing, Other);
        _writes = new WriteOrder(context, _standing, _log, _confirmation, OnOrdered, OnApplied);
        _expiry = new ExpirySweep(context, _standing, _writes);
        Memories = new MemoryRetention(context, _standing, _log, _writes);
        Watchers = new ChangeWatch(context, _standing, _log);
        Followers = new FollowSource(context, partition, _standing, _log, _confirmation);
        Reads = new PrimaryReads(context, partition, _standing, _log, _confirmation, _expiry, Followers);
        Listings = new PrimaryListings(context, _standing, _confirmation);
        Deletes = new PrimaryDeletes(context, _standing, _writes);
    }

    /// <summary>The other master: in sync, or a learner on its way there.</summary>
    public OtherMaster Other { get; }

    /// <summary>What only a primary may say of keys.</summary>
    public PrimaryReads Reads { get; }

    /// <summary>Its pages of keys.</summary>
    public PrimaryListings Listings { get; }

    /// <summary>Its deletes by prefix.</summary>
    public PrimaryDeletes Deletes { get; }

    /// <summary>How long it remembers requests.</summary>
    public MemoryRetention Memories { get; }

    /// <summary>What it tells the nodes that follow.</summary>
    public FollowSource Followers { get; }

    /// <summary>What it tells those who watch.</summary>
    public ChangeWatch Watchers { get; }

    /// <summary>Whether it may answer as primary: all that it took over is applied.</summary>
    public bool IsReady => _standing.IsReady;

    /// <summary>Whether its store has failed and it goes on as the last in-sync member, without writes.</summary>
    public bool IsBroken => _standing.Broken is not null;

    /// <summary>Whether writes are acknowledged now, as far as this node knows.</summary>
    public bool TakesWrites => _standing.TakesWrites;

    /// <summary>Begins to order.</summary>
    public void Start()
    {
        _context.Watch(_writes.RunAsync());
        _context.Watch(_expiry.RunAsync());
        _context.Watch(Memories.RunAsync());
    }

    /// <summary>Goes on under a new view, in which this node is the primary again (or for the first time).</summary>
    public void Enter(MasterView view)
    {
        _standing.Enter(view);
        Followers.Enter();
        Other.Enter(view);
        Advance();

        // What waited while the former view was known to be over may have no later write to set it going.
        _writes.Wake();
    }

    /// <summary>Takes a write. Completes once it is acknowledged, refused or given up.</summary>
    public Task<WriteReply> WriteAsync(WriteRequest request) => _writes.WriteAsync(request);

    /// <summary>Whether this node was still the primary at some moment after this call; see <see cref="Confirmation"/>.</summary>
    public Task<bool> ConfirmAsync() => _confirmation.ConfirmAsync();

    /// <summary>
    /// Orders nothing more, waits until all that was ordered is acknowledged, and asks the registry to change places with the
    /// other in-sync master. From the asking on nothing is ordered until a higher epoch is seen, whatever the answer says.
    /// False where there is none in sync, or the view changed before it was asked.
    /// </summary>
    public async Task<bool> HandOverAsync()
    {
        MasterView view = _standing.View;

        // Not begun while the registry does not answer: it could not be ended then.
        if (!MayHandOver() || await _context.AskRegistryAsync(static r => r.ReadAsync()) is null || !MayHandOver())
        {
            return false;
        }

        _standing.BeginHandOver();
        _context.Log.HandingOver(view.Other!);
        while (IsStill() && !_writes.IsIdle)
        {
            await Watchers.WaitForChangeAsync(_context.Settings.ReplyTimeout);
        }

        if (!IsStill())
        {
            return false;
        }

        await _standing.UntilHigherEpochAsync(view, static () => true, r => r.HandOverAsync(view.Epoch, _context.Self));
        return true;

        bool IsStill() => !_standing.HasEnded && _standing.View == view;

        bool MayHandOver() => _standing.View == view && view.OtherInSync && _standing.MayOrder;
    }

    /// <summary>The role is lost: everybody who waits hears so at once.</summary>
    public void End()
    {
        _standing.End();
        _writes.FailAll("the primary changed before the write was acknowledged", WriteStatus.NotPrimary);
        Watchers.Release();
        Other.End();
    }

    /// <summary>
    /// The store takes no more writes. The last in-sync member has nobody to give its role to: it refuses writes and goes
    /// on showing what it has, since a failed write is never tried again; it takes no learner and asks the registry for nothing,
    /// since it could not persist the view that it would get. False when there is another in-sync member.
    /// </summary>
    public bool TryBreak(StoreFailedException reason)
    {
        if (_standing.View.OtherInSync || _standing.HasEnded)
        {
            return false;
        }

        if (!IsBroken)
        {
            _standing.Break("the store of the last master in sync has failed; it serves reads until it is restarted");
            _context.Log.StoreBroken(reason);
            Other.GiveUpLearner();
        }

        _writes.FailAll(_standing.Broken!, WriteStatus.Refused);
        return true;
    }

    // At the same time here and there.
    private void OnOrdered(Batch batch)
    {
        _context.Watch(_log.PersistAsync(batch));
        Other.Pump();
    }

    // Somebody has persisted more, or is needed no more, or the view is another one.
    private void Advance()
    {
        if (!_standing.IsActing)
        {
            return;
        }

        if (!_standing.IsReady && _log.HasAppliedWhatItTookOver)
        {
            _standing.BeReady();
            _writes.Wake();
        }

        _log.Commit(Other.Acknowledged);
    }

    private void OnLogApplied()
    {
        _writes.AnswerApplied();
        Watchers.Release();
        Other.Pump();
    }

    private void OnApplied(Batch batch)
    {
        Memories.OnApplied(batch);
        _partition.OnApplied(batch);
        _onApplied(batch);
    }
}
