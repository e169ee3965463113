namespace Diststore.Storage.Tests;

public sealed class ReadLaneTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task A_lane_that_is_busy_holds_up_no_other()
    {
        using var busy = new ReadLane("busy", 1);
        using var other = new ReadLane("other", 1);
        using var release = new ManualResetEventSlim();
        Task<int> first = busy.RunAsync(() =>
        {
            release.Wait();
            return 1;
        });
        Task<int> behind = busy.RunAsync(() => 2);

        Assert.Equal(3, await other.RunAsync(() => 3).WaitAsync(Deadline));
        Assert.False(first.IsCompleted || behind.IsCompleted);
        release.Set();
        Assert.Equal((1, 2), (await first.WaitAsync(Deadline), await behind.WaitAsync(Deadline)));
    }

    [Fact]
    public async Task It_reads_on_threads_of_its_own_and_as_many_at_once_as_it_has()
    {
        using var lane = new ReadLane("lane", 2);
        using var both = new Barrier(2);
        Task<bool>[] reads = [.. Enumerable.Range(0, 2).Select(
            _ => lane.RunAsync(() => both.SignalAndWait(Deadline) && !Thread.CurrentThread.IsThreadPoolThread))];

        Assert.All(await Task.WhenAll(reads), Assert.True);
    }

    [Fact]
    public async Task What_a_read_throws_is_its_callers_and_the_lane_goes_on()
    {
        using var lane = new ReadLane("lane", 1);

        await Assert.ThrowsAsync<InvalidDataException>(() => lane.RunAsync<int>(() => throw new InvalidDataException()));
        Assert.Equal(1, await lane.RunAsync(() => 1).WaitAsync(Deadline));
    }

    [Fact]
    public async Task Its_end_waits_for_what_was_queued_and_takes_nothing_more()
    {
        var lane = new ReadLane("lane", 1);
        Task<int>[] reads = [.. Enumerable.Range(0, 10).Select(i => lane.RunAsync(() => i))];
        lane.Dispose();

        Assert.Equal(Enumerable.Range(0, 10), await Task.WhenAll(reads));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => lane.RunAsync(() => 1));
    }
}
