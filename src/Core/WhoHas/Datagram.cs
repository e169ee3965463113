using System.Collections.Immutable;

namespace Diststore.Core;

/// <summary>What a datagram says. Append only: the numbers are on the wire.</summary>
internal enum DatagramType : byte
{
    /// <summary>Who has this key? Sent to everyone.</summary>
    WhoHas = 1,

    /// <summary>I have a copy that can be served, of this version.</summary>
    Have = 2,

    /// <summary>I have it as a local-only entry.</summary>
    HaveLocal = 3,

    /// <summary>I am a master in this epoch and have no such key. A hint: "not found" is said by a call only.</summary>
    None = 4,

    /// <summary>These keys have changed: older copies may be dropped.</summary>
    Hint = 5,

    /// <summary>I hold local-only entries, but none of this key.</summary>
    NoneLocal = 6,
}

/// <summary>A datagram that was read; see <see cref="DatagramCodec"/> for its form.</summary>
/// <param name="Type">What it says, and so which of the properties below mean something.</param>
/// <param name="Sender">Who says so, see <see cref="DatagramCodec.SenderOf"/>.</param>
/// <param name="RequestId">Which question this is or answers; chosen by who asked.</param>
internal readonly record struct Datagram(DatagramType Type, ulong Sender, ulong RequestId)
{
    /// <summary>The key asked for, in a <see cref="DatagramType.WhoHas"/>.</summary>
    public string? Key { get; init; }

    /// <summary>Whether who has it local-only should answer too, in a <see cref="DatagramType.WhoHas"/>.</summary>
    public bool IncludingLocalOnly { get; init; }

    /// <summary>Whether every holder should answer, in a <see cref="DatagramType.WhoHas"/>; else a few of many do.</summary>
    public bool FromEveryone { get; init; }

    /// <summary>The version held, in a <see cref="DatagramType.Have"/>.</summary>
    public LogPoint Version { get; init; }

    /// <summary>The master's epoch, in a <see cref="DatagramType.None"/>.</summary>
    public long Epoch { get; init; }

    /// <summary>What changed, in a <see cref="DatagramType.Hint"/>; else default.</summary>
    public ImmutableArray<ChangedKey> Changes { get; init; }
}
