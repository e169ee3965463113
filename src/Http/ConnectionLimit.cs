using Microsoft.AspNetCore.Connections;

namespace Diststore.Http;

/// <summary>
/// The connections that are open (<c>Limits:MaxConnections</c>). Beyond it the one that has been idle longest, that is without a request
/// under way, makes place for the new one; where none is idle the new one is closed. Any thread.
/// </summary>
internal sealed class ConnectionLimit(int max, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly List<ConnectionPlace> _open = []; // under the lock; a place knows its index

    /// <summary>How many there are now.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _open.Count;
            }
        }
    }

    /// <summary>Serves a connection that has come, if there is a place for it.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate serve)
    {
        var place = new ConnectionPlace(connection, time);
        if (!TryEnter(place, out ConnectionPlace? closed))
        {
            connection.Abort(new ConnectionAbortedException("there are as many connections as Limits:MaxConnections allows, and none is idle"));
            return;
        }

        closed?.Connection.Abort(new ConnectionAbortedException("it was idle longest, and a new connection needed the place"));
        connection.Features.Set(place);
        try
        {
            await serve(connection);
        }
        finally
        {
            lock (_lock)
            {
                Remove(place);
            }
        }
    }

    private bool TryEnter(ConnectionPlace place, out ConnectionPlace? closed)
    {
        closed = null;
        lock (_lock)
        {
            // Looking at all of them costs some microseconds, and only for connections beyond the limit.
            while (_open.Count >= max && closed is null)
            {
                ConnectionPlace? idle = null;
                foreach (ConnectionPlace one in _open)
                {
                    idle = one.IsIdle && (idle is null || one.IdleSince < idle.IdleSince) ? one : idle;
                }

                if (idle is null)
                {
                    return false;
                }

                // It may have got a request meanwhile; then another one is looked for.
                closed = idle.TryClose() ? idle : null;
            }

            if (closed is not null)
            {
                Remove(closed);
            }

            place.Index = _open.Count;
            _open.Add(place);
            return true;
        }
    }

    private void Remove(ConnectionPlace place)
    {
        if (place.Index >= 0)
        {
            _open[place.Index] = _open[^1];
            _open[place.Index].Index = place.Index;
            _open.RemoveAt(_open.Count - 1);
            place.Index = -1;
        }
    }
}

/// <summary>One open connection: idle, serving a request, or closed to make place. A feature of the connection.</summary>
internal sealed class ConnectionPlace(ConnectionContext connection, TimeProvider time)
{
    private const int Idle = 0;
    private const int Serving = 1;
    private const int Closed = 2;

    private int _state; // changed by its requests, one at a time, and by the limit
    private long _idleSince = time.GetTimestamp();

    public ConnectionContext Connection => connection;

    /// <summary>Where it stands in the limit's list, or -1; under the limit's lock.</summary>
    public int Index { get; set; } = -1;

    public bool IsIdle => Volatile.Read(ref _state) == Idle;

    /// <summary>Since when no request has been under way.</summary>
    public long IdleSince => Volatile.Read(ref _idleSince);

    /// <summary>A request has come; false where the connection is being closed, so that it must not be served.</summary>
    public bool TryBegin() => Interlocked.CompareExchange(ref _state, Serving, Idle) == Idle;

    /// <summary>The request has been served.</summary>
    public void End()
    {
        Volatile.Write(ref _idleSince, time.GetTimestamp());
        Volatile.Write(ref _state, Idle);
    }

    /// <summary>Closes it to requests, if none is under way.</summary>
    public bool TryClose() => Interlocked.CompareExchange(ref _state, Closed, Idle) == Idle;
}
