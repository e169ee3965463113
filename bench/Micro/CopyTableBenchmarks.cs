using BenchmarkDotNet.Attributes;
using Diststore.Core;

namespace Diststore.Bench;

/// <summary>What a read costs that meets a copy. The bar: under 150 ns, nothing allocated.</summary>
[MemoryDiagnoser]
public class CopyTableBenchmarks
{
    private const int Copies = 100_000;
    private const int Asked = 1024; // a power of two

    private readonly CopyTable _table = new(1L << 30, TimeSpan.FromHours(1), TimeProvider.System);
    private readonly string[] _keys = new string[Asked];
    private int _next;

    /// <summary>Keeps copies of 100 bytes under keys of some 30 characters, and picks the keys to ask for.</summary>
    [GlobalSetup]
    public void Fill()
    {
        for (int i = 0; i < Copies; i++)
        {
            _table.Keep(new Entry($"benchmarks/copies/key-{i:000000}", new byte[100], null, new LogPoint(1, i + 1)));
        }

        var random = new Random(1);
        for (int i = 0; i < Asked; i++)
        {
            // Strings of their own, as a request brings them: not the very objects that the table holds.
            _keys[i] = $"benchmarks/copies/key-{random.Next(Copies):000000}";
        }
    }

    /// <summary>A key that is there.</summary>
    [Benchmark]
    public Entry Hit()
    {
        _table.TryGet(_keys[_next++ & (Asked - 1)], out Entry? entry);
        return entry!;
    }

    /// <summary>A key that is not.</summary>
    [Benchmark]
    public bool Miss() => _table.TryGet("benchmarks/copies/key-of-nobody", out _);
}
