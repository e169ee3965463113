// Stores and files on disk for bench/sync.sh and bench/cost.sh: see Usage below.
using Diststore.Load;
using Diststore.Stores;
using RocksDbSharp;

const string Usage = """
    Diststore.Stores backup --to FILE --folder DIR --cluster ID --count N [--bytes N]
        makes a node's store of N entries in a new folder, of that cluster, by the way that a primary writes, and a backup of it
    Diststore.Stores plain --to DIR --count N [--bytes N]
        makes a plain RocksDB database of the same entries: keys and values, nothing else
    Diststore.Stores copy --from DIR --to DIR
        copies it entry by entry into a new one; prints milliseconds from opening the one to the last sync of the other
    Diststore.Stores append --to FILE [--bytes N] [--seconds N]
        appends as many bytes to a file and syncs it, again and again; prints the median of microseconds
    """;

if (args.Length == 0 || !Arguments.TryParse(args[1..], out Arguments? arguments))
{
    Console.Error.WriteLine(Usage);
    return 2;
}

try
{
    return args[0] switch
    {
        "backup" => await MasterBackup.MakeAsync(arguments),
        "plain" => PlainDatabase.Make(arguments),
        "copy" => PlainDatabase.Copy(arguments),
        "append" => SyncedFile.Append(arguments),
        _ => throw new ArgumentException($"there is no {args[0]}\n{Usage}"),
    };
}
catch (Exception e) when (e is ArgumentException or IOException or RocksDbException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
