using System.Diagnostics;
using System.Globalization;
using Diststore.Load;
using RocksDbSharp;

namespace Diststore.Stores;

/// <summary>The yardstick of a sync: RocksDB as it comes, with its own defaults.</summary>
internal static class PlainDatabase
{
    private const int BatchBytes = 1 << 20; // as much as a page of a sync

    /// <summary>Makes the database that is copied.</summary>
    public static int Make(Arguments arguments)
    {
        int count = arguments.Number("count", 1_000_000);
        byte[] key = new byte[NumberedEntry.KeyBytes], value = new byte[arguments.Number("bytes", 100)];
        using RocksDb database = Open(arguments.One("to"));
        using var writer = new Writer(database);
        for (int number = 0; number < count; number++)
        {
            NumberedEntry.WriteKey((ulong)number, key);
            NumberedEntry.WriteValue((ulong)number, value);
            writer.Put(key, value);
        }

        writer.Finish();
        return 0;
    }

    /// <summary>Reads all, writes all.</summary>
    public static int Copy(Arguments arguments)
    {
        long start = Stopwatch.GetTimestamp();
        using RocksDb source = Open(arguments.One("from")), target = Open(arguments.One("to"));
        using var writer = new Writer(target);
        using Iterator entries = source.NewIterator();
        for (entries.SeekToFirst(); entries.Valid(); entries.Next())
        {
            writer.Put(entries.GetKeySpan(), entries.GetValueSpan());
        }

        writer.Finish();
        Console.WriteLine(Stopwatch.GetElapsedTime(start).TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture));
        return 0;
    }

    private static RocksDb Open(string folder) => RocksDb.Open(new DbOptions().SetCreateIfMissing(true), folder);

    // In batches, logged; synced once, at the end.
    private sealed class Writer(RocksDb database) : IDisposable
    {
        private readonly WriteBatch _batch = new();
        private long _bytes;

        public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
        {
            _batch.Put(key, value);
            _bytes += key.Length + value.Length;
            if (_bytes >= BatchBytes)
            {
                database.Write(_batch);
                _batch.Clear();
                _bytes = 0;
            }
        }

        public void Finish() => database.Write(_batch, new WriteOptions().SetSync(true));

        public void Dispose() => _batch.Dispose();
    }
}
