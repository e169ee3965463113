// What the scripts in this folder measure and check with: see Usage below.
using Diststore.Load;

const string Usage = """
    Diststore.Load real-input --gateway URL --nodes URL,URL,... --root DIR [--root DIR] [--limit FILES] [--max-bytes N] [--parallel N]
        stores every regular file by its path as key through the gateway, lists, reads back from every node, compares
    Diststore.Load cold-miss --put URL --get URL --count N --bytes N
        stores N keys by one URL and asks for each once, one after the other, by the other; prints microseconds: median and 99th percentile
    Diststore.Load absent --get URL --count N
        the same for keys that nobody has
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
        _ => throw new ArgumentException($"there is no {args[0]}\n{Usage}"),
    };
}
catch (Exception e) when (e is ArgumentException or HttpRequestException or IOException or InvalidDataException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
