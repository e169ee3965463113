using System.Collections.Immutable;

namespace Diststore.Storage;

/// <summary>
/// The rows of the meta family: who the store is, and its state. What changes with each batch is one short row; the rest
/// is written when it changes.
/// </summary>
internal static class MetaRows
{
    /// <summary>
    /// Raised when an older release could not read what this one writes. 1: all values in the entries' rows; 2: long ones in
    /// rows of their own. A store of an older format is read, and written in this one from then on.
    /// </summary>
    public const int Format = 2;

    public static ReadOnlySpan<byte> Identity => "identity"u8;

    public static ReadOnlySpan<byte> Point => "point"u8;

    public static ReadOnlySpan<byte> Epochs => "epochs"u8;

    private static ReadOnlySpan<byte> View => "view"u8;

    private static ReadOnlySpan<byte> Candidate => "candidate"u8;

    private static ReadOnlySpan<byte> Cursor => "cursor"u8;

    private static ReadOnlySpan<byte> Pulled => "pulled"u8;

    public delegate void Put(ReadOnlySpan<byte> name, ReadOnlySpan<byte> row);

    public static void WriteIdentity(Put put, string clusterId, Guid storeId) =>
        put(Identity, new RowWriter().Int(Format).Text(clusterId).Id(storeId).Written);

    // The format comes first and says alone whether the rest can be read.
    public static int ReadFormat(ReadOnlySpan<byte> row) => new RowReader(row).Int();

    public static (string ClusterId, Guid StoreId) ReadIdentity(ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        reader.Int();
        string clusterId = reader.Text()!;
        return (clusterId, reader.Id());
    }

    /// <summary>Writes the rows in which the two differ.</summary>
    public static void Write(RowWriter row, Put put, StoreState old, StoreState state)
    {
        row.Clear().Point(state.Applied).Long(state.Floor).Flag(state.IsWhole).Long(state.HighestEpoch).Id(state.History)
            .Long(state.Entries).Long(state.LocalEntries).Long(state.LiveBytes).Long(state.LocalBytes)
            .Long(state.Memories).Long(state.VoidUpto).Long(state.VoidRemoved);
        put(Point, row.Written);
        if (state.Epochs != old.Epochs)
        {
            row.Clear().Int(state.Epochs.Starts.Length);
            foreach (EpochStart start in state.Epochs.Starts)
            {
                row.Long(start.Epoch).Long(start.FirstSequence);
            }

            put(Epochs, row.Written);
        }

        if (state.View != old.View)
        {
            MasterView view = state.View!;
            row.Clear().Long(view.Epoch).Id(view.History).Flag(view.OtherInSync).Flag(view.IsForced).Flag(view.IsContested).Flag(view.Other is not null);
            WriteMaster(row, view.Primary);
            WriteMaster(row, view.Other);
            WritePlaces(row, view);
            put(View, row.Written);
        }

        if (state.Candidate != old.Candidate || state.CandidateEpoch != old.CandidateEpoch)
        {
            row.Clear().Long(state.CandidateEpoch).Flag(state.Candidate is not null);
            WriteMaster(row, state.Candidate);
            put(Candidate, row.Written);
        }

        if (state.Cursor != old.Cursor)
        {
            row.Clear().Flag(state.Cursor is not null);
            if (state.Cursor is { } cursor)
            {
                row.Long(cursor.FirstSequence).Text(cursor.After);
            }

            put(Cursor, row.Written);
        }

        if (state.Pulled != old.Pulled)
        {
            row.Clear().Flag(state.Pulled is not null).Point(state.Pulled ?? LogPoint.Zero);
            put(Pulled, row.Written);
        }
    }

    /// <summary>Reads the state, all but its pending batches.</summary>
    public static StoreState Read(Func<byte[], byte[]?> get)
    {
        if (get(Point.ToArray()) is not { } pointRow)
        {
            return StoreState.Empty;
        }

        StoreState state = ReadPoint(pointRow);
        if (get(Epochs.ToArray()) is { } epochs)
        {
            state = state with { Epochs = ReadEpochs(epochs) };
        }

        if (get(View.ToArray()) is { } view)
        {
            state = state with { View = ReadView(view) };
        }

        if (get(Candidate.ToArray()) is { } candidate)
        {
            var reader = new RowReader(candidate);
            state = state with { CandidateEpoch = reader.Long() };
            state = state with { Candidate = reader.Flag() ? ReadMaster(ref reader) : null };
        }

        if (get(Cursor.ToArray()) is { } cursor)
        {
            state = state with { Cursor = ReadCursor(cursor) };
        }

        if (get(Pulled.ToArray()) is { } pulled)
        {
            var reader = new RowReader(pulled);
            state = state with { Pulled = reader.Flag() ? reader.Point() : null };
        }

        return state;
    }

    public static StoreState ReadPoint(ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        StoreState state = StoreState.Empty with { Applied = reader.Point() };
        state = state with { Floor = reader.Long() };
        state = state with { IsWhole = reader.Flag() };
        state = state with { HighestEpoch = reader.Long() };
        state = state with { History = reader.Id() };
        state = state with { Entries = reader.Long() };
        state = state with { LocalEntries = reader.Long() };
        state = state with { LiveBytes = reader.Long() };

        // Rows of earlier releases end here; who opens the store counts what is missing.
        state = reader.Rest.IsEmpty ? state : state with { LocalBytes = reader.Long() };

        // Those that kept no memories of requests have none.
        state = reader.Rest.IsEmpty ? state : state with { Memories = reader.Long() };
        state = reader.Rest.IsEmpty ? state : state with { VoidUpto = reader.Long() };
        return reader.Rest.IsEmpty ? state : state with { VoidRemoved = reader.Long() };
    }

    public static EpochHistory ReadEpochs(ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        var starts = new EpochStart[reader.Int()];
        for (int i = 0; i < starts.Length; i++)
        {
            long epoch = reader.Long();
            starts[i] = new EpochStart(epoch, reader.Long());
        }

        return new EpochHistory(ImmutableArray.Create(starts));
    }

    private static MasterView ReadView(ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        long epoch = reader.Long();
        Guid history = reader.Id();
        bool otherInSync = reader.Flag();
        bool isForced = reader.Flag();
        bool isContested = reader.Flag();
        bool hasOther = reader.Flag();
        MasterId primary = ReadMaster(ref reader);
        MasterId? other = hasOther ? ReadMaster(ref reader) : null;
        var view = new MasterView(epoch, history, primary, other, otherInSync, isForced, isContested);

        // Rows of earlier releases end here.
        return reader.Rest.IsEmpty ? view : ReadPlaces(ref reader, view);
    }

    private static void WritePlaces(RowWriter row, MasterView view)
    {
        row.Flag(view.Kept is not null);
        if (view.Kept is { } kept)
        {
            row.Text(kept.Name).Id(kept.StoreId).Point(kept.Left).Long(kept.For.Ticks);
        }

        Maintenance[] maintained = [.. Maintenance.All(view.Maintenance)];
        row.Int(maintained.Length);
        foreach (Maintenance one in maintained)
        {
            row.Id(one.StoreId).Long(one.For.Ticks);
        }
    }

    private static MasterView ReadPlaces(ref RowReader reader, MasterView view)
    {
        KeptPlace? kept = reader.Flag()
            ? new KeptPlace(reader.Text()!, reader.Id(), reader.Point(), TimeSpan.FromTicks(reader.Long()))
            : null;
        var maintained = new Maintenance[reader.Int()];
        for (int i = 0; i < maintained.Length; i++)
        {
            maintained[i] = new Maintenance(reader.Id(), TimeSpan.FromTicks(reader.Long()));
        }

        return view with { Kept = kept, Maintenance = maintained.Reverse().Aggregate((Maintenance?)null, static (rest, one) => one with { Next = rest }) };
    }

    private static SyncCursor? ReadCursor(ReadOnlySpan<byte> row)
    {
        var reader = new RowReader(row);
        if (!reader.Flag())
        {
            return null;
        }

        long first = reader.Long();
        return new SyncCursor(reader.Text(), first);
    }

    private static void WriteMaster(RowWriter row, MasterId? master)
    {
        if (master is not null)
        {
            row.Text(master.Name).Id(master.StoreId).Id(master.ProcessId).Flag(master.Durable);
        }
    }

    private static MasterId ReadMaster(ref RowReader reader)
    {
        string name = reader.Text()!;
        Guid store = reader.Id();
        Guid process = reader.Id();
        return new MasterId(name, store, process, reader.Flag());
    }
}
