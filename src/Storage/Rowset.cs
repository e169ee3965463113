using RocksDbSharp;

namespace Diststore.Storage;

/// <summary>
/// A walk over rows in the order of their keys. The engine's iterator ends *silently* at a damaged block, so here the end
/// is only the end once the iterator has said that it met no error.
/// </summary>
internal sealed class Rowset(Engine engine, Iterator rows, ReadOptions options) : IDisposable
{
    /// <summary>Whether there is a row here; throws <see cref="StoreFailedException"/> at a damaged one.</summary>
    public bool IsValid
    {
        get
        {
            if (rows.Valid())
            {
                return true;
            }

            Native.Instance.rocksdb_iter_get_error(rows.Handle, out nint error);
            engine.Check(error, "scanning");
            return false;
        }
    }

    /// <summary>The key of the row; valid until the next move.</summary>
    public ReadOnlySpan<byte> Key => rows.GetKeySpan();

    /// <summary>The row; valid until the next move.</summary>
    public ReadOnlySpan<byte> Row => rows.GetValueSpan();

    public void Seek(ReadOnlySpan<byte> key) => rows.Seek(key);

    public void SeekToLast() => rows.SeekToLast();

    public void Next() => rows.Next();

    public void Dispose()
    {
        rows.Dispose();
        GC.KeepAlive(options);
    }
}
