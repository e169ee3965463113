using System.Globalization;
using System.Text.Json;

namespace Diststore.Client;

/// <summary>What operators ask of a cluster. None of it is repeated once it may have been done.</summary>
public sealed class ClusterOperations
{
    private const string Path = "/v1/cluster";

    private readonly CallRunner _runner;
    private readonly TimeSpan _readTimeout;

    internal ClusterOperations(CallRunner runner, TimeSpan readTimeout) => (_runner, _readTimeout) = (runner, readTimeout);

    /// <summary>The masters and all live nodes.</summary>
    /// <exception cref="DiststoreException">Nobody answers.</exception>
    public Task<ClusterState> GetAsync(CancellationToken cancellationToken = default) =>
        RunAsync(new Call("cluster", HttpMethod.Get, Path, Repeat.Always), cancellationToken);

    /// <summary>Whether a node answers that can serve reads, at any of the addresses.</summary>
    /// <exception cref="DiststoreException">Nobody answers at all.</exception>
    public Task<bool> IsReadyAsync(CancellationToken cancellationToken = default) => _runner.RunAsync<bool>(
        new Call("ready", HttpMethod.Get, "/health/ready", Repeat.Always),
        static (answer, problem, _) => new(
            answer.Status == 200 || problem?.Word == DiststoreProblem.NotKnown ? new Understood<bool>(answer.Status == 200) : Understood<bool>.None),
        cancellationToken);

    /// <summary>Lets a master give its role away.</summary>
    /// <param name="node">The master; null: the node that is asked.</param>
    /// <param name="cancellationToken">Ends the wait, not what was begun.</param>
    /// <exception cref="DiststoreRequestException">It is no master, or nobody can take the role (<see cref="DiststoreProblem.Conflict"/>).</exception>
    public Task<ClusterState> StepDownAsync(string? node = null, CancellationToken cancellationToken = default) =>
        ChangeAsync("step_down", $"{Path}/step-down{(node is null ? "" : $"?node={Keys.Escape(node)}")}", cancellationToken);

    /// <summary>Keeps the place of a master that will be stopped; no other node is chosen for so long.</summary>
    /// <param name="node">The master.</param>
    /// <param name="time">1 s to a day, whole seconds; zero ends it.</param>
    /// <param name="cancellationToken">Ends the wait, not what was begun.</param>
    /// <exception cref="DiststoreRequestException">It is no master in sync with its data on disk, or nobody has the name.</exception>
    public Task<ClusterState> MaintainAsync(string node, TimeSpan time, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(node);
        string seconds = ((long)time.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return ChangeAsync("maintenance", $"{Path}/maintenance?node={Keys.Escape(node)}&for={seconds}", cancellationToken);
    }

    /// <summary>Makes a node the primary of a new history, where no master in sync is left. Acknowledged writes may be lost.</summary>
    /// <param name="node">The node.</param>
    /// <param name="acceptDataLoss">Without, the cluster refuses, and the message tells what every node holds.</param>
    /// <param name="cancellationToken">Ends the wait, not what was begun.</param>
    /// <exception cref="DiststoreRequestException">It is not allowed now (<see cref="DiststoreProblem.Conflict"/>).</exception>
    public Task<ClusterState> ForceElectionAsync(string node, bool acceptDataLoss, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(node);
        string accepts = acceptDataLoss ? "&accept-data-loss=yes" : "";
        return ChangeAsync("force_election", $"{Path}/force-election?node={Keys.Escape(node)}{accepts}", cancellationToken);
    }

    /// <summary>One consistent snapshot of a master, as it comes. One that breaks off is refused when it is restored.</summary>
    /// <returns>A stream to be disposed.</returns>
    /// <exception cref="DiststoreException">Nobody makes one.</exception>
    public Task<Stream> OpenBackupAsync(CancellationToken cancellationToken = default) => _runner.RunAsync<Stream>(
        new Call("backup", HttpMethod.Post, $"{Path}/backup", Repeat.IfNothingDone),
        async (answer, _, token) => answer.Status != 200 ? Understood<Stream>.None
            : new(new TimedStream(await answer.OpenAsync(token).ConfigureAwait(false), _readTimeout, _runner.Time)),
        cancellationToken);

    private Task<ClusterState> ChangeAsync(string operation, string target, CancellationToken cancellation) =>
        RunAsync(new Call(operation, HttpMethod.Post, target, Repeat.IfNothingDone) { IsLong = true }, cancellation);

    private Task<ClusterState> RunAsync(Call call, CancellationToken cancellation) => _runner.RunAsync<ClusterState>(call, async (answer, _, token) =>
    {
        if (answer.Status != 200)
        {
            return Understood<ClusterState>.None;
        }

        using JsonDocument json = await answer.ReadJsonAsync(token).ConfigureAwait(false);
        JsonElement root = json.RootElement;
        return new(new ClusterState([.. root.NeededArray("partitions").Select(Partition)], [.. root.NeededArray("nodes").Select(Node)]));
    }, cancellation);

    private static PartitionState Partition(JsonElement json) => new()
    {
        Number = json.NeededNumber("number"),
        Epoch = json.NeededNumber("epoch"),
        Primary = json.NeededText("primary"),
        Secondary = json.Text("secondary"),
        Learner = json.Text("learner"),
        InSync = [.. json.Array("inSync").Select(static name => name.GetString()!)],
        IsWritable = json.Flag("writable"),
        Missing = [.. json.Array("missing").Select(static node => new MissingNode(node.NeededText("name"), node.Moment("since")))],
    };

    private static NodeState Node(JsonElement json) => new()
    {
        Name = json.NeededText("name"),
        Role = json.NeededText("role"),
        IsReachable = json.Flag("reachable"),
        Keys = json.Number("keys") ?? 0,
        Applied = json.Text("applied"),
        Last = json.Text("last"),
        Epoch = json.Number("epoch") ?? 0,
        Url = json.Text("url"),
        Version = json.Text("version"),
    };
}
