using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>
/// Writes that are done together or not at all, if all conditions hold. A key may stand once among the conditions and once among the operations;
/// up to <see cref="MaxConditions"/> and <see cref="MaxOperations"/> of them. Not safe for several threads at once.
/// </summary>
public sealed class DiststoreTransaction
{
    /// <summary>The most conditions that one may have.</summary>
    public const int MaxConditions = 64;

    /// <summary>The most operations that one may have.</summary>
    public const int MaxOperations = 64;

    private readonly List<Action<Utf8JsonWriter>> _conditions = [];
    private readonly List<Action<Utf8JsonWriter>> _operations = [];
    private readonly HashSet<string> _judged = new(StringComparer.Ordinal);
    private readonly HashSet<string> _written = new(StringComparer.Ordinal);

    /// <summary>If the key has this version.</summary>
    public DiststoreTransaction IfVersion(string key, EntryVersion version)
    {
        _ = version.ToEntityTag();
        return Condition(key, json => json.WriteString("version", version.ToString()));
    }

    /// <summary>If there is such a key.</summary>
    public DiststoreTransaction IfExists(string key) => Condition(key, static json => json.WriteBoolean("exists", true));

    /// <summary>If there is no such key.</summary>
    public DiststoreTransaction IfAbsent(string key) => Condition(key, static json => json.WriteBoolean("exists", false));

    /// <summary>Stores a value.</summary>
    public DiststoreTransaction Put(string key, ReadOnlyMemory<byte> value, string? contentType = null, Expiry expiry = default) =>
        Operation("put", key, json =>
        {
            json.WriteBase64String("value", value.Span);
            if (contentType is not null)
            {
                json.WriteString("contentType", contentType);
            }

            WriteExpiry(json, expiry);
        });

    /// <summary>Stores a text.</summary>
    public DiststoreTransaction Put(string key, string text, string? contentType = null, Expiry expiry = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Put(key, Encoding.UTF8.GetBytes(text), contentType ?? MediaTypes.Text, expiry);
    }

    /// <summary>Deletes a key; one that is not there is no conflict.</summary>
    public DiststoreTransaction Delete(string key) => Operation("delete", key, static _ => { });

    /// <summary>Adds to a whole number; what is no number is a conflict.</summary>
    public DiststoreTransaction Add(string key, long by = 1, TimeSpan? lifeIfCreated = null)
    {
        Expiry life = lifeIfCreated is { } given ? Expiry.After(given) : Expiry.Never;
        return Operation("add", key, json =>
        {
            json.WriteNumber("by", by);
            WriteExpiry(json, life);
        });
    }

    /// <summary>Lets a value end at another time, or never; a key that is not there is a conflict.</summary>
    public DiststoreTransaction Touch(string key, Expiry expiry) => Operation("touch", key, json =>
    {
        if (expiry == Expiry.Never)
        {
            json.WriteString("ttl", "none");
        }

        WriteExpiry(json, expiry);
    });

    // The same calls give the same bytes, so that the same idempotency key stands for the same request.
    internal byte[] ToJson()
    {
        if (_conditions.Count + _operations.Count == 0)
        {
            throw new InvalidOperationException("a transaction needs a condition or an operation");
        }

        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            Write(json, "conditions", _conditions);
            Write(json, "operations", _operations);
            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    private static void Write(Utf8JsonWriter json, string name, List<Action<Utf8JsonWriter>> parts)
    {
        json.WriteStartArray(name);
        foreach (Action<Utf8JsonWriter> part in parts)
        {
            json.WriteStartObject();
            part(json);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteExpiry(Utf8JsonWriter json, Expiry expiry)
    {
        if (expiry.Seconds is { } seconds)
        {
            json.WriteNumber("ttl", decimal.Parse(seconds, CultureInfo.InvariantCulture));
        }
        else if (expiry.Moment is { } moment)
        {
            json.WriteString("expiresAt", moment);
        }
    }

    private DiststoreTransaction Condition(string key, Action<Utf8JsonWriter> write)
    {
        Take(_conditions, MaxConditions, _judged, key, json =>
        {
            json.WriteString("key", key);
            write(json);
        });
        return this;
    }

    private DiststoreTransaction Operation(string name, string key, Action<Utf8JsonWriter> write)
    {
        Take(_operations, MaxOperations, _written, key, json =>
        {
            json.WriteString(name, key);
            write(json);
        });
        return this;
    }

    private static void Take(List<Action<Utf8JsonWriter>> parts, int most, HashSet<string> keys, string key, Action<Utf8JsonWriter> part)
    {
        Keys.Check(key);
        if (parts.Count == most)
        {
            throw new InvalidOperationException($"a transaction takes at most {most} of these");
        }

        if (!keys.Add(key))
        {
            throw new ArgumentException($"the key '{key}' stands there already", nameof(key));
        }

        parts.Add(part);
    }
}
