namespace Diststore.Client;

/// <summary>Which version of a key's value it is. Two are equal or not; nothing else can be told from them.</summary>
public readonly record struct EntryVersion
{
    // What a server gives is a dozen characters.
    private const int MaxCharacters = 100;

    private readonly string? _text;

    private EntryVersion(string text) => _text = text;

    /// <summary>Reads what <see cref="ToString"/> gave, in this process or another.</summary>
    /// <exception cref="FormatException">It is no version.</exception>
    public static EntryVersion Parse(string text) =>
        TryParse(text, out EntryVersion version) ? version : throw new FormatException($"'{text}' is no version of an entry");

    /// <summary>Reads what <see cref="ToString"/> gave, in this process or another.</summary>
    public static bool TryParse(string? text, out EntryVersion version)
    {
        bool isVersion = text is { Length: > 0 and <= MaxCharacters } && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '.');
        version = isVersion ? new EntryVersion(text!) : default;
        return isVersion;
    }

    /// <summary>The version as text; empty for that of nothing.</summary>
    public override string ToString() => _text ?? "";

    // As an entity tag, RFC 9110, section 8.8.3.
    internal string ToEntityTag() => _text is null
        ? throw new ArgumentException("this is no version that a server gave") : $"\"{_text}\"";

    internal static EntryVersion? OfEntityTag(string? tag) =>
        tag is { Length: > 2 } && tag[0] == '"' && tag[^1] == '"' && TryParse(tag[1..^1], out EntryVersion version) ? version : null;
}
