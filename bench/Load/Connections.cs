using System.Collections.Concurrent;

namespace Diststore.Load;

/// <summary>Many connections at once, dealt out over the addresses, each with one request under way at a time.</summary>
internal sealed class Connections(Arguments arguments)
{
    private readonly string[] _urls = arguments.One("urls").Split(',');
    private readonly int _count = arguments.Number("connections", 64);
    private readonly ConcurrentDictionary<int, long> _unexpected = new();

    /// <summary>Lets every connection act until it ends by itself.</summary>
    public Task RunAsync(Func<RawHttpClient, Task> act) => Task.WhenAll(Enumerable.Range(0, _count).Select(number => Task.Run(async () =>
    {
        using var client = new RawHttpClient(_urls[number % _urls.Length]);
        await act(client);
    })));

    /// <summary>An answer that does not count.</summary>
    public void Unexpected(int status) => _unexpected.AddOrUpdate(status, 1, static (_, count) => count + 1);

    /// <summary>How many answers did not count.</summary>
    public long NotCounted => _unexpected.Values.Sum();

    /// <summary>Says on the error output what did not count; true when all did.</summary>
    public bool Report()
    {
        foreach ((int status, long count) in _unexpected.OrderBy(static pair => pair.Key))
        {
            Console.Error.WriteLine($"{count} answers of status {status} were not counted");
        }

        return _unexpected.IsEmpty;
    }
}
