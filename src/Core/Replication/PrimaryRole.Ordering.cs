using System.Collections.Immutable;

namespace Diststore.Core;

/// <content>Judging writes and giving them their sequences.</content>
internal sealed partial class PrimaryRole
{
    // Judges writes against the newest state, pending included, and orders those that write. Reads may have to wait for
    // the disk, so whether ordering is still allowed is asked after them, and nothing is awaited from there on.
    private async Task OrderAsync(List<PendingWrite> writes)
    {
        Dictionary<string, EntryHead?> before;
        try
        {
            before = await ReadBeforeAsync(writes);
        }
        catch (StoreFailedException)
        {
            // Whatever else becomes of this node, these were surely not done.
            writes.ForEach(unordered => unordered.Answer(WriteStatus.NotPrimary, _partition.Newest, "the primary's store has failed"));
            throw;
        }

        if (!MayOrder)
        {
            writes.ForEach(write => write.Answer(WriteStatus.NotPrimary, _partition.Newest));
            return;
        }

        if (_view.InSyncSet.Count() < _context.Settings.MinInSync)
        {
            writes.ForEach(write => write.Answer(WriteStatus.Overloaded, _view, TooFewInSync));
            return;
        }

        Order(writes, before);
    }

    // The newest state of the keys that are written, pending included; what has to be read is read together. Values are not
    // needed to judge by.
    private async Task<Dictionary<string, EntryHead?>> ReadBeforeAsync(List<PendingWrite> writes)
    {
        var before = new Dictionary<string, EntryHead?>(StringComparer.Ordinal);
        var unknown = new List<string>();
        foreach (string key in writes.Select(static write => write.Write.Key))
        {
            if (before.TryAdd(key, _ordered.TryGetValue(key, out Entry? ordered) ? EntryHead.Of(ordered) : null) && ordered is null)
            {
                unknown.Add(key);
            }
        }

        IReadOnlyList<EntryHead?> heads = await _context.Store.ReadHeadsAsync(unknown);
        for (int i = 0; i < unknown.Count; i++)
        {
            before[unknown[i]] = heads[i];
        }

        return before;
    }

    private void Order(List<PendingWrite> writes, Dictionary<string, EntryHead?> before)
    {
        DateTimeOffset now = _context.Time.GetUtcNow();
        bool full = _context.Settings.DataMaxBytes is > 0 and long most && _context.Store.State.LiveBytes >= most;
        ImmutableArray<Entry>.Builder entries = ImmutableArray.CreateBuilder<Entry>(writes.Count);
        foreach (PendingWrite pending in writes)
        {
            Write write = pending.Write;
            if (pending.Expired is null && before[write.Key] is { IsTombstone: false } old && old.HasExpired(now))
            {
                // Whoever judges by another clock later must not find again what this write is judged not to have found.
                before[write.Key] = EntryHead.Of(Add(entries, new Write(write.Key, null), now));
            }

            pending.Judged = Judge(pending, before[write.Key], now);
            if (pending.IsRefused)
            {
                continue;
            }

            if (full && write.Value is not null)
            {
                pending.Answer(WriteStatus.OverQuota, _view, "the masters hold as much as Data:MaxBytes allows");
                continue;
            }

            Entry entry = Add(entries, write, now);
            pending.Version = entry.Version;
            before[write.Key] = EntryHead.Of(entry);
        }

        Batch? batch = entries.Count == 0 ? null : new Batch(_last, entries.DrainToImmutable(), now);
        if (batch is not null)
        {
            _last = batch.Last;
            _epochs = _epochs.With(batch.First.Epoch, batch.First.Sequence);
            _tail.Add(batch);
            Remember(batch);
            _context.Instruments.BatchOrdered();
        }

        if (PlantedBugs.Has(PlantedBug.RefuseBeforeCommitted))
        {
            writes.Where(static write => write.IsRefused).ToList().ForEach(write => write.Answer(write.Judged, _view));
        }

        _judged.Enqueue(new JudgedWrites(writes, _last.Sequence, batch is null, batch));
        if (batch is null)
        {
            AnswerApplied();
            return;
        }

        // At the same time here and there. The append is queued in this very call, so before any later view's.
        _context.Watch(PersistAsync(batch, _view.Epoch));
        PumpLinks();
    }

    private Entry Add(ImmutableArray<Entry>.Builder entries, Write write, DateTimeOffset now)
    {
        var version = new LogPoint(_view.Epoch, _last.Sequence + entries.Count + 1);
        var entry = new Entry(write.Key, write.Value, write.ContentType, version, now + write.TimeToLive);
        entries.Add(entry);
        return entry;
    }

    private static WriteStatus Judge(PendingWrite pending, EntryHead? newest, DateTimeOffset now)
    {
        if (pending.Expired is { } expired)
        {
            return newest?.Version == expired && newest.HasExpired(now) ? WriteStatus.Deleted : WriteStatus.NotFound;
        }

        LogPoint? version = newest is null || newest.IsTombstone ? null : newest.Version;
        return pending.Write.Condition?.Holds(version) == false ? WriteStatus.ConditionFailed
            : pending.Write.Value is not null ? version is null ? WriteStatus.Created : WriteStatus.Replaced
            : version is null ? WriteStatus.NotFound
            : WriteStatus.Deleted;
    }

    private void Remember(Batch batch)
    {
        foreach (Entry entry in batch.Entries)
        {
            _ordered[entry.Key] = entry;
        }
    }
}
