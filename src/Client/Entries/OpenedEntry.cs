namespace Diststore.Client;

/// <summary>A value that is read as it comes. To be disposed, or its connection stays taken.</summary>
public sealed class OpenedEntry : IAsyncDisposable, IDisposable
{
    private readonly IDisposable _answer;

    internal OpenedEntry(EntryInfo info, Stream content, long offset, long? total, IDisposable answer)
    {
        Info = info;
        Content = content;
        Offset = offset;
        TotalSize = total;
        _answer = answer;
    }

    /// <summary>What is known besides the value; its size is that of what this stream gives.</summary>
    public EntryInfo Info { get; }

    /// <summary>
    /// The bytes. A read that gets nothing for <see cref="DiststoreClientOptions.AttemptTimeout"/>, or whose connection breaks, throws an
    /// <see cref="IOException"/>: what is not whole never ends like what is. Go on at another address with a <see cref="ValueRange"/> from there.
    /// </summary>
    public Stream Content { get; }

    /// <summary>Where in the value this begins: 0 unless a range was asked for and given.</summary>
    public long Offset { get; }

    /// <summary>Bytes of the whole value, where the answer told.</summary>
    public long? TotalSize { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Content.Dispose();
        _answer.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Content.DisposeAsync().ConfigureAwait(false);
        _answer.Dispose();
    }
}
