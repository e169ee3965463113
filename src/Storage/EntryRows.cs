using RocksDbSharp;

namespace Diststore.Storage;

/// <summary>
/// Entries as they are stored: a short value in the entry's row, a longer one in a family of its own, so that whoever walks
/// over heads need not read it. The two rows are written in one batch, and the value's names the version that it belongs to.
/// </summary>
internal sealed class EntryRows(Engine engine)
{
    /// <summary>The entry of that key, as it is now, or <see langword="null"/>; may wait for the disk.</summary>
    public Entry? Read(string key, ReadOnlySpan<byte> bytes)
    {
        if (!TryRead(key, bytes, null, out Entry? entry))
        {
            // It was replaced between the two reads; in one snapshot nothing is.
            using Snapshot snapshot = engine.Snapshot();
            return Read(key, bytes, new ReadOptions().SetVerifyChecksums(true).SetSnapshot(snapshot));
        }

        return entry;
    }

    /// <summary>The entry of that key in the options' snapshot, or <see langword="null"/>.</summary>
    public Entry? Read(string key, ReadOnlySpan<byte> bytes, ReadOptions options) =>
        TryRead(key, bytes, options, out Entry? entry) ? entry : throw LacksValue(key);

    /// <summary>The entry of a row that was met in the options' snapshot.</summary>
    public Entry Read(string key, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> row, ReadOptions options)
    {
        StoredEntry stored = Rows.Read(key, row);
        return stored.Entry ?? WithValue(stored.Head!, bytes, options) ?? throw LacksValue(key);
    }

    /// <summary>The same from memory only; false when it takes the disk to say.</summary>
    public bool TryReadFromMemory(string key, ReadOnlySpan<byte> bytes, out Entry? entry)
    {
        entry = null;
        if (!engine.TryGetFromMemory(Family.Entries, bytes, row => Rows.Read(key, row), out StoredEntry stored))
        {
            return false;
        }

        entry = stored.Entry;
        if (stored.Head is not { } head)
        {
            return true;
        }

        bool isThere = engine.TryGetFromMemory(Family.Values, bytes, row => Rows.ReadValue(head.Version, row), out byte[]? value);
        entry = value is null ? null : With(head, value);
        return isThere && entry is not null;
    }

    private bool TryRead(string key, ReadOnlySpan<byte> bytes, ReadOptions? options, out Entry? entry)
    {
        StoredEntry stored = engine.Get(Family.Entries, bytes, row => Rows.Read(key, row), options);
        entry = stored.Head is { } head ? WithValue(head, bytes, options) : stored.Entry;
        return stored.Head is null || entry is not null;
    }

    private Entry? WithValue(EntryHead head, ReadOnlySpan<byte> bytes, ReadOptions? options) =>
        engine.Get(Family.Values, bytes, row => Rows.ReadValue(head.Version, row), options) is { } value ? With(head, value) : null;

    private static Entry With(EntryHead head, byte[] value) => new(head.Key, value, head.ContentType, head.Version, head.ExpiresAt);

    private StoreFailedException LacksValue(string key) => engine.Fail("reading", $"the value of key '{key}' is missing", isDamage: true);
}
