// What the scripts in this folder measure and check with: see Usage below.
using System.Net.Sockets;
using Diststore.Load;

const string Usage = """
    Diststore.Load real-input --gateway URL --nodes URL,URL,... --root DIR [--root DIR] [--limit FILES] [--max-bytes N] [--parallel N]
        stores every regular file by its path as key through the gateway, lists, reads back from every node, compares
    Diststore.Load cold-miss --put URL --get URL --count N --bytes N
        stores N keys by one URL and asks for each once, one after the other, by the other; prints microseconds: median and 99th percentile
    Diststore.Load absent --get URL --count N
        the same for keys that nobody has
    Diststore.Load posts --api v1|etcd --urls URL,URL,... --seconds N [--warm-up N] [--connections N] [--bytes N]
        stores new keys; prints acknowledged posts a second, microseconds (median, 99th and 99.9th percentile), and how many others there were
    Diststore.Load outages --api v1|etcd --urls URL,URL,... [--connections N] [--bytes N]
        stores new keys until its input ends, what fails at another node at once; answers each line of its input with what was since the last:
        milliseconds of the longest time without an acknowledgement, writes acknowledged, tries failed
    Diststore.Load fill --urls URL,URL,... --from N --to N [--connections N] [--bytes N]
        stores the entries of these numbers
    Diststore.Load reads --urls URL,URL,... --count N --of N [--connections N] [--bytes N]
        reads N entries at random out of the first N that fill stored, and compares
    Diststore.Load list --get URL
        lists all keys page by page; prints how many there are
    Diststore.Load long-keys|large|delete|expire --urls URL,URL,... --count N [--connections N] [--key-bytes N | --bytes N | --in SECONDS]
        stores keys of 1,000 bytes, or values of 4 MiB; deletes what fill stored; stores entries that expire within the same second
    Diststore.Load names --get URL --prefix P
        reads a node's /list; prints how many keys start with P
    Diststore.Load listings --get URL --prefix P --count N [--connections N]
        lists the keys under P to the end, N times; prints how many keys each listing had
    Diststore.Load watch --get URL --since ID --prefix P --deletes N --seconds N
        follows the changes until so many keys under P were deleted; prints how many were
    Diststore.Load streams --get URL --since ID --count N --seconds N
        opens streams of changes and reads what comes; prints how many were open at the end, and MiB read
    Diststore.Load trickle --get URL --count N --bytes N --rate N --seconds N
        connections that each announce a form of so many bytes and send so many a second; prints how many were open at the end
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
        "real-input" => await RealInput.RunAsync(arguments),
        "cold-miss" => await Latency.ColdMissAsync(arguments),
        "absent" => await Latency.AbsentAsync(arguments),
        "posts" => await Posts.RunAsync(arguments),
        "outages" => await Outages.RunAsync(arguments),
        "fill" => await Filling.FillAsync(arguments),
        "reads" => await Filling.ReadAsync(arguments),
        "list" => await Filling.ListAsync(arguments),
        "long-keys" => await Volume.LongKeysAsync(arguments),
        "large" => await Volume.LargeAsync(arguments),
        "delete" => await Volume.DeleteAsync(arguments),
        "expire" => await Volume.ExpireAsync(arguments),
        "names" => await Volume.NamesAsync(arguments),
        "listings" => await Volume.ListingsAsync(arguments),
        "watch" => await Streams.WatchAsync(arguments),
        "streams" => await Streams.OpenAsync(arguments),
        "trickle" => await Streams.TrickleAsync(arguments),
        _ => throw new ArgumentException($"there is no {args[0]}\n{Usage}"),
    };
}
catch (Exception e) when (e is ArgumentException or HttpRequestException or IOException or SocketException or InvalidDataException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
