using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;

namespace Diststore.Core;

/// <summary>
/// Writes and reads datagrams. All numbers are big-endian:
/// <code>
/// "DSTO" | format 1 byte | type 1 byte | sender 8 | request id 8 | body | with a cluster key: HMAC 16
///
/// WhoHas     flags 1 (bit 0: local-only too, bit 1: everyone answers) | key length 2 | key | zeros until the body has 16 bytes
/// Have       epoch 8 | sequence 8
/// HaveLocal  nothing
/// None       epoch 8
/// NoneLocal  nothing
/// Hint       count 1 | count times: key length 2 | key | epoch 8 | sequence 8
/// </code>
/// The HMAC is HMAC-SHA256 over all that stands before it, cut to 16 bytes (RFC 2104, section 5). It says that the
/// sender knows the cluster key, not that the datagram is fresh: datagrams are hints, and a repeated one does no harm.
/// <para>
/// No answer is larger than its question, lest a forged sender's address make the cluster amplify somebody's traffic.
/// </para>
/// </summary>
internal static class DatagramCodec
{
    /// <summary>The largest datagram, in bytes: passes any common link unfragmented.</summary>
    public const int MaxBytes = 1200;

    /// <summary>The most changes of one hint.</summary>
    public const int MaxChanges = byte.MaxValue;

    private const byte Format = 1;
    private const int TypeAt = 5;
    private const int SenderAt = 6;
    private const int RequestAt = 14;
    private const int HeaderBytes = 22;
    private const int MacBytes = 16;
    private const int PointBytes = 16;
    private const int QuestionBytes = 3; // flags and key length
    private const int LargestAnswerBytes = PointBytes; // the body of a Have
    private const byte LocalOnlyFlag = 1;
    private const byte EveryoneFlag = 2;

    // Throws on lone surrogates: keys given here have passed the rules.
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static ReadOnlySpan<byte> Magic => "DSTO"u8;

    /// <summary>How a node's name appears on the wire: the first 8 bytes of its SHA-256.</summary>
    public static ulong SenderOf(string node)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(node), hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash);
    }

    /// <summary>Writes the question for a key that has passed <see cref="KeyRules"/>; returns its length in bytes.</summary>
    /// <param name="destination">At least <see cref="MaxBytes"/> long, here and below.</param>
    /// <param name="clusterKey">Authenticates the datagram; empty for none; here and below.</param>
    /// <param name="sender">Who asks.</param>
    /// <param name="requestId">What answers will carry.</param>
    /// <param name="key">What is asked for.</param>
    /// <param name="includingLocalOnly">Whether who has it local-only should answer too.</param>
    /// <param name="fromEveryone">Whether every holder should answer, not only as many as it takes.</param>
    public static int WriteWhoHas(
        Span<byte> destination,
        ReadOnlySpan<byte> clusterKey,
        ulong sender,
        ulong requestId,
        string key,
        bool includingLocalOnly,
        bool fromEveryone = false)
    {
        Span<byte> body = WriteHeader(destination, DatagramType.WhoHas, sender, requestId);
        body[0] = (byte)((includingLocalOnly ? LocalOnlyFlag : 0) | (fromEveryone ? EveryoneFlag : 0));
        int length = QuestionBytes + WriteKey(body[1..], key);
        if (length < LargestAnswerBytes)
        {
            body[length..LargestAnswerBytes].Clear();
            length = LargestAnswerBytes;
        }

        return Seal(destination, clusterKey, length);
    }

    /// <summary>Writes the answer of who holds a copy that can be served; returns its length in bytes.</summary>
    public static int WriteHave(Span<byte> destination, ReadOnlySpan<byte> clusterKey, ulong sender, ulong requestId, LogPoint version)
    {
        Span<byte> body = WriteHeader(destination, DatagramType.Have, sender, requestId);
        WritePoint(body, version);
        return Seal(destination, clusterKey, PointBytes);
    }

    /// <summary>Writes the answer of who has a local-only entry; returns its length in bytes.</summary>
    public static int WriteHaveLocal(Span<byte> destination, ReadOnlySpan<byte> clusterKey, ulong sender, ulong requestId)
    {
        WriteHeader(destination, DatagramType.HaveLocal, sender, requestId);
        return Seal(destination, clusterKey, 0);
    }

    /// <summary>Writes the answer of who has local-only entries, but none of that key; returns its length in bytes.</summary>
    public static int WriteNoneLocal(Span<byte> destination, ReadOnlySpan<byte> clusterKey, ulong sender, ulong requestId)
    {
        WriteHeader(destination, DatagramType.NoneLocal, sender, requestId);
        return Seal(destination, clusterKey, 0);
    }

    /// <summary>Writes the answer of a master that lacks the key; returns its length in bytes.</summary>
    public static int WriteNone(Span<byte> destination, ReadOnlySpan<byte> clusterKey, ulong sender, ulong requestId, long epoch)
    {
        Span<byte> body = WriteHeader(destination, DatagramType.None, sender, requestId);
        BinaryPrimitives.WriteInt64BigEndian(body, epoch);
        return Seal(destination, clusterKey, sizeof(long));
    }

    /// <summary>
    /// Writes as many of the changes as fit, at least one; returns the length in bytes. Who has more sends the rest,
    /// from <paramref name="taken"/> on, in further datagrams.
    /// </summary>
    public static int WriteHint(
        Span<byte> destination, ReadOnlySpan<byte> clusterKey, ulong sender, ulong requestId, ReadOnlySpan<ChangedKey> changes, out int taken)
    {
        ArgumentOutOfRangeException.ThrowIfZero(changes.Length);
        Span<byte> body = WriteHeader(destination, DatagramType.Hint, sender, requestId);
        int room = MaxBytes - HeaderBytes - (clusterKey.IsEmpty ? 0 : MacBytes);
        int length = 1;
        taken = 0;
        foreach (ChangedKey change in changes)
        {
            int bytes = sizeof(ushort) + Strict.GetByteCount(change.Key) + PointBytes;
            if (taken == MaxChanges || length + bytes > room)
            {
                break;
            }

            length += sizeof(ushort) + WriteKey(body[length..], change.Key);
            WritePoint(body[length..], change.Version);
            length += PointBytes;
            taken++;
        }

        body[0] = (byte)taken;
        return Seal(destination, clusterKey, length);
    }

    /// <summary>
    /// Reads a datagram. False for whatever is not exactly what one of the methods above writes with that cluster key;
    /// never throws. Of a datagram that does not carry the right HMAC nothing but the magic is looked at.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> source, ReadOnlySpan<byte> clusterKey, out Datagram datagram)
    {
        datagram = default;
        if (source.Length > MaxBytes || !source.StartsWith(Magic) || !TryUnseal(ref source, clusterKey)
            || source.Length < HeaderBytes || source[Magic.Length] != Format)
        {
            return false;
        }

        var header = new Datagram(
            (DatagramType)source[TypeAt],
            BinaryPrimitives.ReadUInt64BigEndian(source[SenderAt..]),
            BinaryPrimitives.ReadUInt64BigEndian(source[RequestAt..]));
        ReadOnlySpan<byte> body = source[HeaderBytes..];
        bool isRead = header.Type switch
        {
            DatagramType.WhoHas => TryReadWhoHas(body, ref header),
            DatagramType.Have => TryReadHave(body, ref header),
            DatagramType.HaveLocal or DatagramType.NoneLocal => body.IsEmpty,
            DatagramType.None => TryReadNone(body, ref header),
            DatagramType.Hint => TryReadHint(body, ref header),
            _ => false,
        };
        datagram = isRead ? header : default;
        return isRead;
    }

    private static bool TryReadWhoHas(ReadOnlySpan<byte> body, ref Datagram datagram)
    {
        // Too small a question is refused: its answer would be larger.
        if (body.Length < LargestAnswerBytes || (body[0] & ~(LocalOnlyFlag | EveryoneFlag)) != 0)
        {
            return false;
        }

        // Padded is only up to the largest answer, and with zeros.
        ReadOnlySpan<byte> rest = body[1..];
        if (!TryReadKey(ref rest, out string? key) || rest.ContainsAnyExcept((byte)0)
            || (!rest.IsEmpty && body.Length > LargestAnswerBytes))
        {
            return false;
        }

        datagram = datagram with { Key = key, IncludingLocalOnly = (body[0] & LocalOnlyFlag) != 0, FromEveryone = (body[0] & EveryoneFlag) != 0 };
        return true;
    }

    private static bool TryReadHave(ReadOnlySpan<byte> body, ref Datagram datagram)
    {
        bool isRead = TryReadPoint(ref body, out LogPoint version) && body.IsEmpty;
        datagram = datagram with { Version = version };
        return isRead;
    }

    private static bool TryReadNone(ReadOnlySpan<byte> body, ref Datagram datagram)
    {
        if (body.Length != sizeof(long))
        {
            return false;
        }

        datagram = datagram with { Epoch = BinaryPrimitives.ReadInt64BigEndian(body) };
        return datagram.Epoch >= 0;
    }

    private static bool TryReadHint(ReadOnlySpan<byte> body, ref Datagram datagram)
    {
        if (body.IsEmpty || body[0] == 0)
        {
            return false;
        }

        // The count is the sender's word, so the array grows with what is really there.
        ImmutableArray<ChangedKey>.Builder changes = ImmutableArray.CreateBuilder<ChangedKey>();
        int count = body[0];
        body = body[1..];
        while (changes.Count < count)
        {
            if (!TryReadKey(ref body, out string? key) || !TryReadPoint(ref body, out LogPoint version))
            {
                return false;
            }

            changes.Add(new ChangedKey(key, version));
        }

        datagram = datagram with { Changes = changes.DrainToImmutable() };
        return body.IsEmpty;
    }

    private static Span<byte> WriteHeader(Span<byte> destination, DatagramType type, ulong sender, ulong requestId)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(destination.Length, MaxBytes, nameof(destination));
        Magic.CopyTo(destination);
        destination[Magic.Length] = Format;
        destination[TypeAt] = (byte)type;
        BinaryPrimitives.WriteUInt64BigEndian(destination[SenderAt..], sender);
        BinaryPrimitives.WriteUInt64BigEndian(destination[RequestAt..], requestId);
        return destination[HeaderBytes..];
    }

    private static int WriteKey(Span<byte> destination, string key)
    {
        int length = Strict.GetBytes(key, destination[sizeof(ushort)..]);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, KeyRules.MaxBytes, nameof(key));
        BinaryPrimitives.WriteUInt16BigEndian(destination, (ushort)length);
        return length;
    }

    private static void WritePoint(Span<byte> destination, LogPoint point)
    {
        BinaryPrimitives.WriteInt64BigEndian(destination, point.Epoch);
        BinaryPrimitives.WriteInt64BigEndian(destination[sizeof(long)..], point.Sequence);
    }

    private static int Seal(Span<byte> destination, ReadOnlySpan<byte> clusterKey, int bodyBytes)
    {
        int length = HeaderBytes + bodyBytes;
        if (clusterKey.IsEmpty)
        {
            return length;
        }

        Mac(clusterKey, destination[..length], destination.Slice(length, MacBytes));
        return length + MacBytes;
    }

    // In constant time, so that nobody can find a right HMAC byte by byte.
    private static bool TryUnseal(ref ReadOnlySpan<byte> source, ReadOnlySpan<byte> clusterKey)
    {
        if (clusterKey.IsEmpty)
        {
            return true;
        }

        if (source.Length < HeaderBytes + MacBytes)
        {
            return false;
        }

        Span<byte> expected = stackalloc byte[MacBytes];
        Mac(clusterKey, source[..^MacBytes], expected);
        bool isRight = CryptographicOperations.FixedTimeEquals(expected, source[^MacBytes..]);
        source = source[..^MacBytes];
        return isRight;
    }

    private static void Mac(ReadOnlySpan<byte> clusterKey, ReadOnlySpan<byte> message, Span<byte> destination)
    {
        Span<byte> whole = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(clusterKey, message, whole);
        whole[..MacBytes].CopyTo(destination);
    }

    private static bool TryReadKey(ref ReadOnlySpan<byte> source, [NotNullWhen(true)] out string? key)
    {
        key = null;
        if (!BinaryPrimitives.TryReadUInt16BigEndian(source, out ushort length)
            || length > KeyRules.MaxBytes || length > source.Length - sizeof(ushort))
        {
            return false;
        }

        ReadOnlySpan<byte> bytes = source.Slice(sizeof(ushort), length);
        source = source[(sizeof(ushort) + length)..];
        if (!Utf8.IsValid(bytes))
        {
            return false;
        }

        key = Encoding.UTF8.GetString(bytes);
        return KeyRules.Problem(key) is null;
    }

    private static bool TryReadPoint(ref ReadOnlySpan<byte> source, out LogPoint point)
    {
        point = default;
        if (source.Length < PointBytes)
        {
            return false;
        }

        point = new LogPoint(BinaryPrimitives.ReadInt64BigEndian(source), BinaryPrimitives.ReadInt64BigEndian(source[sizeof(long)..]));
        source = source[PointBytes..];
        return point is { Epoch: >= 0, Sequence: >= 0 };
    }
}
