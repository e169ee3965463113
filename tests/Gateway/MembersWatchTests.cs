using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using Diststore.Contracts;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Gateway.Tests;

/// <summary>Who is asked who lives.</summary>
public sealed class MembersWatchTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Questions_wait_at_several_nodes_and_the_first_one_that_knows_ends_the_calls_to_the_dead()
    {
        var nodes = new FakeNodes("a", "b", "c", "d");
        var asked = new Dictionary<string, TaskCompletionSource<MemberList>>();
        foreach (string name in new[] { "a", "b", "c", "d" })
        {
            asked[name] = new TaskCompletionSource<MemberList>();
            nodes[name].Answer = (method, args) => method != "WaitForMembersAsync" ? null
                : (long)args[0]! == 1 ? asked[name].Task : new TaskCompletionSource<MemberList>().Task;
        }

        using var stop = new CancellationTokenSource();
        Task watching = new MembersWatch(nodes.Live, () => "", nodes.Time, NullLogger<MembersWatch>.Instance)
            .RunAsync(Silent(), stop.Token);
        string[] questions = [.. nodes.Calls];
        Assert.Equal(MembersWatch.MaxQuestions, questions.Length);
        Assert.Equal(MembersWatch.MaxQuestions, questions.Distinct().Count());

        Task<Core.WriteResult> write = nodes.Store.PutLocalAsync("a", "key", [1], null).AsTask();
        asked["b"].SetResult(new MemberList(2, [.. new[] { "b", "c", "d" }.Select(static name => new Member(name, "life of " + name, false))]));
        Assert.Equal(Core.WriteOutcome.Unknown, (await write.WaitAsync(Deadline)).Outcome);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching.WaitAsync(Deadline));
    }

    private static IMasterRegistryGrain Silent() => DispatchProxy.Create<IMasterRegistryGrain, NoAnswer>();

    [SuppressMessage("Performance", "CA1852", Justification = "The proxy that is made derives from it.")]
    internal class NoAnswer : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => new TaskCompletionSource<MemberList>().Task;
    }
}
