namespace Diststore.Core;

/// <summary>Which changes a watcher wants to see, and how much of them. Without anything said: all of them, with their values.</summary>
/// <param name="Text">Only keys that start with this, or this key; <see langword="null"/> for all.</param>
/// <param name="IsKey">Whether that is a whole key.</param>
/// <param name="OmitsValues">Whether all but the values is wanted.</param>
[GenerateSerializer, Immutable, Alias("diststore.changefilter")]
public readonly record struct ChangeFilter(
    [property: Id(0)] string? Text, [property: Id(1)] bool IsKey = false, [property: Id(2)] bool OmitsValues = false)
{
    /// <summary>Changes of keys that start with this; of all where it is empty.</summary>
    public static ChangeFilter OfPrefix(string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        return new ChangeFilter(prefix.Length == 0 ? null : prefix);
    }

    /// <summary>Changes of this key.</summary>
    public static ChangeFilter OfKey(string key) => new(key, IsKey: true);

    /// <summary>Whether changes of that key are shown; those of internal rows never are.</summary>
    public bool Shows(string key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return !InternalKeys.Is(key) && (Text is null || (IsKey ? key == Text : key.StartsWith(Text, StringComparison.Ordinal)));
    }
}
