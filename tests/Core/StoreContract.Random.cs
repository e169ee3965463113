using System.Collections.Immutable;
using CsCheck;

namespace Diststore.Core.Tests;

/// <content>Random runs against a model. A failure prints the seed that replays it (<c>CsCheck_Seed</c>).</content>
public abstract partial class StoreContract
{
    private const int Keys = 12; // few, so that writes meet

    private enum Do
    {
        Append = 0,
        AppendAgain = 1,
        AppendEarly = 2,
        Apply = 3,
        Align = 4,
        Raise = 5,
        Collect = 6,
        Wait = 7,
        Reopen = 8,
    }

    /// <summary>How many random runs of each kind; fewer for a store that is slow to make.</summary>
    protected virtual int RandomRuns => 300;

    private static Gen<(Do What, int Number, (int Key, int Value)[] Writes)[]> Steps =>
        Gen.Select(
            Gen.Frequency(
                (8, Gen.Const(Do.Append)), (1, Gen.Const(Do.AppendAgain)), (1, Gen.Const(Do.AppendEarly)), (5, Gen.Const(Do.Apply)), (1, Gen.Const(Do.Align)),
                (1, Gen.Const(Do.Raise)), (1, Gen.Const(Do.Collect)), (1, Gen.Const(Do.Wait)), (1, Gen.Const(Do.Reopen))),
            Gen.Int[0, 1000],
            Gen.Select(Gen.Int[0, Keys - 1], Gen.Int[0, 5]).Array[1, 4],
            (what, number, writes) => (what, number, writes)).Array[1, 60];

    [Fact]
    public async Task A_random_run_of_the_log_matches_a_plain_dictionary()
    {
        await Steps.SampleAsync(
            async steps =>
            {
                var time = new ManualTime();
                var model = new Model();
                IStore store = await CreateAsync(time);
                try
                {
                    foreach ((Do what, int number, (int, int)[] writes) in steps)
                    {
                        store = what == Do.Reopen ? await ReopenAsync(store, time) : store;
                        await StepAsync(store, model, time, what, number, writes);
                        await CompareAsync(store, model, number);
                    }
                }
                finally
                {
                    await store.DisposeAsync();
                }
            },
            iter: RandomRuns,
            threads: 1);
    }

    [Fact]
    public async Task A_random_full_sync_from_a_store_that_goes_on_changing_ends_in_the_same_content()
    {
        await Gen.Select(Steps, Steps, Gen.Int[1, 4], Gen.Int[1, 2000]).SampleAsync(
            async (old, steps, maxKeys, maxBytes) =>
            {
                var time = new ManualTime();
                await using IStore from = await CreateAsync(time);
                IStore to = await CreateAsync(time);
                var (fromModel, toModel) = (new Model(), new Model());
                foreach ((Do what, int number, (int, int)[] writes) in old)
                {
                    await StepAsync(to, toModel, time, what, number, writes);
                }

                long epoch = to.State.HighestEpoch;
                Assert.True(await to.StartSyncAsync(epoch, SyncKind.Full, History));
                var live = new Queue<(Do What, int Number, (int, int)[] Writes)>(steps);
                async Task GoOnAsync(int count)
                {
                    for (int i = 0; i < count && live.TryDequeue(out var step); i++)
                    {
                        // A primary keeps the tombstones that a learner may not have yet.
                        Do what = step.What == Do.Collect && to.State.Cursor is not null ? Do.Wait : step.What;
                        await StepAsync(from, fromModel, time, what, step.Number, step.Writes);
                    }
                }

                await GoOnAsync(steps.Length / 3);
                KeyPage page;
                do
                {
                    string? after = to.State.Cursor?.After;
                    page = await from.ScanAsync(new KeyScan("", after, maxKeys, maxBytes, Tombstones: true));
                    Assert.Equal(PageOutcome.Taken, await to.WritePageAsync(epoch, after, page));
                    await GoOnAsync(3);
                    to = await ReopenAsync(to, time);
                }
                while (page.More);

                long since = to.State.Cursor!.FirstSequence;
                ChangePage changes;
                do
                {
                    changes = await from.ReadChangesAsync(since, maxBytes);
                    Assert.True(await to.WriteChangesAsync(epoch, changes));
                    since = changes.Upto;
                    await GoOnAsync(1);
                }
                while (!changes.IsWhole);

                await GoOnAsync(int.MaxValue);
                await SyncChangesAsync(from, to, epoch, maxBytes);
                Assert.Equal(await ContentAsync(from), (await ContentAsync(to)).AsEnumerable());
                Assert.Equal(
                    (from.State.Applied, from.State.Entries, from.State.LiveBytes, true, true),
                    (to.State.Applied, to.State.Entries, to.State.LiveBytes, to.State.IsWhole, to.State.Floor >= from.State.Floor));
                Assert.Equal(
                    (await from.ReadExpiredAsync(DateTimeOffset.MaxValue, int.MaxValue)).OrderBy(ByVersion),
                    (await to.ReadExpiredAsync(DateTimeOffset.MaxValue, int.MaxValue)).OrderBy(ByVersion));
                Assert.Equal(from.State.Epochs.Starts.AsEnumerable(), to.State.Epochs.Starts);
                await to.DisposeAsync();
            },
            iter: RandomRuns,
            threads: 1);
    }

    // The tombstones that the source forgot meanwhile are below its floor: a learner that was below it would start over.
    private static async Task SyncChangesAsync(IStore from, IStore to, long epoch, int maxBytes)
    {
        if (to.State.Applied.Sequence < from.State.Floor)
        {
            await to.StartSyncAsync(epoch, SyncKind.Full, OtherHistory);
            await to.WritePageAsync(epoch, null, await from.ScanAsync(All));
        }

        long since = to.State.Cursor?.FirstSequence ?? to.State.Applied.Sequence;
        ChangePage changes;
        do
        {
            changes = await from.ReadChangesAsync(since, maxBytes);
            Assert.True(await to.WriteChangesAsync(epoch, changes));
            since = changes.Upto;
        }
        while (!changes.IsWhole);

        // Tombstones that only one side has forgotten are no difference.
        await from.CollectTombstonesAsync(DateTimeOffset.MaxValue, long.MaxValue);
        await to.CollectTombstonesAsync(DateTimeOffset.MaxValue, long.MaxValue);
    }

    private static async Task StepAsync(IStore store, Model model, ManualTime time, Do what, int number, (int Key, int Value)[] writes)
    {
        Batch batch = model.Next(store.State.HighestEpoch, writes, time.GetUtcNow());
        switch (what)
        {
            case Do.Append:
                Assert.Equal(new AppendResult(AppendStatus.Persisted, batch.Last), await store.AppendAsync(batch.First.Epoch, batch));
                model.Append(batch);
                break;
            case Do.AppendAgain when model.Log.Count > 0:
                Batch held = model.Log[number % model.Log.Count];
                Assert.Equal(new AppendResult(AppendStatus.Persisted, model.Last), await store.AppendAsync(store.State.HighestEpoch, held));
                break;
            case Do.AppendEarly:
                Batch early = batch with { Before = new LogPoint(batch.First.Epoch, model.Last.Sequence + 1), Entries = Shift(batch.Entries) };
                Assert.Equal(new AppendResult(AppendStatus.Gap, model.Last), await store.AppendAsync(store.State.HighestEpoch, early));
                break;
            case Do.Apply when model.Pending.Count > 0:
                LogPoint commit = model.Pending[number % model.Pending.Count].Last;
                await store.ApplyAsync(commit);
                model.Apply(commit);
                break;
            case Do.Align when model.Pending.Count > 0:
                LogPoint end = model.Pending[number % model.Pending.Count].Last;
                Assert.True(await store.AlignAsync(store.State.HighestEpoch, store.State.EpochsWithPending, end));
                model.Truncate(end);
                break;
            case Do.Raise:
                await store.AdoptAsync(View(store.State.HighestEpoch + 1), asPrimary: false);
                break;
            case Do.Collect:
                DateTimeOffset before = time.GetUtcNow().AddSeconds(-1);
                await store.CollectTombstonesAsync(before, 1 + (number % 40));
                model.Collect(before, 1 + (number % 40));
                break;
            case Do.Wait:
                time.Advance(TimeSpan.FromSeconds(1 + (number % 2)));
                break;
        }
    }

    private static async Task CompareAsync(IStore store, Model model, int number)
    {
        StoreState state = store.State;
        Assert.Equal((model.Applied, model.Last, model.Floor), (state.Applied, state.Last, state.Floor));
        Assert.Equal(model.Pending.Select(batch => batch.Last), state.Pending.Select(batch => batch.Last));
        Assert.Equal(model.Content.Values.Count(entry => !entry.IsTombstone), state.Entries);
        Assert.Equal(model.Content.Values.Sum(LiveBytes), state.LiveBytes);
        DateTimeOffset now = model.Content.Values.Max(static entry => entry.ExpiresAt)?.AddSeconds(-1) ?? default;
        IReadOnlyList<EntryHead> expired = await store.ReadExpiredAsync(now, int.MaxValue);
        Assert.Equal(expired.OrderBy(static entry => entry.ExpiresAt), expired);
        Assert.Equal(model.Content.Values.Where(entry => entry.HasExpired(now)).Select(EntryHead.Of).OrderBy(ByVersion), expired.OrderBy(ByVersion));
        foreach (string key in Enumerable.Range(0, Keys).Select(Model.Key))
        {
            Assert.Equal(model.Content.GetValueOrDefault(key), await store.ReadAsync(key));
        }

        bool tombstones = number % 2 == 0;
        string prefix = number % 3 == 0 ? "k/" : "";
        var pages = new List<Entry>();
        KeyPage page;
        do
        {
            page = await store.ScanAsync(new KeyScan(prefix, pages.Count > 0 ? pages[^1].Key : null, 1 + (number % 5), 400, tombstones));
            pages.AddRange(page.Entries);
            Assert.True(page.Entries.Length > 0 || !page.More);
        }
        while (page.More);
        Assert.Equal(
            model.Content.Values.Where(entry => (tombstones || !entry.IsTombstone) && entry.Key.StartsWith(prefix, StringComparison.Ordinal))
                .OrderBy(entry => entry.Key, KeyOrder.Instance),
            pages);

        var changes = new List<Entry>();
        long start = number % 7;
        ChangePage next;
        for (long since = start; ; since = next.Upto)
        {
            next = await store.ReadChangesAsync(since, 300);
            changes.AddRange(next.Entries);
            if (next.IsWhole)
            {
                break;
            }

            Assert.NotEmpty(next.Entries);
        }

        Assert.Equal(model.Content.Values.Where(entry => entry.Version.Sequence > start).OrderBy(entry => entry.Version), changes);
    }

    private static LogPoint ByVersion(Entry entry) => entry.Version;

    private static LogPoint ByVersion(EntryHead head) => head.Version;

    private static ImmutableArray<Entry> Shift(ImmutableArray<Entry> entries) =>
        [.. entries.Select(entry => entry with { Version = entry.Version with { Sequence = entry.Version.Sequence + 1 } })];

    private sealed class Model
    {
        private readonly Dictionary<string, DateTimeOffset> _orderedAt = [];

        public Dictionary<string, Entry> Content { get; } = [];

        public List<Batch> Log { get; } = [];

        public LogPoint Applied { get; private set; }

        public long Floor { get; private set; }

        public List<Batch> Pending => [.. Log.Where(batch => batch.Last > Applied)];

        public LogPoint Last => Log.Count > 0 ? Log[^1].Last : LogPoint.Zero;

        public static string Key(int number) => number % 2 == 0 ? $"k/{number}" : $"\U00010000{number}";

        public Batch Next(long epoch, (int Key, int Value)[] writes, DateTimeOffset at)
        {
            ImmutableArray<Entry> entries = Versioned(Math.Max(1, epoch), Last.Sequence, [.. writes.Select(Write)]);
            return new(Last, [.. entries.Select((entry, i) => Mortal(entry, at, writes[i].Value))], at);
        }

        public void Append(Batch batch) => Log.Add(batch);

        public void Truncate(LogPoint end) => Log.RemoveAll(batch => batch.Last > end);

        public void Apply(LogPoint commit)
        {
            foreach (Batch batch in Pending.Where(batch => batch.Last <= commit))
            {
                foreach (Entry entry in batch.Entries)
                {
                    Content[entry.Key] = entry;
                    _orderedAt[entry.Key] = batch.OrderedAt;
                }
            }

            Applied = commit;
        }

        public void Collect(DateTimeOffset before, long keepFrom)
        {
            Func<Entry, bool> isOld = entry => entry.IsTombstone && entry.Version.Sequence < keepFrom && _orderedAt[entry.Key] < before;
            foreach (Entry entry in Content.Values.Where(isOld).ToList())
            {
                Content.Remove(entry.Key);
                Floor = Math.Max(Floor, entry.Version.Sequence);
            }
        }

        // Some expire, at few different times.
        private static Entry Mortal(Entry entry, DateTimeOffset at, int value) => value < 4 ? entry : entry with { ExpiresAt = at.AddSeconds(value) };

        private static (string Key, byte[]? Value) Write((int Key, int Value) write) =>
            write.Value == 0 ? Delete(Key(write.Key)) : Put(Key(write.Key), write.Value == 3 ? new string('3', 3000) : $"{write.Value}");
    }
}
