using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Diststore.Simulation;

/// <summary>
/// Clients that move amounts between a few accounts, each move one transaction that is sent, with the same mark, until its client is told what
/// became of it; and that look at all accounts at once. New accounts every few seconds. The accounts together are one object: their sum stays
/// 0, and what was asked for once is done once.
/// </summary>
internal sealed class SimBank(Pump pump, IReadOnlyList<SimNode> nodes, History history)
{
    /// <summary>The accounts of one bank.</summary>
    public const int Accounts = 3;

    /// <summary>How long a mark has to be remembered at least, by any clock: a move is sent again for no longer.</summary>
    public static readonly TimeSpan Retention = TimeSpan.FromSeconds(8);

    private const string Prefix = "bank";

    // So many that hardly two moves are of the same: of those whose outcome is not known, their sums tell which were done.
    private const int MaxAmount = 9999;
    private const int MaxPauseMilliseconds = 150;
    private const double Looks = 0.3; // of all requests

    // Balances of up to half of it either way, as the digits of one number.
    private const long Base = 1 << 20;

    private static readonly TimeSpan AccountsLastFor = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1.5);
    private static readonly TimeSpan SendFor = Retention / 2;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private int _marks;

    public bool IsOver { get; set; }

    /// <summary>Moves of which the client was told that they are done.</summary>
    public int Moved { get; private set; }

    /// <summary>Looks at all accounts of a bank that were answered.</summary>
    public int Looked { get; private set; }

    /// <summary>Moves of which the client was told so only when it asked again.</summary>
    public int Replayed { get; private set; }

    public void Start(int number)
    {
        var scheduler = new SimScheduler(pump, $"bank-{number}", 240 + number);
        var clock = new SimClock(pump, scheduler, 1, TimeSpan.Zero);
        scheduler.Post(async () =>
        {
            while (!IsOver)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(pump.Random.Next(1, MaxPauseMilliseconds)), clock);
                string bank = $"{Prefix}-{pump.Now / AccountsLastFor.Ticks}";
                await (pump.Random.NextDouble() < Looks ? LookAsync(bank, clock) : MoveAsync(bank, clock));
            }
        });
    }

    /// <summary>The keys of a bank's accounts; null where the name is no bank's.</summary>
    public static string[]? AccountsOf(string bank) =>
        bank.StartsWith(Prefix, StringComparison.Ordinal) ? [.. Enumerable.Range(0, Accounts).Select(i => $"{bank}/{i}")] : null;

    /// <summary>Balances as one number.</summary>
    public static long Packed(IEnumerable<long> balances) => balances.Reverse().Aggregate(0L, static (packed, balance) => (packed * Base) + balance);

    /// <summary>What a bank holds where its accounts are these entries.</summary>
    public static long Packed(IEnumerable<Entry?> accounts) => Packed(accounts.Select(static entry =>
        entry is { IsTombstone: false } ? long.Parse(Encoding.ASCII.GetString(entry.Value!), CultureInfo.InvariantCulture) : 0));

    // As a move of nothing.
    private async Task LookAsync(string bank, SimClock clock)
    {
        if (nodes.Where(static node => node.Answers).ToList() is not { Count: > 0 } up)
        {
            return;
        }

        long began = pump.Now;
        Task<ManyResult> answer = pump.Pick(up).Node!.ReadManyAsync(new ManyQuery(AccountsOf(bank)!, new ReadOptions(IsStrong: true))).AsTask();
        await Task.WhenAny(answer, Task.Delay(Patience, clock));
        if (answer.IsCompleted && await answer is { Read.Outcome: ReadOutcome.Found } look)
        {
            long shown = Packed(look.Entries);
            pump.Require(look.Next is null && look.Entries.Count == Accounts, $"a look at {bank} shows {look.Entries.Count} accounts");
            history.Add(bank, new Operation(OperationKind.Move, 0, shown, OperationOutcome.Existed, began, pump.Now));
            Looked++;
        }
    }

    private async Task MoveAsync(string bank, SimClock clock)
    {
        int giver = pump.Random.Next(Accounts), amount = pump.Random.Next(1, MaxAmount + 1);
        long[] deltas = [.. Enumerable.Range(0, Accounts).Select(i => i == giver ? -(Accounts - 1L) * amount : amount)];
        Write[] operations = [.. AccountsOf(bank)!.Zip(deltas, static (key, by) => new Write(key, null, Kind: WriteKind.Add, By: by))];
        var transaction = new Transaction(operations, [], Mark: NextMark());
        long began = pump.Now;
        bool mayBeDone = false, isAskedAgain = false;
        do
        {
            WriteResult? result = await SendAsync(transaction, clock);
            if (result is { Outcome: WriteOutcome.Done } done)
            {
                long after = Packed(done.Results!.Select(static account => account.Number!.Value));
                pump.Require(done.Results!.Sum(static account => account.Number) == 0, $"the accounts of {bank} do not add up to 0 but to {after}");
                history.Add(bank, new Operation(OperationKind.Move, Packed(deltas), after, OperationOutcome.Existed, began, pump.Now));
                Moved++;
                Replayed += isAskedAgain && done.IsReplay ? 1 : 0;
                return;
            }

            mayBeDone |= result is null or { Outcome: WriteOutcome.Unknown };
            bool isNothing = result is null or { Outcome: WriteOutcome.Unknown or WriteOutcome.Unavailable or WriteOutcome.Busy };
            pump.Require(isNothing, $"a move of {bank} ended as {result?.Outcome}");
            isAskedAgain = true;
            await Task.Delay(Pause, clock);
        }
        while (pump.Now - began < SendFor.Ticks && !IsOver);

        if (mayBeDone)
        {
            history.Add(bank, new Operation(OperationKind.Move, Packed(deltas), 0, OperationOutcome.Unknown, began, long.MaxValue));
        }
    }

    private RequestMark NextMark()
    {
        byte[] hash = new byte[32];
        BinaryPrimitives.WriteInt32LittleEndian(hash, ++_marks);
        return new RequestMark(InternalKeys.Memory(hash), hash);
    }

    // Null where there was no answer.
    private async Task<WriteResult?> SendAsync(Transaction transaction, SimClock clock)
    {
        if (nodes.Where(static node => node.Answers).ToList() is not { Count: > 0 } up)
        {
            return new WriteResult(WriteOutcome.Unavailable, default, "");
        }

        Task<WriteResult> answer = pump.Pick(up).Node!.WriteAsync(transaction).AsTask();
        await Task.WhenAny(answer, Task.Delay(Patience, clock));
        return answer.IsCompleted ? await answer : null;
    }
}
