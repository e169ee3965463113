using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>Writes through the masters.</summary>
internal sealed class EntryWrites(CallRunner runner, Session? session)
{
    public Task<WriteResult> PutAsync(
        string key, Func<HttpContent> content, bool hasBodyOnce, bool isLong, PutOptions? options, CancellationToken cancellation)
    {
        Expiry expiry = options?.Expiry ?? Expiry.Never;
        string query = expiry.Seconds is { } seconds ? $"?ttl={seconds}" : expiry.Moment is { } moment ? $"?expiresAt={Keys.Escape(moment)}" : "";
        Call call = Make("put", HttpMethod.Put, EntryReads.KeyPath + Keys.ToSegment(key) + query, options, content, hasBodyOnce, isLong);
        return RunAsync(Conditional(call, options?.Condition), static answer => answer.Status switch
        {
            201 => WriteStatus.Created,
            204 => WriteStatus.Replaced,
            _ => null,
        }, cancellation);
    }

    public Task<WriteResult> DeleteAsync(string key, WriteOptions? options, CancellationToken cancellation)
    {
        Call call = Make("delete", HttpMethod.Delete, EntryReads.KeyPath + Keys.ToSegment(key), options);
        return RunAsync(Conditional(call, options?.Condition), static answer => answer.Status == 204 ? WriteStatus.Deleted : null, cancellation);
    }

    public Task<WriteResult> TouchAsync(string key, Expiry expiry, WriteOptions? options, CancellationToken cancellation)
    {
        string query = expiry.Moment is { } moment ? $"?expiresAt={Keys.Escape(moment)}" : $"?ttl={expiry.Seconds ?? "none"}";
        Call call = Make("touch", HttpMethod.Patch, EntryReads.KeyPath + Keys.ToSegment(key) + query, options);
        return RunAsync(Conditional(call, options?.Condition), static answer => answer.Status == 204 ? WriteStatus.Touched : null, cancellation);
    }

    public Task<AddResult> AddAsync(string key, long by, AddOptions? options, CancellationToken cancellation)
    {
        string life = options?.LifeIfCreated is { } given ? $"&ttl={Expiry.After(given).Seconds}" : "";
        string target = string.Create(CultureInfo.InvariantCulture, $"{EntryReads.KeyPath}{Keys.ToSegment(key)}?add={by}{life}");
        Call call = Conditional(Make("add", HttpMethod.Post, target, options), options?.Condition);
        return runner.RunAsync<AddResult>(call, async (answer, problem, token) =>
        {
            switch (answer.Status)
            {
                case 200:
                    string text = Encoding.ASCII.GetString(await answer.ReadAsync(token).ConfigureAwait(false));
                    session?.Wrote(answer.Sequence);
                    return new(new AddResult
                    {
                        Status = AddStatus.Added,
                        Number = long.Parse(text.AsSpan().TrimEnd('\n'), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture),
                        Version = answer.Version,
                        Sequence = answer.Sequence,
                        IsReplayed = answer.IsReplayed,
                        Node = answer.Node,
                    });
                case 412 when problem?.Word == DiststoreProblem.ConditionFailed:
                    return new(new AddResult { Status = AddStatus.ConditionFailed, Node = answer.Node });
                case 409 when problem?.Word == DiststoreProblem.Conflict:
                    return new(new AddResult { Status = AddStatus.NotANumber, Node = answer.Node });
                default:
                    return Understood<AddResult>.None;
            }
        }, cancellation);
    }

    public Task<TransactionResult> TransactAsync(DiststoreTransaction transaction, TransactionOptions? options, CancellationToken cancellation)
    {
        byte[] body = transaction.ToJson();
        Call call = Make("transaction", HttpMethod.Post, "/v1/transaction", options, () => JsonBodies.Content(body));
        return runner.RunAsync<TransactionResult>(call, async (answer, problem, token) =>
        {
            switch (answer.Status)
            {
                case 200:
                    OperationResult[] results = ReadResults(await answer.ReadAsync(token).ConfigureAwait(false));
                    session?.Wrote(answer.Sequence);
                    return new(new TransactionResult
                    {
                        Status = TransactionStatus.Committed,
                        Results = results,
                        Sequence = answer.Sequence,
                        IsReplayed = answer.IsReplayed,
                        Node = answer.Node,
                    });
                case 412 when problem?.Word == DiststoreProblem.ConditionFailed:
                    return new(new TransactionResult
                    {
                        Status = TransactionStatus.ConditionFailed,
                        FailedConditions = ReadFailed(problem.Body),
                        Node = answer.Node,
                    });
                case 409 when problem?.Word == DiststoreProblem.Conflict:
                    return new(new TransactionResult { Status = TransactionStatus.Conflict, Detail = problem.Detail, Node = answer.Node });
                default:
                    return Understood<TransactionResult>.None;
            }
        }, cancellation);
    }

    /// <summary>Deletes keys of a prefix; null for all. These carry no idempotency key, for servers take none.</summary>
    public async Task<long> DeletePrefixAsync(string? prefix, CancellationToken cancellation)
    {
        string target = prefix is null ? "/v1/kv?all=yes" : $"/v1/kv?prefix={Keys.Escape(prefix)}";
        var call = new Call("delete_prefix", HttpMethod.Delete, target, Repeat.IfNothingDone);
        for (long deleted = 0; ;)
        {
            (long some, bool more) = await runner.RunAsync<(long, bool)>(call, async (answer, _, token) =>
            {
                if (answer.Status != 200)
                {
                    return Understood<(long, bool)>.None;
                }

                using JsonDocument json = await answer.ReadJsonAsync(token).ConfigureAwait(false);
                session?.Wrote(answer.Sequence);
                return new((json.RootElement.NeededNumber("deleted"), json.RootElement.Flag("more")));
            }, cancellation).ConfigureAwait(false);
            deleted += some;
            if (!more)
            {
                return deleted;
            }
        }
    }

    private static Call Make(
        string operation,
        HttpMethod method,
        string target,
        WriteCallOptions? options,
        Func<HttpContent>? content = null,
        bool hasBodyOnce = false,
        bool isLong = false)
    {
        string? key = IdempotencyKeys.Of(options);
        return new Call(operation, method, target, key is null ? Repeat.IfNothingDone : Repeat.WithKey)
        {
            Content = content,
            HasBodyOnce = hasBodyOnce,
            IsLong = isLong,
            IdempotencyKey = key,
            Timeout = options?.Timeout,
        };
    }

    private static Call Conditional(Call call, WriteCondition? condition) => condition is null ? call : call.With(condition.Header, condition.Value);

    private static OperationResult[] ReadResults(byte[] body)
    {
        using JsonDocument json = JsonDocument.Parse(body);
        return [.. json.RootElement.NeededArray("results").Select(static result => new OperationResult(
            result.NeededText("key"),
            EntryVersion.TryParse(result.Text("version"), out EntryVersion version) ? version : null,
            result.Text("number") is { } number ? long.Parse(number, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture) : null))];
    }

    private static int[] ReadFailed(byte[] body)
    {
        using JsonDocument json = JsonDocument.Parse(body);
        return [.. json.RootElement.Array("failed").Select(static index => index.GetInt32())];
    }

    private Task<WriteResult> RunAsync(Call call, Func<Answer, WriteStatus?> done, CancellationToken cancellation) =>
        runner.RunAsync<WriteResult>(call, (answer, problem, _) =>
        {
            // Who is on the way knows no outcome, whatever the status.
            WriteStatus? status = answer.Node is null ? null : done(answer) ?? problem?.Word switch
            {
                DiststoreProblem.ConditionFailed => WriteStatus.ConditionFailed,
                DiststoreProblem.NoSuchKey => WriteStatus.NotFound,
                _ => null,
            };
            session?.Wrote(status is null ? null : answer.Sequence);
            return new(status is null ? Understood<WriteResult>.None : new Understood<WriteResult>(new WriteResult
            {
                Status = status.Value,
                Version = status == WriteStatus.Deleted ? null : answer.Version,
                Sequence = answer.Sequence,
                IsReplayed = answer.IsReplayed,
                Node = answer.Node,
            }));
        }, cancellation);
}
