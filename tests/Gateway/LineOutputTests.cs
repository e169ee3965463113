using System.Text;
using Diststore.Logging;
using Microsoft.Extensions.Logging;

namespace Diststore.Gateway.Tests;

/// <summary>The log of both processes where nobody takes its lines.</summary>
public sealed class LineOutputTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_line_has_date_and_time_level_category_and_message_in_one_line()
    {
        var sink = new Sink();
        using (var output = new LineOutput(sink.Write, TimeProvider.System))
        {
            using var loggers = new LoggerFactory([new LineLoggerProvider(output, TimeProvider.System)]);
            loggers.CreateLogger("Some.Category").Log(LogLevel.Warning, 7, "word", new IOException("one\ntwo"), static (word, _) => $"a {word}\r\nb");
        }

        string line = Assert.Single(await sink.LinesAsync(1));
        Assert.Matches(@"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} warn: Some\.Category\[7\] a word b System\.IO\.IOException: one two$", line);
    }

    [Fact]
    public async Task Who_writes_never_waits_and_what_was_dropped_is_counted_and_said()
    {
        var sink = new Sink { IsBlocked = true };
        using var output = new LineOutput(sink.Write, TimeProvider.System);
        output.WriteLine("the first");
        await sink.Blocked.WaitAsync(Deadline);
        for (int i = 0; i < LineOutput.MaxWaiting + 5; i++)
        {
            output.WriteLine($"line {i}");
        }

        Assert.Equal(5, output.Dropped);
        sink.IsBlocked = false;
        string[] lines = await sink.LinesAsync(LineOutput.MaxWaiting + 2);
        Assert.Equal("the first", lines[0]);
        Assert.Equal($"line {LineOutput.MaxWaiting - 1}", lines[^2]);
        Assert.Contains(" 5 lines of the log were dropped", lines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_waiting_characters_have_a_bound_too()
    {
        var sink = new Sink { IsBlocked = true };
        using var output = new LineOutput(sink.Write, TimeProvider.System);
        output.WriteLine("the first");
        await sink.Blocked.WaitAsync(Deadline);
        string half = new('x', LineOutput.MaxWaitingCharacters / 2);
        output.WriteLine(half);
        output.WriteLine(half);
        output.WriteLine("y");
        Assert.Equal(1, output.Dropped);
        sink.IsBlocked = false;
        Assert.Contains(" 1 lines of the log were dropped", (await sink.LinesAsync(4))[^1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_drops_lines_until_there_is_room_again()
    {
        var sink = new Sink { Failure = new IOException("No space left on device"), RoomBeforeFailure = 3 };
        using var output = new LineOutput(sink.Write, TimeProvider.System);
        output.WriteLine("lost one");
        output.WriteLine("lost two");
        await Until(() => output.Dropped == 2);
        sink.Failure = null;
        output.WriteLine("written");
        string[] lines = await sink.LinesAsync(3);
        Assert.Equal("los", lines[0]);
        Assert.Contains(" 2 lines of the log were dropped", lines[1], StringComparison.Ordinal);
        Assert.Equal("written", lines[2]);
    }

    [Fact]
    public async Task Its_end_waits_for_what_is_written_and_not_for_what_cannot_be()
    {
        var sink = new Sink();
        using (var output = new LineOutput(sink.Write, TimeProvider.System))
        {
            output.WriteLine("last words");
        }

        Assert.Equal(["last words"], await sink.LinesAsync(1));
        var stuck = new Sink { IsBlocked = true };
        var blocked = new LineOutput(stuck.Write, TimeProvider.System);
        blocked.WriteLine("never");
        await stuck.Blocked.WaitAsync(Deadline);
        await Task.Run(blocked.Dispose).WaitAsync(Deadline);
        stuck.IsBlocked = false;
    }

    private static async Task Until(Func<bool> condition)
    {
        using var late = new CancellationTokenSource(Deadline);
        while (!condition())
        {
            await Task.Delay(5, late.Token); // polls: a thread of its own counts
        }
    }

    private sealed class Sink
    {
        private readonly MemoryStream _taken = new();
        private readonly TaskCompletionSource _blocked = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly ManualResetEventSlim _open = new(true);

        public Task Blocked => _blocked.Task;

        public volatile Exception? Failure;

        public int RoomBeforeFailure;

        public bool IsBlocked
        {
            get => !_open.IsSet;
            set
            {
                if (value)
                {
                    _open.Reset();
                }
                else
                {
                    _open.Set();
                }
            }
        }

        public int Write(ReadOnlySpan<byte> bytes)
        {
            if (IsBlocked)
            {
                _blocked.TrySetResult();
                _open.Wait();
            }

            lock (_taken)
            {
                if (Failure is { } failure)
                {
                    int part = Math.Min(RoomBeforeFailure, bytes.Length);
                    RoomBeforeFailure -= part;
                    _taken.Write(bytes[..part]);
                    return part > 0 ? part : throw failure;
                }

                _taken.Write(bytes);
                return bytes.Length;
            }
        }

        public async Task<string[]> LinesAsync(int atLeast)
        {
            string[] lines = [];
            await Until(() =>
            {
                lock (_taken)
                {
                    lines = Encoding.UTF8.GetString(_taken.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
                }

                return lines.Length >= atLeast;
            });
            return lines;
        }
    }
}
