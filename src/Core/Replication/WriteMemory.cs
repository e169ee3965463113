using System.Buffers.Binary;

namespace Diststore.Core;

/// <summary>
/// What is remembered of a request that wrote: a fingerprint of what it asked for and how it was answered, as the value of an internal row.
/// It lies on disks, so its first byte says which form it has.
/// </summary>
internal static class WriteMemory
{
    private const byte Form = 1;
    private const int FingerprintBytes = 32;
    private const int PointBytes = 16;
    private const int HeadBytes = 1 + FingerprintBytes + 1 + PointBytes + 2;
    private const int ResultBytes = 1 + PointBytes + 1 + 8;

    /// <summary>The memory of a request that was judged to have written.</summary>
    public static byte[] Of(WriteVerdict verdict, byte[] fingerprint)
    {
        OperationResult[] results = verdict.Results ?? [];
        byte[] memory = new byte[HeadBytes + (results.Length * ResultBytes)];
        Span<byte> rest = memory;
        Put(ref rest, Form);
        fingerprint.AsSpan(0, FingerprintBytes).CopyTo(rest);
        rest = rest[FingerprintBytes..];
        Put(ref rest, (byte)verdict.Status);
        Put(ref rest, verdict.Version);
        BinaryPrimitives.WriteInt16LittleEndian(rest, (short)(verdict.Results is null ? -1 : results.Length));
        rest = rest[2..];
        foreach (OperationResult result in results)
        {
            Put(ref rest, (byte)result.Outcome);
            Put(ref rest, result.Version);
            Put(ref rest, result.Number is null ? (byte)0 : (byte)1);
            BinaryPrimitives.WriteInt64LittleEndian(rest, result.Number ?? 0);
            rest = rest[8..];
        }

        return memory;
    }

    /// <summary>The remembered answer again, or, where the request is another one, that the mark was used before.</summary>
    public static WriteVerdict Recall(byte[] memory, byte[] fingerprint)
    {
        ReadOnlySpan<byte> rest = memory;
        if (memory.Length < HeadBytes || Take(ref rest) != Form)
        {
            return new WriteVerdict(WriteStatus.Refused, Detail: "what is remembered of the request is in a form that this release does not know");
        }

        if (!rest[..FingerprintBytes].SequenceEqual(fingerprint))
        {
            return new WriteVerdict(WriteStatus.KeyReused);
        }

        rest = rest[FingerprintBytes..];
        var status = (WriteStatus)Take(ref rest);
        LogPoint version = TakePoint(ref rest);
        int count = BinaryPrimitives.ReadInt16LittleEndian(rest);
        rest = rest[2..];
        OperationResult[]? results = count < 0 ? null : new OperationResult[count];
        for (int i = 0; i < count; i++)
        {
            var outcome = (WriteOutcome)Take(ref rest);
            LogPoint made = TakePoint(ref rest);
            bool isNumber = Take(ref rest) != 0;
            results![i] = new OperationResult(outcome, made, isNumber ? BinaryPrimitives.ReadInt64LittleEndian(rest) : null);
            rest = rest[8..];
        }

        return new WriteVerdict(status, version, Results: results, IsReplay: true);
    }

    private static void Put(ref Span<byte> rest, byte one)
    {
        rest[0] = one;
        rest = rest[1..];
    }

    private static void Put(ref Span<byte> rest, LogPoint point)
    {
        BinaryPrimitives.WriteInt64LittleEndian(rest, point.Epoch);
        BinaryPrimitives.WriteInt64LittleEndian(rest[8..], point.Sequence);
        rest = rest[PointBytes..];
    }

    private static byte Take(ref ReadOnlySpan<byte> rest)
    {
        byte one = rest[0];
        rest = rest[1..];
        return one;
    }

    private static LogPoint TakePoint(ref ReadOnlySpan<byte> rest)
    {
        var point = new LogPoint(BinaryPrimitives.ReadInt64LittleEndian(rest), BinaryPrimitives.ReadInt64LittleEndian(rest[8..]));
        rest = rest[PointBytes..];
        return point;
    }
}
