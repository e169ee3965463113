using System.Buffers;
using Diststore.Core;

namespace Diststore.Http;

/// <summary>
/// One answer of the store, shared by all streams of this process that ask for the same changes. It is written out once for
/// each format, however many send it.
/// </summary>
internal sealed class FeedPage
{
    // A formatted change beside key, media type and value: member names, braces, id, size, times.
    private const int FormatOverheadBytes = 256;

    private readonly Lock _gate = new();
    private TaskCompletionSource<FormattedPage>? _events; // guarded by _gate
    private TaskCompletionSource<FormattedPage>? _lines; // guarded by _gate

    /// <summary>What was read from there, asked for at <paramref name="readAt"/>, in the clock's timestamps.</summary>
    public FeedPage(FeedPoint from, ChangesResult result, long readAt)
    {
        From = from;
        Result = result;
        ReadAt = readAt;
        Bytes = BytesOf(result);
        Place = new LinkedListNode<FeedPage>(this);
    }

    /// <summary>Where it was read from, and what of it.</summary>
    public FeedPoint From { get; }

    /// <summary>What the store gave.</summary>
    public ChangesResult Result { get; }

    /// <summary>When it was asked for, in the clock's timestamps.</summary>
    public long ReadAt { get; }

    /// <summary>What it may come to in memory: its entries, and both ways of writing them.</summary>
    public long Bytes { get; }

    /// <summary>Its place among the pages that nobody holds.</summary>
    public LinkedListNode<FeedPage> Place { get; }

    /// <summary>Whether whoever stands where it was read from gets on with it.</summary>
    public bool LeadsOn => Result.Upto > From.Since.Point || Result.Last > From.Since.Point;

    /// <summary>How many streams hold it. Guarded by the feed.</summary>
    public int Holders { get; set; }

    /// <summary>How many of them were not let go. Guarded by the feed.</summary>
    public int Staying { get; set; }

    /// <summary>Since when nobody holds it, in the clock's timestamps. Guarded by the feed.</summary>
    public long UnheldSince { get; set; }

    /// <summary>Its changes as they are sent; made by the first who asks.</summary>
    public Task<FormattedPage> InAsync(ChangeFormat format)
    {
        TaskCompletionSource<FormattedPage> made;
        lock (_gate)
        {
            ref TaskCompletionSource<FormattedPage>? slot = ref (format == ChangeFormat.Events ? ref _events : ref _lines);
            if (slot is not null)
            {
                return slot.Task;
            }

            slot = made = new TaskCompletionSource<FormattedPage>(TaskCreationOptions.RunContinuationsAsynchronously);
        }

        try
        {
            made.SetResult(FormattedPage.Of(Result, format));
        }
        catch (Exception exception)
        {
            made.SetException(exception);
        }

        return made.Task;
    }

    private static long BytesOf(ChangesResult result)
    {
        long bytes = 0;
        foreach (Entry entry in result.Entries)
        {
            bytes += entry.SizeBytes + (2 * FormattedBytes(entry.Key, entry.ContentType, entry.Value?.Length ?? 0));
        }

        foreach (EntryHead head in result.Heads ?? [])
        {
            bytes += head.SizeBytes + (2 * FormattedBytes(head.Key, head.ContentType, 0));
        }

        return bytes;
    }

    private static long FormattedBytes(string key, string? contentType, int valueBytes) =>
        FormatOverheadBytes + (3L * key.Length) + (contentType?.Length ?? 0) + (valueBytes * 4L / 3);
}

/// <summary>From where changes are read, and which.</summary>
internal readonly record struct FeedPoint(ChangeId Since, ChangeFilter Filter);

/// <summary>Changes as they are sent.</summary>
internal sealed class FormattedPage
{
    private readonly Chunks _text = new();
    private readonly (ChangeId Id, long End)[] _changes;

    private FormattedPage(int count) => _changes = new (ChangeId, long)[count];

    /// <summary>How many changes these are.</summary>
    public int Count => _changes.Length;

    public static FormattedPage Of(ChangesResult result, ChangeFormat format)
    {
        var page = new FormattedPage(result.Count);
        for (int i = 0; i < result.Count; i++)
        {
            EntryHead head = result.Heads?[i] ?? EntryHead.Of(result.Entries[i]);
            ChangeId id = result.IdOf(head.Version);
            format.Write(page._text, head, result.Heads is null ? result.Entries[i].Value : null, id);
            page._changes[i] = (id, page._text.Length);
        }

        return page;
    }

    public ChangeId IdOf(int index) => _changes[index].Id;

    /// <summary>Sends one change.</summary>
    public async ValueTask SendAsync(int index, StreamSink sink)
    {
        long at = index == 0 ? 0 : _changes[index - 1].End;
        while (at < _changes[index].End)
        {
            ReadOnlyMemory<byte> piece = _text.From(at, _changes[index].End);
            await sink.WriteAsync(piece);
            at += piece.Length;
        }
    }
}

/// <summary>Bytes in pieces that are no large objects to the garbage collector.</summary>
internal sealed class Chunks : IBufferWriter<byte>
{
    /// <summary>The longest piece, and the most that may be asked for at once.</summary>
    public const int MaxChunkBytes = 64 * 1024;

    private const int FirstChunkBytes = 1024;

    private readonly List<(long Start, byte[] Bytes)> _chunks = [];
    private int _used; // of the last chunk

    public long Length => _chunks.Count == 0 ? 0 : _chunks[^1].Start + _used;

    public void Advance(int count) => _used += count;

    public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizeHint, MaxChunkBytes);
        if (_chunks.Count == 0 || _chunks[^1].Bytes.Length - _used < Math.Max(sizeHint, 1))
        {
            long length = Length;
            long size = Math.Clamp(length, Math.Max(sizeHint, FirstChunkBytes), MaxChunkBytes);
            _chunks.Add((length, new byte[size]));
            _used = 0;
        }

        return _chunks[^1].Bytes.AsMemory(_used);
    }

    /// <summary>What lies in one piece from there on, no further than <paramref name="end"/>.</summary>
    public ReadOnlyMemory<byte> From(long at, long end)
    {
        int low = 0, high = _chunks.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = _chunks[middle].Start <= at ? (middle, high) : (low, middle - 1);
        }

        long stop = Math.Min(end, low + 1 < _chunks.Count ? _chunks[low + 1].Start : end);
        return _chunks[low].Bytes.AsMemory((int)(at - _chunks[low].Start), (int)(stop - at));
    }
}
