using System.Buffers;
using System.Collections.Immutable;
using System.IO.Pipelines;
using Diststore.Core;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace Diststore.Cluster.Tests;

/// <summary>Entries as they cross the network.</summary>
public sealed class EntryCodecTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddSerializer().BuildServiceProvider();

    private Serializer Serializer => _services.GetRequiredService<Serializer>();

    public void Dispose() => _services.Dispose();

    [Fact]
    public void Entries_of_every_kind_arrive_as_they_were_sent()
    {
        var at = new DateTimeOffset(2026, 2, 3, 4, 5, 6, TimeSpan.Zero);
        ImmutableArray<Entry> entries =
        [
            new("k", [1, 2, 3], null, new LogPoint(1, 2)),
            new("", [], "", new LogPoint(0, 0)),
            new("ä/\u20ac \U0001F600", new byte[100_000], "text/plain; charset=utf-8", new LogPoint(long.MaxValue, long.MaxValue), at),
            new(new string('k', 1024), null, null, new LogPoint(3, 4)),
            new("k", [1, 2, 3], "text/plain", new LogPoint(1, 2), at),
        ];
        entries = [.. entries, .. entries, .. Enumerable.Range(0, 200).Select(i => new Entry($"key-{i}", BitConverter.GetBytes(i), null, new LogPoint(1, i)))];

        KeyPage page = Serializer.Deserialize<KeyPage>(Serializer.SerializeToArray(new KeyPage(entries, true, new LogPoint(5, 6), 7)))!;

        Assert.Equal(entries.Length, page.Entries.Length);
        foreach ((Entry sent, Entry received) in entries.Zip(page.Entries))
        {
            Assert.True(sent.Equals(received), $"{sent} is now {received}");
        }

        Assert.Equal((true, new LogPoint(5, 6), 7), (page.More, page.Applied, page.Floor));
    }

    [Theory]
    [InlineData("\U0001F600")] // four bytes
    [InlineData("\u20ac")] // three
    [InlineData("ä")] // two
    [InlineData("k")]
    public void A_long_key_may_begin_anywhere_in_a_segment_of_the_buffer(string first)
    {
        string key = first + new string('k', 1000);
        for (int before = 0; before < 200; before++)
        {
            // Of the least size there is, so that a text begins at each distance from a segment's end.
            var pipe = new Pipe(new PipeOptions(minimumSegmentSize: 1, pauseWriterThreshold: 0));
            Entry[] sent = [new Entry(new string('b', 1 + before), [1], null, new LogPoint(1, 1)), new Entry(key, [2], null, new LogPoint(1, 2))];
            Serializer.Serialize(sent, pipe.Writer);
            pipe.Writer.Complete();
            Assert.True(pipe.Reader.TryRead(out System.IO.Pipelines.ReadResult read));
            Assert.Equal(key, Serializer.Deserialize<Entry[]>(read.Buffer)![1].Key);
        }
    }

    [Fact]
    public void An_answer_without_an_entry_has_none()
    {
        var sent = new FetchReply(FetchStatus.NotFound, null, null, null, new LogPoint(1, 2), TimeSpan.FromSeconds(3));
        Assert.Equal(sent, Serializer.Deserialize<FetchReply>(Serializer.SerializeToArray(sent)));
    }

    [Fact]
    public void What_was_cut_off_or_contradicts_itself_is_no_entry()
    {
        byte[] whole = Serializer.SerializeToArray(new Entry("key", [1, 2, 3], "text/plain", new LogPoint(1, 2)));
        Assert.Equal("key", Serializer.Deserialize<Entry>(whole)!.Key);
        for (int length = 0; length < whole.Length - 1; length++)
        {
            Assert.ThrowsAny<Exception>(() => Serializer.Deserialize<Entry>(whole[..length]));
        }

        // The length of all, then the length of the key: the latter says more than there is.
        int key = whole.AsSpan().IndexOf("key"u8);
        whole[key - sizeof(int)] = 200;
        Assert.ThrowsAny<Exception>(() => Serializer.Deserialize<Entry>(whole));
    }
}
