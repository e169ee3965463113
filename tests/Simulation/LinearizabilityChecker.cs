namespace Diststore.Simulation;

/// <summary>
/// Whether the operations on one register have an order that explains all answers and in which each takes effect between
/// its beginning and its end. The search is Wing's and Gong's (1993), with Lowe's memory of what was tried (2017): a set of
/// operations done and the value that they left. Operations without an answer may take effect at any later time, or never.
/// </summary>
internal static class LinearizabilityChecker
{
    /// <summary>The most operations of one history.</summary>
    public const int MaxOperations = 512;

    private const int Words = MaxOperations / 64;

    /// <summary>Null if there is such an order; else how far it goes at most.</summary>
    public static string? Problem(IReadOnlyList<Operation> operations)
    {
        if (operations.Count > MaxOperations)
        {
            throw new ArgumentException($"{operations.Count} operations on one key are too many to check");
        }

        // What nobody ever saw need not have happened: mostly that explains everything, and the search is short.
        HashSet<long> seen = [.. operations.SelectMany(static o => o.Outcome == OperationOutcome.Unknown ? new[] { o.Expected } : [o.Value, o.Expected])];
        Operation[] likely =
        [
            .. operations.Where(
                o => o.Outcome != OperationOutcome.Unknown || seen.Contains(o.Value) || o.Kind is OperationKind.Delete or OperationKind.Move),
        ];
        string? problem = new Search(likely).Run();
        return problem is null || likely.Length == operations.Count ? problem : new Search([.. operations]).Run();
    }

    private sealed class Search
    {
        private readonly Operation[] _operations;
        private readonly HashSet<State> _tried = [];
        private int _most;

        public Search(Operation[] operations) => _operations = [.. operations.OrderBy(static operation => operation.Began)];

        public string? Run()
        {
            int answered = _operations.Count(static operation => operation.Outcome != OperationOutcome.Unknown);
            return Explain(new State(default, 0), answered)
                ? null
                : $"no order explains more than {_most} of {answered} answered operations:\n{string.Join('\n', _operations.Select(static o => o.ToString()))}";
        }

        private bool Explain(State state, int answeredLeft)
        {
            var path = new Stack<(State State, int Left, int Next)>();
            path.Push((state, answeredLeft, 0));
            while (path.TryPop(out (State State, int Left, int Next) at))
            {
                if (at.Left == 0)
                {
                    return true;
                }

                _most = Math.Max(_most, answeredLeft - at.Left);
                long end = FirstEnd(at.State.Done);
                for (int i = at.Next; i < _operations.Length && _operations[i].Began <= end; i++)
                {
                    if (at.State.Done[i] || Apply(_operations[i], at.State.Value) is not { } value)
                    {
                        continue;
                    }

                    bool isUnknown = _operations[i].Outcome == OperationOutcome.Unknown;
                    bool changesNothing = value == at.State.Value;
                    if (isUnknown && changesNothing)
                    {
                        continue;
                    }

                    // What changes nothing may as well take effect now: no need to try it later.
                    bool isFree = changesNothing;
                    var next = new State(at.State.Done.With(i), value);
                    int left = at.Left - (isUnknown ? 0 : 1);
                    if (_tried.Add(next))
                    {
                        if (!isFree)
                        {
                            path.Push(at with { Next = i + 1 });
                        }

                        path.Push((next, left, 0));
                        break;
                    }

                    if (isFree)
                    {
                        break;
                    }
                }
            }

            return false;
        }

        // Whoever ended first must take effect before anybody who began after that.
        private long FirstEnd(Bits done)
        {
            long end = long.MaxValue;
            for (int i = 0; i < _operations.Length; i++)
            {
                if (_operations[i].Began > end)
                {
                    break;
                }

                end = done[i] ? end : Math.Min(end, _operations[i].Ended);
            }

            return end;
        }

        // The value after it, or null where its answer would have been another.
        private static long? Apply(Operation operation, long value) => (operation.Kind, operation.Outcome) switch
        {
            (OperationKind.Read, OperationOutcome.Existed) => value == operation.Value ? value : null,
            (OperationKind.Read, _) => value == 0 ? value : null,
            (OperationKind.Put, OperationOutcome.Existed) => value != 0 ? operation.Value : null,
            (OperationKind.Put, OperationOutcome.Absent) => value == 0 ? operation.Value : null,
            (OperationKind.Put, _) => operation.Value,
            (OperationKind.Delete, OperationOutcome.Existed) => value != 0 ? 0 : null,
            (OperationKind.Delete, OperationOutcome.Absent) => value == 0 ? 0 : null,
            (OperationKind.Delete, _) => 0,
            (OperationKind.Move, OperationOutcome.Existed) => value + operation.Value == operation.Expected ? operation.Expected : null,
            (OperationKind.Move, _) => value + operation.Value,
            (OperationKind.Swap, OperationOutcome.Refused) => value != operation.Expected ? value : null,
            _ => value == operation.Expected ? operation.Value : null,
        };

        private readonly record struct State(Bits Done, long Value);
    }

    [System.Runtime.CompilerServices.InlineArray(Words)]
    private struct BitWords
    {
        private ulong _first;
    }

    private readonly struct Bits : IEquatable<Bits>
    {
        private readonly BitWords _words;

        private Bits(BitWords words) => _words = words;

        public bool this[int index] => (_words[index >> 6] >> (index & 63) & 1) != 0;

        public Bits With(int index)
        {
            BitWords words = _words;
            words[index >> 6] |= 1UL << (index & 63);
            return new Bits(words);
        }

        public bool Equals(Bits other) => ((ReadOnlySpan<ulong>)_words).SequenceEqual(other._words);

        public override bool Equals(object? obj) => obj is Bits other && Equals(other);

        public override int GetHashCode()
        {
            ulong hash = 14695981039346656037;
            foreach (ulong word in (ReadOnlySpan<ulong>)_words)
            {
                hash = (hash ^ word) * 1099511628211;
                hash ^= hash >> 29;
            }

            return (int)(hash ^ (hash >> 32));
        }
    }
}
