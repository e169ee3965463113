namespace Diststore.Storage.Tests;

public sealed class ExpiryFloorTests
{
    [Fact]
    public void A_row_that_was_on_its_way_while_a_reader_looked_stays_above_the_floor()
    {
        var floor = new ExpiryFloor();
        floor.Begin();
        floor.Raise(100);
        floor.Lower(50);

        // The reader's snapshot lacks the row.
        Assert.Equal(50, floor.Begin());
        floor.Written();
        floor.Raise(100);

        Assert.Equal(50, floor.Begin());
        floor.Raise(100);
        Assert.Equal(100, floor.Begin());
    }

    [Fact]
    public void What_is_written_while_a_reader_looks_counts_whether_it_lies_above_or_below_where_that_began()
    {
        var floor = new ExpiryFloor();
        floor.Begin();
        floor.Raise(long.MaxValue);

        floor.Begin();
        floor.Lower(70);
        floor.Written();
        floor.Lower(80);
        floor.Written();
        floor.Raise(long.MaxValue);

        Assert.Equal(70, floor.Begin());
    }
}
