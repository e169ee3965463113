namespace Diststore.Client;

/// <summary>When a request may be sent again.</summary>
internal enum Repeat
{
    /// <summary>Always: it changes nothing.</summary>
    Always = 0,

    /// <summary>Always, with the same idempotency key: it is done once.</summary>
    WithKey = 1,

    /// <summary>Where surely nothing was done.</summary>
    IfNothingDone = 2,

    /// <summary>Where it was not even sent.</summary>
    IfNotSent = 3,
}

/// <summary>One request, to whichever address takes it.</summary>
/// <param name="Operation">What metrics and activities call it.</param>
/// <param name="Method">The method.</param>
/// <param name="Target">Path and query after the address, beginning with a slash, percent-encoded.</param>
/// <param name="Repeat">When it may be sent again.</param>
internal sealed record Call(string Operation, HttpMethod Method, string Target, Repeat Repeat)
{
    public List<(string Name, string Value)> Headers { get; } = [];

    /// <summary>Makes the body anew for each time that it is sent.</summary>
    public Func<HttpContent>? Content { get; init; }

    /// <summary>Whether the body can be sent only once, for nobody can go back in it.</summary>
    public bool HasBodyOnce { get; init; }

    /// <summary>Whether one attempt may take all of the call's time: a body of any length is on its way.</summary>
    public bool IsLong { get; init; }

    public string? IdempotencyKey { get; init; }

    public TimeSpan? Timeout { get; init; }

    public Call With(string name, string? value)
    {
        if (value is not null)
        {
            Headers.Add((name, value));
        }

        return this;
    }
}
