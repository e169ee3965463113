using System.Diagnostics;
using System.Net;
using System.Text.Json;

namespace Diststore.Load;

/// <summary>Stores real files through the gateway, lists them, reads them back from every node and compares byte by byte.</summary>
internal sealed class RealInput : IDisposable
{
    private const int PageKeys = 1000;

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(60) };
    private readonly string _gateway;
    private readonly string[] _nodes;
    private readonly int _parallel;
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    private RealInput(Arguments arguments)
    {
        _gateway = arguments.One("gateway");
        _nodes = arguments.One("nodes").Split(',');
        _parallel = arguments.Number("parallel", 8);
    }

    /// <summary>Runs it; 0 when every file came back as it was from every node.</summary>
    public static async Task<int> RunAsync(Arguments arguments)
    {
        string[] roots = arguments.All("root");
        string[] files = SourceFiles.Find(roots, arguments.Number("max-bytes", 4 << 20), arguments.Number("limit", int.MaxValue));
        if (files.Length == 0)
        {
            throw new ArgumentException("no file was found below the roots");
        }

        using var run = new RealInput(arguments);
        long bytes = await run.StoreAsync(files);
        await run.CompareListingAsync(roots, files);
        foreach (string node in run._nodes)
        {
            await run.ReadBackAsync(node, files);
        }

        Console.WriteLine(
            $"real input: {files.Length} files, {bytes >> 10} KiB, stored, listed and read back from {run._nodes.Length} nodes "
            + $"in {run._clock.Elapsed.TotalSeconds:0.0} s, all equal");
        return 0;
    }

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    private async Task<long> StoreAsync(string[] files)
    {
        long bytes = 0;
        await ForEachAsync("stored", files, async file =>
        {
            byte[] value = await File.ReadAllBytesAsync(file);
            using var request = new HttpRequestMessage(HttpMethod.Put, KeyTarget.At(_gateway, KeyTarget.Of(file))) { Content = new ByteArrayContent(value) };
            using HttpResponseMessage response = await _client.SendAsync(request);
            if (response.StatusCode is not (HttpStatusCode.Created or HttpStatusCode.NoContent))
            {
                throw new InvalidDataException($"PUT {file}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
            }

            Interlocked.Add(ref bytes, value.Length);
        });
        return bytes;
    }

    private async Task CompareListingAsync(string[] roots, string[] files)
    {
        List<string> listed = [];
        foreach (string root in roots.Order(Utf8Order.Instance))
        {
            string prefix = root.TrimEnd('/') + "/";
            string? after = null;
            do
            {
                string next = after is null ? "" : $"&after={Uri.EscapeDataString(after)}";
                string target = $"/v1/kv?prefix={Uri.EscapeDataString(prefix)}&limit={PageKeys}{next}";
                using JsonDocument page = JsonDocument.Parse(await _client.GetByteArrayAsync(KeyTarget.At(_gateway, target)));
                listed.AddRange(page.RootElement.GetProperty("keys").EnumerateArray().Select(static key => key.GetProperty("key").GetString()!));
                after = page.RootElement.GetProperty("next").GetString();
                Progress("listed", listed.Count, files.Length);
            }
            while (after is not null);
        }

        for (int i = 0; i < Math.Max(files.Length, listed.Count); i++)
        {
            string? expected = i < files.Length ? files[i] : null;
            string? actual = i < listed.Count ? listed[i] : null;
            if (expected != actual)
            {
                throw new InvalidDataException($"the listing's key number {i} is {actual ?? "missing"}, expected {expected ?? "none"}");
            }
        }
    }

    private Task ReadBackAsync(string node, string[] files) => ForEachAsync($"read from {node}", files, async file =>
    {
        byte[] expected = await File.ReadAllBytesAsync(file);
        using HttpResponseMessage response = await _client.GetAsync(KeyTarget.At(node, KeyTarget.Of(file)));
        byte[] actual = await response.Content.ReadAsByteArrayAsync();
        if (response.StatusCode != HttpStatusCode.OK)
        {
            throw new InvalidDataException($"GET {file} from {node}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        }

        if (!actual.AsSpan().SequenceEqual(expected))
        {
            throw new InvalidDataException($"GET {file} from {node}: {actual.Length} bytes came, not the {expected.Length} that were stored");
        }
    });

    private async Task ForEachAsync(string what, string[] files, Func<string, Task> act)
    {
        int done = 0;
        await Parallel.ForEachAsync(files, new ParallelOptions { MaxDegreeOfParallelism = _parallel }, async (file, _) =>
        {
            await act(file);
            int now = Interlocked.Increment(ref done);
            if (now % 500 == 0 || now == files.Length)
            {
                Progress(what, now, files.Length);
            }
        });
    }

    // One line that rewrites itself on a terminal; in a log only the last state of each step.
    private void Progress(string what, int done, int all)
    {
        if (!Console.IsOutputRedirected)
        {
            Console.Write($"\r{_clock.Elapsed.TotalSeconds,6:0.0} s  {what}: {done} of {all} files   {(done == all ? "\n" : "")}");
        }
        else if (done == all)
        {
            Console.WriteLine($"{_clock.Elapsed.TotalSeconds,6:0.0} s  {what}: {done} of {all} files");
        }
    }
}
