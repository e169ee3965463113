using System.Runtime.InteropServices;
using System.Text;
using RocksDbSharp;

namespace Diststore.Storage;

/// <summary>The column families.</summary>
internal enum Family
{
    Meta = 0,
    Entries = 1,
    Changes = 2,
    Pending = 3,
    Tombstones = 4,
    Local = 5,
    Expiries = 6,
    Values = 7,
}

/// <summary>
/// RocksDB, as far as it is used here. All its errors become <see cref="StoreFailedException"/>s; the first one is kept
/// and ends writing. Everything native is used within <see cref="Enter"/>, because closing frees it: closing waits until
/// the last one left.
/// </summary>
internal sealed class Engine : IDisposable
{
    private const long Closed = long.MinValue;

    private readonly RocksDb _db;
    private readonly nint[] _families;
    private readonly ReadOptions _read = new ReadOptions().SetVerifyChecksums(true);
    private readonly ReadOptions _readMemory = new ReadOptions().SetVerifyChecksums(true).SetReadTier(1); // kBlockCacheTier
    private readonly WriteOptions _write = new(); // logged, not synced: SyncLog does that for many at once
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Action<StoreFailedException, bool> _failed;
    private long _users; // any thread
    private StoreFailedException? _failure; // the first one; any thread

    /// <param name="db">Is owned.</param>
    /// <param name="failed">Called once with the first failure, and whether it is damage to the files; on any thread.</param>
    public Engine(RocksDb db, Action<StoreFailedException, bool> failed)
    {
        _db = db;
        _failed = failed;
        _families = [.. Enum.GetValues<Family>().Select(family => db.GetColumnFamily(EngineOptions.Name(family)).Handle)];
    }

    /// <summary>Why no more writes are taken, or <see langword="null"/>.</summary>
    public StoreFailedException? Failure => Volatile.Read(ref _failure);

    /// <summary>The number of the last write, by the engine's own counting.</summary>
    public long Sequence => (long)_db.GetLatestSequenceNumber();

    /// <summary>Everything native is used between this and <see cref="Exit"/>; throws once the store is being closed.</summary>
    public void Enter()
    {
        if (Interlocked.Increment(ref _users) <= 0)
        {
            Exit();
            throw new ObjectDisposedException(nameof(RocksStore));
        }
    }

    /// <summary>Ends what <see cref="Enter"/> began.</summary>
    public void Exit()
    {
        if (Interlocked.Decrement(ref _users) == Closed)
        {
            _left.TrySetResult();
        }
    }

    /// <summary>Whether closing has begun; long readers end then.</summary>
    public bool IsClosing => Volatile.Read(ref _users) < 0;

    /// <summary>Lets nobody in any more; completes when all have left.</summary>
    public Task CloseAsync()
    {
        if (Interlocked.Add(ref _users, Closed) == Closed)
        {
            _left.TrySetResult();
        }

        return _left.Task;
    }

    /// <summary>The row of that key, or <see langword="null"/>; may wait for the disk.</summary>
    public byte[]? Get(Family family, ReadOnlySpan<byte> key, ReadOptions? options = null)
    {
        _ = TryGet(family, key, options ?? _read, static row => row.ToArray(), out byte[]? row);
        return row;
    }

    /// <summary>The row of that key, read in place; may wait for the disk.</summary>
    public T? Get<T>(Family family, ReadOnlySpan<byte> key, Func<ReadOnlySpan<byte>, T> read, ReadOptions? options = null)
    {
        _ = TryGet(family, key, options ?? _read, read, out T? result);
        return result;
    }

    /// <summary>The same, from memory only; false when it takes the disk to say.</summary>
    public bool TryGetFromMemory<T>(Family family, ReadOnlySpan<byte> key, Func<ReadOnlySpan<byte>, T> read, out T? result) =>
        TryGet(family, key, _readMemory, read, out result);

    /// <summary>Rows in the order of their keys, as they are now or in that snapshot.</summary>
    public Rowset Scan(Family family, Snapshot? snapshot, bool fillCache)
    {
        ReadOptions options = new ReadOptions().SetVerifyChecksums(true).SetFillCache(fillCache);
        options = snapshot is null ? options : options.SetSnapshot(snapshot);
        return new Rowset(this, _db.NewIterator(_db.GetColumnFamily(EngineOptions.Name(family)), options), options);
    }

    public Snapshot Snapshot() => _db.CreateSnapshot();

    public unsafe void Put(WriteBatch batch, Family family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> row)
    {
        fixed (byte* k = key, r = row)
        {
            Native.Instance.rocksdb_writebatch_put_cf(batch.Handle, _families[(int)family], k, (nuint)key.Length, r, (nuint)row.Length);
        }
    }

    public unsafe void Delete(WriteBatch batch, Family family, ReadOnlySpan<byte> key)
    {
        fixed (byte* k = key)
        {
            Native.Instance.rocksdb_writebatch_delete_cf(batch.Handle, _families[(int)family], k, (nuint)key.Length);
        }
    }

    /// <summary>Writes a batch to the log, without syncing it, and makes it visible.</summary>
    public void Write(WriteBatch batch)
    {
        Native.Instance.rocksdb_write(_db.Handle, _write.Handle, batch.Handle, out nint error);
        Check(error, "writing");
    }

    /// <summary>Syncs the log; others may write meanwhile.</summary>
    public void SyncLog()
    {
        Native.Instance.rocksdb_flush_wal(_db.Handle, 1, out nint error);
        Check(error, "syncing the log");
    }

    /// <summary>Moves what is in memory to table files.</summary>
    public void Flush()
    {
        foreach (Family family in Enum.GetValues<Family>())
        {
            using var options = new FlushHandle();
            Native.Instance.rocksdb_flush_cf(_db.Handle, options.Handle, _families[(int)family], out nint error);
            Check(error, "flushing");
        }
    }

    /// <summary>Ends writing for good, for that reason, unless it has ended already.</summary>
    public StoreFailedException Fail(string doing, string reason, bool isDamage)
    {
        var failure = new StoreFailedException(
            isDamage ? $"the store is damaged, found while {doing}: {reason}" : $"the store failed while {doing}: {reason}");
        if (Interlocked.CompareExchange(ref _failure, failure, null) is null)
        {
            _failed(failure, isDamage);
        }

        return failure;
    }

    /// <summary>Throws if the engine reported an error.</summary>
    public void Check(nint error, string doing)
    {
        if (error != 0)
        {
            string reason = Take(error);
            throw Fail(doing, reason, reason.StartsWith("Corruption", StringComparison.Ordinal));
        }
    }

    /// <summary>To be called when all have left.</summary>
    public void Dispose() => _db.Dispose();

    private static string Take(nint error)
    {
        string text = Marshal.PtrToStringUTF8(error) ?? "";
        Native.Instance.rocksdb_free(error);
        return text;
    }

    private unsafe bool TryGet<T>(Family family, ReadOnlySpan<byte> key, ReadOptions options, Func<ReadOnlySpan<byte>, T> read, out T? result)
    {
        result = default;
        nint pinned, error;
        fixed (byte* k = key)
        {
            pinned = Native.Instance.rocksdb_get_pinned_cf(
                _db.Handle, options.Handle, _families[(int)family], k, (nuint)key.Length, out error);
        }

        GC.KeepAlive(options);
        if (error != 0)
        {
            // "Result incomplete" is no error but the answer of a read that was told to leave the disk alone.
            string reason = Take(error);
            return ReferenceEquals(options, _readMemory) && reason.StartsWith("Result incomplete", StringComparison.Ordinal)
                ? false
                : throw Fail("reading", reason, reason.StartsWith("Corruption", StringComparison.Ordinal));
        }

        if (pinned == 0)
        {
            return true;
        }

        try
        {
            nint value = Native.Instance.rocksdb_pinnableslice_value(pinned, out nuint length);
            result = read(new ReadOnlySpan<byte>((void*)value, (int)length));
            return true;
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw Fail("reading", $"the row of key '{Encoding.UTF8.GetString(key)}' is too short ({e.Message})", isDamage: true);
        }
        finally
        {
            Native.Instance.rocksdb_pinnableslice_destroy(pinned);
        }
    }

    private sealed class FlushHandle : IDisposable
    {
        public nint Handle { get; } = Native.Instance.rocksdb_flushoptions_create();

        public void Dispose() => Native.Instance.rocksdb_flushoptions_destroy(Handle);
    }
}
