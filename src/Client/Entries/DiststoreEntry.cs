using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Diststore.Client;

/// <summary>A key and its value.</summary>
public sealed class DiststoreEntry
{
    internal DiststoreEntry(EntryInfo info, ReadOnlyMemory<byte> value)
    {
        Info = info;
        Value = value;
    }

    /// <summary>What is known besides the value.</summary>
    public EntryInfo Info { get; }

    /// <summary>The key.</summary>
    public string Key => Info.Key;

    /// <summary>The value, as it was stored.</summary>
    public ReadOnlyMemory<byte> Value { get; }

    /// <summary>Which version this is, for conditions; null for what is local-only.</summary>
    public EntryVersion? Version => Info.Version;

    /// <summary>The media type that the value came with.</summary>
    public string ContentType => Info.ContentType;

    /// <summary>The value read as UTF-8; what is none shows as U+FFFD.</summary>
    public string GetText() => Encoding.UTF8.GetString(Value.Span);

    /// <summary>The value read as JSON.</summary>
    /// <param name="type">How to read it; a context made by the source generator of System.Text.Json has one for each of its types.</param>
    /// <exception cref="JsonException">It is no JSON of this type.</exception>
    public T? GetJson<T>(JsonTypeInfo<T> type)
    {
        ArgumentNullException.ThrowIfNull(type);
        return JsonSerializer.Deserialize(Value.Span, type);
    }

    /// <summary>Key and version.</summary>
    public override string ToString() => $"{Key} ({Version?.ToString() ?? "local-only"})";
}
