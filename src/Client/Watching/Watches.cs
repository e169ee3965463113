using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>Changes as they come, over as many connections as it takes.</summary>
internal sealed class Watches(CallRunner runner, Listings listings, DiststoreClientOptions options)
{
    private const string Path = "/v1/changes";

    // Of the answer's lines only; a change is never more than one of them.
    private enum LineKind
    {
        Silence = 0,
        Position = 1,
        Change = 2,
        Gone = 3,
        End = 4,
        Broken = 5,
    }

    public async IAsyncEnumerable<Change> WatchAsync(WatchOptions watch, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string query = Query(watch);
        string? since = watch.Since;
        int address = runner.Addresses.Current;
        long heard = runner.Time.GetTimestamp();
        for (int attempt = 1; ; attempt++)
        {
            (Connection? opened, Failure? failure) = await ConnectAsync(query, since, address, cancellation).ConfigureAwait(false);
            if (opened is { } connection)
            {
                await using var _ = connection.ConfigureAwait(false);
                for (LineKind kind = default; kind is not (LineKind.End or LineKind.Broken);)
                {
                    (kind, Change? change, failure) = await connection.NextAsync(since, cancellation).ConfigureAwait(false);
                    if (kind is LineKind.End && !watch.Live)
                    {
                        yield break;
                    }

                    if (kind is LineKind.End or LineKind.Broken)
                    {
                        continue;
                    }

                    // Whoever sends lines is there; what is yielded may take its reader any time.
                    attempt = 0;
                    if (kind == LineKind.Gone)
                    {
                        throw Gone(since);
                    }

                    since = change?.Id ?? since;
                    if (change is not null && (kind == LineKind.Change || watch.ReportPositions))
                    {
                        yield return change;
                    }

                    heard = runner.Time.GetTimestamp();
                }
            }

            address = runner.Addresses.After(address);
            TimeSpan wait = runner.Backoff.After(Math.Max(attempt, 1), runner.Addresses.Count, failure?.RetryAfter);
            TimeSpan silent = runner.Time.GetElapsedTime(heard) + wait;
            if (options.WatchTimeout != Timeout.InfiniteTimeSpan && silent >= options.WatchTimeout)
            {
                throw new DiststoreUnavailableException($"nobody has told changes for {silent}: {failure?.Text ?? "the answers end"}", failure?.Cause)
                { Failure = failure, Address = runner.Addresses[address], Attempts = attempt };
            }

            await Task.Delay(wait, runner.Time, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>What is there, then what changes; over again whenever the point to go on from is gone.</summary>
    public async IAsyncEnumerable<Change> FollowAsync(WatchOptions watch, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (watch.Key is not null || !watch.Values || !watch.Live)
        {
            throw new ArgumentException("to follow is to hold what is there: all keys of a prefix, live and with their values", nameof(watch));
        }

        string? since = watch.Since;
        for (int passes = 1; ; passes++)
        {
            if (since is null)
            {
                yield return new Change { Kind = ChangeKind.Reset };
                string? after = null;
                do
                {
                    ListPage<DiststoreEntry> page = await listings.PageAsync(watch.Prefix ?? "", after, null, cancellation).ConfigureAwait(false);
                    // What changes while the later pages are read comes after the first one's point.
                    since ??= page.Id;
                    foreach (DiststoreEntry entry in page.Entries)
                    {
                        yield return new Change { Kind = ChangeKind.Put, Key = entry.Key, Version = entry.Version, Info = entry.Info, Entry = entry };
                    }

                    after = page.Next;
                }
                while (after is not null);
                yield return new Change { Kind = ChangeKind.Ready, Id = since };
            }

            IAsyncEnumerator<Change> changes = WatchAsync(watch with { Since = since }, cancellation).GetAsyncEnumerator(cancellation);
            await using var _ = changes.ConfigureAwait(false);
            while (await HasNextAsync(changes).ConfigureAwait(false))
            {
                passes = 0;
                yield return changes.Current;
            }

            since = null;
            await Task.Delay(runner.Backoff.After(Math.Max(passes, 1), addresses: 1, asked: null), runner.Time, cancellation).ConfigureAwait(false);
        }
    }

    public Task<bool> CanResumeAsync(string id, CancellationToken cancellation) => runner.RunAsync<bool>(
        new Call("head_changes", HttpMethod.Head, $"{Path}?since={Keys.Escape(id)}", Repeat.Always),
        // An answer to HEAD has no body that could say more than its status.
        static (answer, _, _) => new(answer is { Status: 200 or 410, Node: not null } ? new Understood<bool>(answer.Status == 200) : Understood<bool>.None),
        cancellation);

    private static string Query(WatchOptions watch)
    {
        if (watch is { Prefix: not null, Key: not null })
        {
            throw new ArgumentException("a watch is of one key or of a prefix, not both", nameof(watch));
        }

        if (watch.Key is not null)
        {
            Keys.Check(watch.Key);
        }
        else if (watch.Prefix is not null)
        {
            Keys.CheckPrefix(watch.Prefix);
        }

        return (watch.Live ? "" : "&live=false") + (watch.Values ? "" : "&values=false")
            + (watch.Key is { } key ? $"&key={Keys.Escape(key)}" : "")
            + (watch.Prefix is { Length: > 0 } prefix ? $"&prefix={Keys.Escape(prefix)}" : "");
    }

    private static async ValueTask<bool> HasNextAsync(IAsyncEnumerator<Change> changes)
    {
        try
        {
            return await changes.MoveNextAsync().ConfigureAwait(false);
        }
        catch (DiststoreChangesGoneException)
        {
            return false;
        }
    }

    private static DiststoreChangesGoneException Gone(string? since) =>
        new($"the changes after '{since}' are gone: take what is there now, then follow from there", since);

    private async Task<(Connection? Connection, Failure? Failure)> ConnectAsync(string query, string? since, int address, CancellationToken cancellation)
    {
        string parameters = (since is null ? "" : $"&since={Keys.Escape(since)}") + query;
        Call call = new Call("watch", HttpMethod.Get, parameters.Length == 0 ? Path : $"{Path}?{parameters[1..]}", Repeat.Always)
            .With("Accept", MediaTypes.Lines);
        ClientInstruments.Operation operation = runner.Start(call);
        (Understood<Connection> result, Failure? failure, int status) =
            await runner.TryAsync<Connection>(call, new CallToken(), address, options.AttemptTimeout, UnderstandAsync, cancellation).ConfigureAwait(false);
        operation.Ended(runner.Addresses[address], status == 0 ? null : status, failure?.ErrorType, failure?.Text);
        return failure?.Kind is FailureKind.Refused or FailureKind.Judged
            ? throw new DiststoreRequestException($"watch at {runner.Addresses[address]}: {failure.Text}", failure.Cause)
            { Failure = failure, Address = runner.Addresses[address], Attempts = 1 }
            : (result.Value, failure);

        async ValueTask<Understood<Connection>> UnderstandAsync(Answer answer, Problem? problem, CancellationToken token)
        {
            if (problem?.Word == DiststoreProblem.Gone)
            {
                throw Gone(since);
            }

            if (answer.Status != 200 || answer.ContentType?.StartsWith(MediaTypes.Lines, StringComparison.OrdinalIgnoreCase) is not true)
            {
                return Understood<Connection>.None;
            }

            var stream = new TimedStream(await answer.OpenAsync(token).ConfigureAwait(false), options.WatchSilence, runner.Time);
            return new(new Connection(stream, new LineReader(stream, options.MaxChangeBytes), answer));
        }
    }

    /// <summary>One answer, read line by line.</summary>
    private sealed class Connection(Stream stream, LineReader lines, Answer answer) : IAsyncDisposable
    {
        public async ValueTask<(LineKind Kind, Change? Change, Failure? Failure)> NextAsync(string? since, CancellationToken cancellation)
        {
            try
            {
                return await lines.ReadAsync(cancellation).ConfigureAwait(false) is { } line ? Read(line) : (LineKind.End, null, null);
            }
            catch (Exception e) when (e is LineTooLongException or JsonException or FormatException)
            {
                // It would be so at any address.
                throw new DiststoreAnswerException($"the change after '{since}': {e.Message}", e);
            }
            catch (Exception e) when (!cancellation.IsCancellationRequested)
            {
                return (LineKind.Broken, null, Failure.Of(e, isSent: true, isLate: false));
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                throw new OperationCanceledException("cancelled by the caller", e, cancellation);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await stream.DisposeAsync().ConfigureAwait(false);
            answer.Dispose();
        }

        private static (LineKind Kind, Change? Change, Failure? Failure) Read(ReadOnlyMemory<byte> line)
        {
            if (line.Span.Trim("\r "u8).IsEmpty)
            {
                return (LineKind.Silence, null, null);
            }

            using JsonDocument json = JsonDocument.Parse(line);
            JsonElement root = json.RootElement;
            if (root.Flag("gone"))
            {
                return (LineKind.Gone, null, null);
            }

            string id = root.NeededText("id");
            if (root.Text("key") is not { } key)
            {
                return (LineKind.Position, new Change { Kind = ChangeKind.Position, Id = id }, null);
            }

            EntryInfo info = root.Info();
            bool isDelete = root.Flag("deleted");
            DiststoreEntry? entry = !isDelete && root.Text("value") is not null ? root.Entry() : null;
            return (LineKind.Change, new Change
            {
                Kind = isDelete ? ChangeKind.Delete : ChangeKind.Put,
                Id = id,
                Key = key,
                Version = info.Version,
                Info = isDelete ? null : entry?.Info ?? info,
                Entry = entry,
            }, null);
        }
    }
}
