using System.Globalization;

namespace Diststore.SystemTests;

/// <summary>A key that one writer alone writes to, and how its writes went. The value of write number n is n.</summary>
internal sealed class OwnKey(string name)
{
    public string Name => name;

    /// <summary>The number of the last write that was tried.</summary>
    public int Attempted { get; set; }

    /// <summary>The number of the last write that was acknowledged; 0 for none.</summary>
    public int Kept { get; set; }

    /// <summary>The numbers of the writes that were deletes.</summary>
    public List<int> Deletes { get; } = [];

    /// <summary>Whether the last write's outcome is not known.</summary>
    public bool IsDoubtful { get; set; }
}

/// <summary>
/// Writes and deletes keys of its own, each numbered; a key whose outcome is not known is left alone from then on. One
/// task writes; others may look.
/// </summary>
internal sealed class OwnKeysWriter(int number, UpNodes nodes, int padding = 0)
{
    private const int KeysAtOnce = 4;

    private readonly List<OwnKey> _keys = [];
    private readonly string _padding = new('.', padding);
    private int _acknowledged;
    private int _made;

    /// <summary>How many writes were acknowledged.</summary>
    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>Writes until told to stop.</summary>
    public async Task RunAsync(CancellationToken over)
    {
        var random = new Random(number);
        while (!over.IsCancellationRequested)
        {
            OwnKey[] usable = [.. _keys.Where(static key => !key.IsDoubtful)];
            OwnKey key = usable.Length < KeysAtOnce ? New() : usable[random.Next(usable.Length)];
            SiloProcess[] up = nodes.Up;
            await WriteAsync(up[random.Next(up.Length)].Http, key, deletes: key.Attempted > 0 && random.Next(5) == 0);
        }
    }

    /// <summary>What is acknowledged by now: each key with the number of its last write.</summary>
    public (OwnKey Key, int Kept)[] Promises()
    {
        lock (_keys)
        {
            return [.. _keys.Select(static key => (key, key.Kept))];
        }
    }

    /// <summary>
    /// Whether a node shows, for each key, what was promised or what was written later. Called when writing has ended.
    /// </summary>
    /// <param name="http">The node.</param>
    /// <param name="promises">What was promised.</param>
    /// <param name="at">More for a failure's message.</param>
    /// <param name="strongly">Whether by strong reads; else what it shows may lack what was written just before.</param>
    public static async Task CheckAsync(HttpFace http, IEnumerable<(OwnKey Key, int Kept)> promises, string at, bool strongly = false)
    {
        foreach ((OwnKey key, int kept) in promises)
        {
            Answer answer = strongly ? await http.ReadStrongAsync(key.Name) : await http.ReadAsync(key.Name);
            bool good = answer.Status switch
            {
                200 => int.Parse(answer.Text.TrimEnd('.'), CultureInfo.InvariantCulture) is var found && found >= kept && found <= key.Attempted,
                404 => kept == 0 || key.Deletes.Any(delete => delete >= kept),
                _ => false,
            };
            Assert.True(good, $"{key.Name}: acknowledged {kept}, attempted {key.Attempted}, answered {answer}; {at}");
        }
    }

    private OwnKey New()
    {
        var key = new OwnKey($"writer-{number}-{_made++}");
        lock (_keys)
        {
            _keys.Add(key);
        }

        return key;
    }

    private async Task WriteAsync(HttpFace http, OwnKey key, bool deletes)
    {
        int attempt = ++key.Attempted;
        if (deletes)
        {
            key.Deletes.Add(attempt);
        }

        Answer? answer = null;
        try
        {
            using var value = new StringContent(attempt.ToString(CultureInfo.InvariantCulture) + _padding);
            answer = await http.SendAsync(deletes ? HttpMethod.Delete : HttpMethod.Put, $"/v1/kv/{key.Name}", deletes ? null : value);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
        {
            // The node was killed under it.
        }

        if (answer is { Status: 200 or 201 or 204 } || (deletes && answer is { Status: 404 }))
        {
            key.Kept = attempt;
            Interlocked.Increment(ref _acknowledged);
        }
        else
        {
            key.IsDoubtful = true;
        }
    }
}
