using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Diststore.Http.Tests;

/// <summary>The line of HTTP's work: in order, by few threads, and others of the pool are not kept waiting.</summary>
public sealed class RequestQueueTests
{
    private const int Pieces = 2000;
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task All_that_is_added_is_done_once_and_one_worker_keeps_the_order()
    {
        var queue = new RequestQueue(maxWorkers: 1);
        var done = new ConcurrentQueue<int>();
        var end = new TaskCompletionSource();
        for (int i = 0; i < Pieces; i++)
        {
            int number = i;
            queue.Add(() => done.Enqueue(number));
        }

        queue.Add(end.SetResult);
        await end.Task.WaitAsync(Deadline);

        Assert.Equal(Enumerable.Range(0, Pieces), done);
    }

    [Fact]
    public async Task As_many_threads_as_there_are_workers()
    {
        var queue = new RequestQueue(maxWorkers: 2);
        int atOnce = 0;
        int most = 0;
        using var end = new CountdownEvent(Pieces);
        Parallel.For(0, Pieces, _ => queue.Add(() =>
        {
            int now = Interlocked.Increment(ref atOnce);
            InterlockedMax(ref most, now);
            Thread.SpinWait(200);
            Interlocked.Decrement(ref atOnce);
            end.Signal();
        }));

        await Task.Run(() => Assert.True(end.Wait(Deadline)));
        Assert.InRange(most, 1, 2);
    }

    [Fact]
    public async Task What_others_put_into_the_pool_does_not_wait_for_the_line_to_be_empty()
    {
        var queue = new RequestQueue(maxWorkers: 1);
        int done = 0;
        using var end = new CountdownEvent(Pieces);
        for (int i = 0; i < Pieces; i++)
        {
            queue.Add(() =>
            {
                Thread.SpinWait(20_000);
                Interlocked.Increment(ref done);
                end.Signal();
            });
        }

        // Ten in a row, as a message between two nodes takes some hops.
        await Task.Run(static async () =>
        {
            for (int hop = 0; hop < 10; hop++)
            {
                await Task.Yield();
            }
        });

        Assert.True(Volatile.Read(ref done) < Pieces, "the line was emptied first");
        await Task.Run(() => Assert.True(end.Wait(Deadline)));
    }

    /// <summary>Or the pages of a thousand streams would be sent by as many pieces of the pool's work, before what the nodes tell one another.</summary>
    [Fact]
    public async Task A_long_answer_is_sent_in_the_line_and_a_short_one_where_it_is_written()
    {
        var queue = new RequestQueue(maxWorkers: 1);
        using var held = new ManualResetEventSlim();
        var isBusy = new TaskCompletionSource();
        Task worker = Task.Run(() => queue.Add(() =>
        {
            isBusy.SetResult();
            held.Wait();
        }));
        await isBusy.Task.WaitAsync(Deadline);

        var sent = new Pipe(new PipeOptions(pauseWriterThreshold: 1 << 20));
        await using var connection = new DefaultConnectionContext { Transport = new Transport(new Pipe().Reader, sent.Writer) };
        await queue.ServeAsync(connection, async context =>
        {
            PipeWriter output = context.Transport.Output;
            Assert.True(output.WriteAsync(new byte[1000]).AsTask().IsCompleted);
            output.Write(new byte[100_000]);
            Task<FlushResult> flush = output.FlushAsync().AsTask();
            Assert.False(flush.IsCompleted);
            Assert.True(sent.Reader.TryRead(out ReadResult before));
            Assert.Equal(1000, before.Buffer.Length);
            sent.Reader.AdvanceTo(before.Buffer.End);

            held.Set();
            await flush.WaitAsync(Deadline);
            ReadResult after = await sent.Reader.ReadAsync();
            Assert.Equal(100_000, after.Buffer.Length);
        }).WaitAsync(Deadline);
        await worker.WaitAsync(Deadline);
    }

    private sealed record Transport(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    private static void InterlockedMax(ref int most, int value)
    {
        int found = Volatile.Read(ref most);
        while (value > found)
        {
            int before = Interlocked.CompareExchange(ref most, value, found);
            if (before == found)
            {
                return;
            }

            found = before;
        }
    }
}
