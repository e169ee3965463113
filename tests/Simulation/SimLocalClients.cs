namespace Diststore.Simulation;

/// <summary>
/// Clients that put local-only entries on one node, read them from any, and delete them again, so that nodes go from holding
/// none to holding some and back all the time. From its acknowledgement until its delete begins, and for as long as its node
/// is a member with that store, nobody may say that there is no such key; after the delete nobody may find it.
/// </summary>
internal sealed class SimLocalClients(Pump pump, IReadOnlyList<SimNode> nodes)
{
    private const int ReadsAtOnce = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(6);

    private int _keys;

    public bool IsOver { get; set; }

    public int Found { get; private set; }

    public void Start(int number)
    {
        var scheduler = new SimScheduler(pump, $"client-local-{number}", 180 + number);
        var clock = new SimClock(pump, scheduler, 1, TimeSpan.Zero);
        scheduler.Post(async () =>
        {
            while (!IsOver)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(pump.Random.Next(1, 1500)), clock);
                if (PickUp() is { } node)
                {
                    await LiveAsync(node, $"local-{++_keys}", clock);
                }
            }
        });
    }

    private SimNode? PickUp() => nodes.Where(static node => node.Answers).ToList() is { Count: > 0 } up ? pump.Pick(up) : null;

    private async Task LiveAsync(SimNode holder, string key, TimeProvider clock)
    {
        byte[] value = BitConverter.GetBytes(_keys);
        Task<WriteResult> put = holder.Node!.PutLocalAsync(key, value, null);
        if (await AskAsync(put, clock) is not { Outcome: WriteOutcome.Created })
        {
            return;
        }

        var held = new Held(key, value, holder, holder.Stores);
        for (int round = pump.Random.Next(1, 8); round > 0; round--)
        {
            await Task.WhenAll(Enumerable.Range(0, ReadsAtOnce).Select(_ => ReadAsync(held, clock)));
            await Task.Delay(TimeSpan.FromMilliseconds(pump.Random.Next(1, 300)), clock);
        }

        held.Deletes = true;
        if (holder.Answers && await AskAsync(holder.Node!.DeleteLocalAsync(key), clock) is { } deleted)
        {
            bool isLost = deleted.Outcome == WriteOutcome.NotFound && holder.Stores == held.Store;
            pump.Require(!isLost, $"{key} on {holder.Name} was acknowledged, and its node does not have it");
            held.IsGone = deleted.Outcome == WriteOutcome.Deleted && holder.Stores == held.Store;
            await ReadAsync(held, clock);
        }
    }

    private async Task ReadAsync(Held held, TimeProvider clock)
    {
        if (PickUp() is not { } asked)
        {
            return;
        }

        (long began, bool isGone) = (pump.Now, held.IsGone);
        var options = new ReadOptions(ReadScope.IncludingLocalOnly, IsStrong: pump.Random.Next(5) == 0);
        ReadResult? result = await AskAsync(asked.Node!.GetAsync(held.Key, options).AsTask(), clock);
        bool isThere = !held.Deletes && held.Holder.MemberSince <= began && held.Holder.Stores == held.Store;
        string what = $"{held.Key} of {held.Holder.Name}, asked of {asked.Name} at {TimeSpan.FromTicks(began)}";
        pump.Require(result?.Outcome != ReadOutcome.NotFound || !isThere, $"{what}, was acknowledged and is not found");
        if (result is { Outcome: ReadOutcome.Found } read)
        {
            pump.Require(read.Entry!.Value.AsSpan().SequenceEqual(held.Value), $"{what}, is another value");
            pump.Require(!isGone, $"{what}, was deleted and is found");
            Found++;
        }
    }

    private static async Task<T?> AskAsync<T>(Task<T> request, TimeProvider clock)
        where T : struct
    {
        await Task.WhenAny(request, Task.Delay(Patience, clock));
        return request.IsCompletedSuccessfully ? await request : null;
    }

    private sealed record Held(string Key, byte[] Value, SimNode Holder, int Store)
    {
        /// <summary>A delete has begun: whether it is there is not known any more.</summary>
        public bool Deletes { get; set; }

        public bool IsGone { get; set; }
    }
}
