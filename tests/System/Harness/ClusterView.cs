using System.Text.Json;

namespace Diststore.SystemTests;

/// <summary>What <c>GET /v1/cluster</c> says, as far as the tests need it.</summary>
/// <param name="Epoch">The view's epoch; 0 before the first election.</param>
/// <param name="Primary">The primary's name, or <see langword="null"/>.</param>
/// <param name="Secondary">The other master's name when it is in sync, or <see langword="null"/>.</param>
/// <param name="Nodes">All live nodes by name, with how many keys each holds.</param>
/// <param name="Roles">What each live node says that it is.</param>
internal sealed record ClusterView(
    long Epoch, string? Primary, string? Secondary, IReadOnlyDictionary<string, long> Nodes, IReadOnlyDictionary<string, string> Roles)
{
    /// <summary>Both masters; empty unless both are there and in sync.</summary>
    public IReadOnlyList<string> Masters => Primary is not null && Secondary is not null ? [Primary, Secondary] : [];

    /// <summary>
    /// Whether both masters say of themselves that they are that: one that was killed and is back is named in a view that
    /// is about to be replaced, but knows better.
    /// </summary>
    public bool IsWhole => Masters.Count == 2
        && Roles.GetValueOrDefault(Primary!) == "primary" && Roles.GetValueOrDefault(Secondary!) == "secondary";

    /// <summary>Reads the answer's JSON.</summary>
    public static ClusterView Parse(JsonElement json)
    {
        Dictionary<string, long> nodes = json.GetProperty("nodes").EnumerateArray().ToDictionary(
            static node => node.GetProperty("name").GetString()!,
            static node => node.GetProperty("keys").GetInt64());
        Dictionary<string, string> roles = json.GetProperty("nodes").EnumerateArray().ToDictionary(
            static node => node.GetProperty("name").GetString()!,
            static node => node.GetProperty("role").GetString()!);
        JsonElement partitions = json.GetProperty("partitions");
        if (partitions.GetArrayLength() == 0)
        {
            return new ClusterView(0, null, null, nodes, roles);
        }

        JsonElement view = partitions[0];
        return new ClusterView(view.GetProperty("epoch").GetInt64(), Name(view, "primary"), Name(view, "secondary"), nodes, roles);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"epoch {Epoch}, primary {Primary ?? "none"}, secondary {Secondary ?? "none"}, "
        + $"nodes {string.Join(' ', Nodes.Select(node => $"{node.Key}:{Roles[node.Key]}:{node.Value}"))}";

    private static string? Name(JsonElement view, string role) => view.TryGetProperty(role, out JsonElement name) ? name.GetString() : null;
}
