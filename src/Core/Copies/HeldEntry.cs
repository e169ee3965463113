using System.Runtime.InteropServices;

namespace Diststore.Core;

/// <summary>What a process holds of a key.</summary>
/// <param name="Entry">The entry; <see langword="null"/> where it holds none that it could show.</param>
/// <param name="Age">How long ago what it holds was surely the cluster's state.</param>
/// <param name="CurrentAt">The point up to which that follows the primary's changes.</param>
/// <param name="History">The history that it is of.</param>
/// <param name="Life">What remains of an entry that expires, by what was told of the primary's clock; never more than that.</param>
/// <param name="IsUntold">Whether it holds one that expires, and nothing was told of the primary's clock.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct HeldEntry(Entry? Entry, TimeSpan Age, LogPoint CurrentAt, Guid History, TimeSpan? Life = null, bool IsUntold = false)
{
    /// <summary>Whether it may be shown to a read with these options, where nothing older than <paramref name="bound"/> is shown by default.</summary>
    public bool Serves(in ReadOptions options, TimeSpan bound) =>
        Entry is not null && Age <= options.BoundOf(bound) && CurrentAt.Sequence >= options.MinSequence;
}

/// <summary>The same without the value, which may be large.</summary>
/// <param name="Version">The entry's version; <see langword="null"/> where there is none that could be shown.</param>
/// <param name="Age">How long ago what is held was surely the cluster's state.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct HeldHead(LogPoint? Version, TimeSpan Age);
