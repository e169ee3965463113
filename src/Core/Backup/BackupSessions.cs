using System.Buffers;
using System.IO.Pipelines;
using Microsoft.Extensions.Logging;

namespace Diststore.Core;

/// <summary>
/// The backups that this node gives, part by part: the store writes into a bounded pipe and waits until its reader has
/// taken what is there. A backup whose reader asks no more is ended. For the node's scheduler.
/// </summary>
internal sealed class BackupSessions(NodeContext context)
{
    /// <summary>Backups at once: each holds a snapshot of the store.</summary>
    public const int MaxOpen = 2;

    /// <summary>Bytes of one part.</summary>
    public const int PartBytes = 512 << 10;

    private static readonly TimeSpan IdleLimit = TimeSpan.FromSeconds(30);

    private readonly Dictionary<Guid, Session> _open = [];

    public BackupStart Start()
    {
        if (context.BackupSource is not { } source)
        {
            return new BackupStart(BackupOutcome.NotDurable, context.Settings.Name, default);
        }

        if (_open.Count >= MaxOpen)
        {
            return new BackupStart(BackupOutcome.Busy, context.Settings.Name, default);
        }

        var session = new Session(Ids.Next(context.Random), context.Time.GetTimestamp());
        _open[session.Id] = session;
        session.OnStop = context.Stopping.UnsafeRegister(_ => End(session), null); // else it would hold the store open for good
        context.Watch(WriteAsync(source, session));
        context.Watch(EndWhenIdleAsync(session));
        return new BackupStart(BackupOutcome.Started, context.Settings.Name, session.Id);
    }

    /// <summary>The next part; null bytes when there is no such backup, or it broke off.</summary>
    public async Task<BackupPart> ReadAsync(Guid id)
    {
        if (!_open.TryGetValue(id, out Session? session))
        {
            return new BackupPart(null);
        }

        session.AskedAt = context.Time.GetTimestamp();
        try
        {
            ReadResultBytes read = await ReadPartAsync(session.Pipe.Reader);
            if (read.IsEnd)
            {
                End(session);
            }

            return new BackupPart(read.Bytes);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            End(session);
            return new BackupPart(null);
        }
    }

    private static async Task<ReadResultBytes> ReadPartAsync(PipeReader reader)
    {
        // A pipe's own awaiter would not come back to the scheduler; a task's does.
        System.IO.Pipelines.ReadResult read = await reader.ReadAtLeastAsync(PartBytes).AsTask();
        byte[] bytes = read.Buffer.Slice(0, Math.Min(PartBytes, read.Buffer.Length)).ToArray();
        reader.AdvanceTo(read.Buffer.GetPosition(bytes.Length));
        return new ReadResultBytes(bytes, bytes.Length == 0);
    }

    private async Task WriteAsync(IBackupSource source, Session session)
    {
        try
        {
            await source.WriteBackupAsync(session.Pipe.Writer.AsStream(leaveOpen: true), session.Ended.Token);
            await session.Pipe.Writer.CompleteAsync();
        }
        catch (StoreFailedException e)
        {
            // Damage that a backup meets is damage that a read would meet.
            await session.Pipe.Writer.CompleteAsync(e);
            throw;
        }
        catch (Exception e)
        {
            context.Log.BackupBroke(e.Message);
            await session.Pipe.Writer.CompleteAsync(e);
        }
    }

    private async Task EndWhenIdleAsync(Session session)
    {
        while (_open.ContainsKey(session.Id))
        {
            await context.Delay(IdleLimit);
            if (context.Time.GetElapsedTime(session.AskedAt) >= IdleLimit)
            {
                End(session);
            }
        }
    }

    private void End(Session session)
    {
        if (_open.Remove(session.Id))
        {
            session.OnStop.Dispose();
            session.Ended.Cancel();
            session.Pipe.Reader.Complete();
        }
    }

    private readonly record struct ReadResultBytes(byte[] Bytes, bool IsEnd);

    private sealed class Session(Guid id, long askedAt)
    {
        public Guid Id => id;

        public long AskedAt { get; set; } = askedAt;

        public CancellationTokenRegistration OnStop { get; set; }

        public CancellationTokenSource Ended { get; } = new();

        public Pipe Pipe { get; } = new(new PipeOptions(pauseWriterThreshold: 4 * PartBytes, resumeWriterThreshold: 2 * PartBytes));
    }
}
