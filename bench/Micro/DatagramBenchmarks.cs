using BenchmarkDotNet.Attributes;
using Diststore.Core;

namespace Diststore.Bench;

/// <summary>What writing and reading a datagram costs, with and without authentication.</summary>
[MemoryDiagnoser]
public class DatagramBenchmarks
{
    private const string Key = "benchmarks/datagrams/key-000001";

    private readonly byte[] _buffer = new byte[DatagramCodec.MaxBytes];
    private byte[] _clusterKey = [];
    private byte[] _question = [];
    private byte[] _answer = [];

    /// <summary>Whether a cluster key is set.</summary>
    [Params(false, true)]
    public bool Authenticated { get; set; }

    /// <summary>Writes what is read below.</summary>
    [GlobalSetup]
    public void Write()
    {
        _clusterKey = Authenticated ? "a secret of 32 bytes for the mac"u8.ToArray() : [];
        _question = _buffer[..WriteWhoHas()];
        _answer = _buffer[..WriteHave()];
    }

    /// <summary>The question.</summary>
    [Benchmark]
    public int WriteWhoHas() => DatagramCodec.WriteWhoHas(_buffer, _clusterKey, 1, 2, Key, includingLocalOnly: true);

    /// <summary>The answer.</summary>
    [Benchmark]
    public int WriteHave() => DatagramCodec.WriteHave(_buffer, _clusterKey, 1, 2, new LogPoint(3, 4));

    /// <summary>The question, read; the key is a new string.</summary>
    [Benchmark]
    public bool ReadWhoHas() => DatagramCodec.TryRead(_question, _clusterKey, out _);

    /// <summary>The answer, read.</summary>
    [Benchmark]
    public bool ReadHave() => DatagramCodec.TryRead(_answer, _clusterKey, out _);
}
