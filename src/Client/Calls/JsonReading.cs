using System.Globalization;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>Members of what a server sends. Those that are not known are left alone, for a newer server may send them.</summary>
internal static class JsonReading
{
    /// <summary>A member's text; null where there is none.</summary>
    public static string? Text(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.String } member ? member.GetString() : null;

    /// <summary>A member's text that has to be there.</summary>
    public static string NeededText(this JsonElement json, string name) => json.Text(name) ?? throw Missing(name);

    /// <summary>A member's whole number; null where there is none.</summary>
    public static long? Number(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Number } member ? member.GetInt64() : null;

    /// <summary>A member's whole number that has to be there.</summary>
    public static long NeededNumber(this JsonElement json, string name) => json.Number(name) ?? throw Missing(name);

    /// <summary>Whether a member is there and true.</summary>
    public static bool Flag(this JsonElement json, string name) => json.Member(name) is { ValueKind: JsonValueKind.True };

    /// <summary>A member's elements; none where it is no array.</summary>
    public static JsonElement.ArrayEnumerator Array(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Array } member ? member.EnumerateArray() : default;

    /// <summary>A member's elements, which have to be there.</summary>
    public static JsonElement.ArrayEnumerator NeededArray(this JsonElement json, string name) =>
        json.Member(name) is { ValueKind: JsonValueKind.Array } member ? member.EnumerateArray() : throw Missing(name);

    /// <summary>A member's moment (RFC 3339); null where there is none.</summary>
    public static DateTimeOffset? Moment(this JsonElement json, string name) =>
        json.Text(name) is { } text ? DateTimeOffset.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal) : null;

    /// <summary>What a listing, a read of many keys, or a change says of a key.</summary>
    public static EntryInfo Info(this JsonElement json, string? node = null) => new()
    {
        Key = json.NeededText("key"),
        Version = EntryVersion.TryParse(json.Text("version"), out EntryVersion version) ? version : null,
        ContentType = json.Text("contentType") ?? "",
        Size = json.Number("size"),
        ExpiresAt = json.Moment("expiresAt"),
        Node = node,
    };

    /// <summary>A key with its value.</summary>
    public static DiststoreEntry Entry(this JsonElement json, string? node = null, TimeSpan? age = null)
    {
        byte[] value = json.Member("value") is { ValueKind: JsonValueKind.String } member ? member.GetBytesFromBase64() : throw Missing("value");
        return new DiststoreEntry(json.Info(node) with { Size = value.Length, Age = age }, value);
    }

    private static JsonElement? Member(this JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement member) ? member : null;

    private static JsonException Missing(string name) => new($"the answer lacks \"{name}\"");
}
