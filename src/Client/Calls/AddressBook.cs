namespace Diststore.Client;

/// <summary>Where servers are. One that works is kept to; all calls leave one that fails together.</summary>
internal sealed class AddressBook
{
    private readonly Uri[] _addresses;

    // Whole words, read and swapped by any thread.
    private int _current;

    public AddressBook(IEnumerable<Uri> addresses, Func<double> chance)
    {
        _addresses = [.. addresses];
        // Many clients of one list begin at different addresses.
        _current = (int)(chance() * _addresses.Length) % _addresses.Length;
    }

    public int Count => _addresses.Length;

    /// <summary>The one to ask first.</summary>
    public int Current => Volatile.Read(ref _current);

    public Uri this[int index] => _addresses[index];

    /// <summary>Tells that this one failed; gives the one to ask next.</summary>
    public int After(int failed)
    {
        int next = (failed + 1) % _addresses.Length;
        Interlocked.CompareExchange(ref _current, next, failed);
        return next;
    }

    /// <summary>The whole URI of a target at an address, sent to the letter.</summary>
    public Uri Resolve(int index, string target) =>
        new(_addresses[index].GetLeftPart(UriPartial.Path).TrimEnd('/') + target, TargetsAsTheyAre);

    // Else dots, also encoded ones, would be folded and unreserved characters decoded on the way out.
    private static readonly UriCreationOptions TargetsAsTheyAre = new() { DangerousDisablePathAndQueryCanonicalization = true };
}
