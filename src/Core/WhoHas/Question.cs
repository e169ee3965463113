namespace Diststore.Core;

/// <summary>One who-has question on its way, and what was answered so far. For the node's scheduler.</summary>
internal sealed class Question(ulong id, string key, bool includesLocalOnly, long askedAt)
{
    /// <summary>Holders beyond these are not needed to find a good one.</summary>
    private const int MaxHolders = 8;

    private readonly Queue<string> _holders = new();
    private readonly List<string> _localHolders = [];
    private readonly HashSet<string> _withoutLocal = new(StringComparer.Ordinal);
    private TaskCompletionSource? _changed;
    private long _askedAt = askedAt;

    public ulong Id => id;

    public string Key => key;

    /// <summary>Whether nodes that hold the key local-only were asked too.</summary>
    public bool IncludesLocalOnly => includesLocalOnly;

    /// <summary>A master says that the masters have no such key: a hint to ask the primary at once, no more.</summary>
    public bool MasterHasNone { get; private set; }

    /// <summary>Whether anyone has answered anything.</summary>
    public bool IsAnswered { get; private set; }

    /// <summary>Whether it was sent to everyone, after those that first heard it were of no help.</summary>
    public bool IsFromEveryone { get; private set; }

    /// <summary>It was sent once more: answers are waited for anew.</summary>
    public void AskedAgain(long at)
    {
        _askedAt = at;
        IsFromEveryone = true;
        MasterHasNone = false;
    }

    public void AddHolder(string node)
    {
        if (_holders.Count < MaxHolders)
        {
            _holders.Enqueue(node);
            Change();
        }
    }

    public void AddLocalHolder(string node)
    {
        if (_localHolders.Count < MaxHolders && !_localHolders.Contains(node))
        {
            _localHolders.Add(node);
            Change();
        }
    }

    public void AddNoneLocal(string node)
    {
        // Beyond so many a primary names nobody in particular; the others are asked by call.
        if (_withoutLocal.Count < LocalHolderTable.MaxNamed && _withoutLocal.Add(node))
        {
            Change();
        }
    }

    public void AddNone()
    {
        MasterHasNone = true;
        Change();
    }

    public bool TryTakeHolder(out string node) => _holders.TryDequeue(out node!);

    /// <summary>Whether that node has said that it does not hold the key local-only.</summary>
    public bool HasNoneLocal(string node) => _withoutLocal.Contains(node);

    /// <summary>Nodes that hold the key local-only.</summary>
    public IReadOnlyList<string> LocalHolders => _localHolders;

    /// <summary>Waits until something more is answered. False when <paramref name="timeout"/> has passed since the question was last sent.</summary>
    public async Task<bool> WaitAsync(TimeSpan timeout, TimeProvider time, CancellationToken cancellation)
    {
        TimeSpan left = timeout - time.GetElapsedTime(_askedAt);
        if (left <= TimeSpan.Zero)
        {
            return false;
        }

        _changed ??= new TaskCompletionSource();
        try
        {
            await _changed.Task.WaitAsync(left, time, cancellation);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private void Change()
    {
        IsAnswered = true;
        TaskCompletionSource? changed = _changed;
        _changed = null;
        changed?.SetResult();
    }
}
