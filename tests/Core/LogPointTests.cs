using CsCheck;

namespace Diststore.Core.Tests;

public sealed class LogPointTests
{
    [Fact]
    public void Points_compare_by_epoch_then_by_sequence()
    {
        LogPoint[] ascending = [LogPoint.Zero, new(0, 1), new(1, 0), new(1, 1), new(1, 2), new(2, 1), new(10, 1), new(long.MaxValue, 0)];
        for (int i = 0; i < ascending.Length; i++)
        {
            for (int j = 0; j < ascending.Length; j++)
            {
                (LogPoint left, LogPoint right) = (ascending[i], ascending[j]);
                Assert.Equal(i.CompareTo(j), left.CompareTo(right));
                Assert.Equal(i < j, left < right);
                Assert.Equal(i > j, left > right);
                Assert.Equal(i <= j, left <= right);
                Assert.Equal(i >= j, left >= right);
                Assert.Equal(i == j, left == right);
            }
        }
    }

    [Fact]
    public void A_point_is_written_as_epoch_and_sequence()
    {
        Assert.Equal("3-14", new LogPoint(3, 14).ToString());
        Assert.Equal("\"3-14\"", new Entry("a", [], null, new LogPoint(3, 14)).ETag);
        Assert.Equal("0-0", LogPoint.Zero.ToString());
    }

    [Theory]
    [InlineData("3-14", true)]
    [InlineData("0-0", true)]
    [InlineData("9223372036854775807-1", true)]
    [InlineData("9223372036854775808-1", false)]
    [InlineData("3", false)]
    [InlineData("3-", false)]
    [InlineData("-3", false)]
    [InlineData("3--4", false)]
    [InlineData("3-+4", false)]
    [InlineData("03-4", false)]
    [InlineData("3-04", false)]
    [InlineData("3-4 ", false)]
    [InlineData("", false)]
    public void A_point_is_read_as_it_is_written(string text, bool isPoint)
    {
        Assert.Equal(isPoint, LogPoint.TryParse(text, out LogPoint point));
        Assert.Equal(isPoint ? text : "0-0", point.ToString());
    }

    [Fact]
    public void A_history_has_one_row_for_each_epoch_that_wrote()
    {
        EpochHistory history = EpochHistory.Empty.With(1, 1).With(1, 5).With(4, 9).With(4, 10);

        Assert.Equal([new EpochStart(1, 1), new EpochStart(4, 9)], history.Starts.AsEnumerable());
        Assert.Same(history, history.With(4, 11));
    }

    [Theory]
    [InlineData(0, 0, true)] // before the first write of all: everyone has that
    [InlineData(1, 1, true)]
    [InlineData(1, 8, true)]
    [InlineData(1, 9, false)] // ordered in epoch 4 here
    [InlineData(4, 9, true)]
    [InlineData(4, 12, true)]
    [InlineData(4, 13, false)] // beyond the end
    [InlineData(4, 8, false)] // ordered in epoch 1 here
    [InlineData(3, 9, false)] // an epoch that wrote nothing here
    [InlineData(5, 12, false)]
    [InlineData(0, 1, false)]
    [InlineData(1, 0, false)]
    public void A_point_lies_in_a_history_if_its_sequence_was_ordered_in_its_epoch(long epoch, long sequence, bool expected)
    {
        EpochHistory history = EpochHistory.Empty.With(1, 1).With(4, 9);

        Assert.Equal(expected, history.Contains(new LogPoint(epoch, sequence), new LogPoint(4, 12)));
    }

    [Fact]
    public void Only_the_beginning_lies_in_an_empty_history()
    {
        Assert.True(EpochHistory.Empty.Contains(LogPoint.Zero, LogPoint.Zero));
        Assert.False(EpochHistory.Empty.Contains(new LogPoint(1, 1), LogPoint.Zero));
        Assert.False(EpochHistory.Empty.Contains(new LogPoint(1, 1), new LogPoint(1, 1)));
    }

    [Fact]
    public void A_random_log_contains_its_own_points_and_no_others()
    {
        // The log as the epochs of its sequences, ascending.
        Gen.Select(Gen.Long[0, 2].Array[1, 40], Gen.Long[0, 100], Gen.Long[0, 50]).Sample((raises, epoch, sequence) =>
        {
            long[] epochs = new long[raises.Length];
            EpochHistory history = EpochHistory.Empty;
            for (int i = 0; i < raises.Length; i++)
            {
                epochs[i] = (i == 0 ? 1 : epochs[i - 1]) + raises[i];
                history = history.With(epochs[i], i + 1);
            }

            var last = new LogPoint(epochs[^1], epochs.Length);
            var point = new LogPoint(epoch, sequence);
            bool expected = point == LogPoint.Zero || (sequence >= 1 && sequence <= epochs.Length && epochs[sequence - 1] == epoch);
            Assert.Equal(expected, history.Contains(point, last));
            Assert.All(epochs.Select((at, i) => new LogPoint(at, i + 1)), own => Assert.True(history.Contains(own, last)));
        });
    }

    [Fact]
    public void A_history_forgets_the_epochs_before_its_latest()
    {
        EpochHistory history = EpochHistory.Empty;
        for (int epoch = 1; epoch <= EpochHistory.MaxEpochs + 5; epoch++)
        {
            history = history.With(epoch, epoch * 10);
        }

        var last = new LogPoint(EpochHistory.MaxEpochs + 5, 1 << 20);
        Assert.Equal(EpochHistory.MaxEpochs, history.Starts.Length);
        Assert.True(history.Contains(new LogPoint(6, 69), last));
        Assert.False(history.Contains(new LogPoint(5, 59), last));
        Assert.False(history.Contains(new LogPoint(4, 49), last));
    }
}
