using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Diststore.Client;

/// <summary>
/// A Diststore cluster, over HTTP. One for the whole process, used by any number of threads at once. What is expected is a result, or null; what is
/// not throws a <see cref="DiststoreException"/>. Cancelling a write ends the wait for it, and it may have been done all the same.
/// </summary>
public sealed class DiststoreClient : IDisposable
{
    private readonly DiststoreClientOptions _options;
    private readonly CallRunner _runner;
    private readonly ClientInstruments? _instruments;
    private readonly Session? _session;
    private readonly EntryReads _reads;
    private readonly EntryWrites _writes;
    private readonly Listings _listings;
    private readonly Watches _watches;

    /// <summary>Makes a client; nothing is sent yet.</summary>
    /// <exception cref="ArgumentException">The options are not as they have to be.</exception>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "The runner disposes of the handler.")]
    public DiststoreClient(DiststoreClientOptions options, ILoggerFactory? loggerFactory = null, IMeterFactory? meterFactory = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options.Checked();
        _instruments = new ClientInstruments(meterFactory, _options.TimeProvider);
        ILogger logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger<DiststoreClient>();
        _runner = new CallRunner(_options, _options.CreateHandler?.Invoke() ?? Handler(_options), _instruments, logger);
        (_reads, _writes, _listings, _watches) = Parts();
    }

    /// <summary>Makes a client of the servers at these addresses.</summary>
    /// <exception cref="UriFormatException">One is no address.</exception>
    public DiststoreClient(params string[] addresses)
        : this(new DiststoreClientOptions().AddAddresses(addresses))
    {
    }

    private DiststoreClient(DiststoreClient client, Session session)
    {
        _options = client._options;
        _runner = client._runner;
        _session = session;
        (_reads, _writes, _listings, _watches) = Parts();
    }

    /// <summary>What operators ask of a cluster.</summary>
    public ClusterOperations Cluster => new(_runner, _options.AttemptTimeout);

    /// <summary>The last write of this session, for <see cref="StartSession"/> in another process; 0 where there is none.</summary>
    public long SessionSequence => _session?.Sequence ?? 0;

    /// <summary>
    /// A client that shows its own writes to its own reads, whichever node answers. It shares this client's connections and is not disposed of by itself.
    /// </summary>
    /// <param name="sequence">The last write to be seen that was made elsewhere.</param>
    public DiststoreClient StartSession(long sequence = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sequence);
        return new DiststoreClient(this, new Session(sequence));
    }

    /// <summary>What one node holds, and entries that live on it alone.</summary>
    /// <param name="name">The node; null: whichever is asked, which says something only where the one address is that node's own.</param>
    public NodeOperations Node(string? name = null) => new(_runner, _reads, _options.AttemptTimeout, name);

    /// <summary>Reads a key; null where there is none.</summary>
    /// <exception cref="DiststoreException">Whether there is such a key, or its value, could not be told.</exception>
    public Task<DiststoreEntry?> GetAsync(string key, ReadOptions? options = null, CancellationToken cancellationToken = default) =>
        _reads.GetAsync(EntryReads.KeyPath, key, options, cancellationToken);

    /// <summary>Reads a key from the masters or, local-only, from whichever live node has it; null where nobody does.</summary>
    /// <exception cref="DiststoreException">A node that may have it does not answer.</exception>
    public Task<DiststoreEntry?> GetAnywhereAsync(string key, ReadOptions? options = null, CancellationToken cancellationToken = default) =>
        _reads.GetAsync("/get/", key, options, cancellationToken, "get_anywhere");

    /// <summary>Reads a key if it has another version than the known one.</summary>
    /// <exception cref="DiststoreException">It could not be told.</exception>
    public Task<ChangedRead> GetIfChangedAsync(
        string key, EntryVersion known, ReadOptions? options = null, CancellationToken cancellationToken = default) =>
        _reads.GetIfChangedAsync(key, known, options, cancellationToken);

    /// <summary>Reads all but the value; null where there is no such key.</summary>
    /// <exception cref="DiststoreException">It could not be told.</exception>
    public Task<EntryInfo?> GetInfoAsync(string key, ReadOptions? options = null, CancellationToken cancellationToken = default) =>
        _reads.GetInfoAsync(key, options, cancellationToken);

    /// <summary>Opens a value, or a part of it, as a stream to be disposed; null where there is no such key.</summary>
    /// <exception cref="DiststoreRequestException">No byte of the value lies in the range (<see cref="DiststoreProblem.Range"/>).</exception>
    /// <exception cref="DiststoreException">It could not be told.</exception>
    public Task<OpenedEntry?> OpenReadAsync(
        string key, ValueRange? range = null, ReadOptions? options = null, CancellationToken cancellationToken = default) =>
        _reads.OpenAsync(key, range, options, cancellationToken);

    /// <summary>Reads any number of keys, each as <see cref="GetAsync"/> does, in their order; the values come as they are taken.</summary>
    /// <exception cref="DiststoreException">It could not be told.</exception>
    public IAsyncEnumerable<KeyValuePair<string, DiststoreEntry?>> GetManyAsync(
        IEnumerable<string> keys, ReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return _reads.GetManyAsync(keys, options, cancellationToken);
    }

    /// <summary>Reads up to 1,000 keys as they were at one moment, strongly; in their order, null where there is none.</summary>
    /// <exception cref="DiststoreAnswerException">The values are more than a server shows of one moment, some 8 MiB.</exception>
    /// <exception cref="DiststoreException">It could not be told.</exception>
    public Task<IReadOnlyList<DiststoreEntry?>> GetSnapshotAsync(
        IReadOnlyList<string> keys, ReadOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keys);
        return _reads.GetSnapshotAsync(keys, options, cancellationToken);
    }

    /// <summary>Lists keys in the order of their UTF-8 bytes, without values.</summary>
    /// <exception cref="DiststoreException">No master lists keys now.</exception>
    public IAsyncEnumerable<EntryInfo> ListAsync(string prefix = "", ListOptions? options = null, CancellationToken cancellationToken = default) =>
        _listings.ListAsync(prefix, options, cancellationToken);

    /// <summary>Lists keys in the order of their UTF-8 bytes, with their values.</summary>
    /// <exception cref="DiststoreException">No master lists keys now.</exception>
    public IAsyncEnumerable<DiststoreEntry> ListEntriesAsync(string prefix = "", ListOptions? options = null, CancellationToken cancellationToken = default) =>
        _listings.ListEntriesAsync(prefix, options, cancellationToken);

    /// <summary>Counts keys.</summary>
    /// <exception cref="DiststoreException">No master counts keys now.</exception>
    public Task<KeyCount> CountAsync(string prefix = "", ReadOptions? options = null, CancellationToken cancellationToken = default) =>
        _listings.CountAsync(prefix, options, cancellationToken);

    /// <summary>Stores bytes.</summary>
    /// <exception cref="DiststoreOutcomeUnknownException">It may have been done; go on with its key.</exception>
    /// <exception cref="DiststoreException">It was not done.</exception>
    public Task<WriteResult> PutAsync(string key, ReadOnlyMemory<byte> value, PutOptions? options = null, CancellationToken cancellationToken = default)
    {
        MediaTypeHeaderValue type = MediaTypeHeaderValue.Parse(options?.ContentType ?? MediaTypes.Bytes);
        return _writes.PutAsync(
            key, () => new ReadOnlyMemoryContent(value) { Headers = { ContentType = type } }, hasBodyOnce: false, isLong: false, options, cancellationToken);
    }

    /// <summary>Stores a text, as UTF-8.</summary>
    /// <exception cref="DiststoreOutcomeUnknownException">It may have been done; go on with its key.</exception>
    /// <exception cref="DiststoreException">It was not done.</exception>
    public Task<WriteResult> PutAsync(string key, string text, PutOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        return PutAsync(key, Encoding.UTF8.GetBytes(text), Typed(options, MediaTypes.Text), cancellationToken);
    }

    /// <summary>
    /// Stores what a stream gives from where it stands, as it comes. A stream that cannot seek is sent once: what fails after that is not repeated.
    /// </summary>
    /// <exception cref="DiststoreOutcomeUnknownException">It may have been done; go on with its key.</exception>
    /// <exception cref="DiststoreException">It was not done.</exception>
    public Task<WriteResult> PutAsync(string key, Stream value, PutOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(value);
        long? start = value.CanSeek ? value.Position : null;
        MediaTypeHeaderValue type = MediaTypeHeaderValue.Parse(options?.ContentType ?? MediaTypes.Bytes);
        return _writes.PutAsync(key, () => new BorrowedStreamContent(value, start, type), hasBodyOnce: start is null, isLong: true, options, cancellationToken);
    }

    /// <summary>Stores a value as JSON.</summary>
    /// <exception cref="DiststoreOutcomeUnknownException">It may have been done; go on with its key.</exception>
    /// <exception cref="DiststoreException">It was not done.</exception>
    public Task<WriteResult> PutJsonAsync<T>(
        string key, T value, JsonTypeInfo<T> type, PutOptions? options = null, CancellationToken cancellationToken = default) =>
        PutAsync(key, JsonSerializer.SerializeToUtf8Bytes(value, type), Typed(options, MediaTypes.Json), cancellationToken);

    /// <summary>Deletes a key.</summary>
    /// <exception cref="DiststoreOutcomeUnknownException">It may have been done; go on with its key.</exception>
    /// <exception cref="DiststoreException">It was not done.</exception>
    public Task<WriteResult> DeleteAsync(string key, WriteOptions? options = null, CancellationToken cancellationToken = default) =>
        _writes.DeleteAsync(key, options, cancellationToken);

    /// <summary>Lets a value end at another time, or never; it gets a new version.</summary>
    /// <exception cref="DiststoreOutcomeUnknownException">It may have been done; go on with its key.</exception>
    /// <exception cref="DiststoreException">It was not done.</exception>
    public Task<WriteResult> TouchAsync(string key, Expiry expiry, WriteOptions? options = null, CancellationToken cancellationToken = default) =>
        _writes.TouchAsync(key, expiry, options, cancellationToken);

    /// <summary>Adds to a whole number, which a value is that is its decimal text; a key that is not there counts as 0.</summary>
    /// <exception cref="DiststoreOutcomeUnknownException">It may have been done; go on with its key.</exception>
    /// <exception cref="DiststoreException">It was not done.</exception>
    public Task<AddResult> AddAsync(string key, long by = 1, AddOptions? options = null, CancellationToken cancellationToken = default) =>
        _writes.AddAsync(key, by, options, cancellationToken);

    /// <summary>Does several writes together or not at all, if all conditions hold.</summary>
    /// <exception cref="DiststoreOutcomeUnknownException">It may have been done; go on with its key.</exception>
    /// <exception cref="DiststoreException">It was not done.</exception>
    public Task<TransactionResult> TransactAsync(
        DiststoreTransaction transaction, TransactionOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(transaction);
        return _writes.TransactAsync(transaction, options, cancellationToken);
    }

    /// <summary>
    /// Deletes all keys that begin with a prefix, in pieces. What is written meanwhile may or may not go. It is not repeated where its outcome is
    /// unknown, for what was written since would go too.
    /// </summary>
    /// <returns>How many were deleted.</returns>
    /// <exception cref="DiststoreException">Some may be left.</exception>
    public Task<long> DeletePrefixAsync(string prefix, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(prefix);
        Keys.CheckPrefix(prefix);
        return _writes.DeletePrefixAsync(prefix, cancellationToken);
    }

    /// <summary>Deletes all keys of the cluster, as <see cref="DeletePrefixAsync"/> does.</summary>
    /// <returns>How many were deleted.</returns>
    /// <exception cref="DiststoreException">Some may be left.</exception>
    public Task<long> DeleteAllAsync(CancellationToken cancellationToken = default) => _writes.DeletePrefixAsync(null, cancellationToken);

    /// <summary>
    /// Changes as they come, from one server after the other, each once and in order. A change that was superseded before it was read may be left out.
    /// Without <see cref="WatchOptions.Since"/> each key's latest change comes first, deletes of late among them.
    /// </summary>
    /// <exception cref="DiststoreChangesGoneException">The point to go on from is gone: start over.</exception>
    /// <exception cref="DiststoreException">It cannot go on.</exception>
    public IAsyncEnumerable<Change> WatchAsync(WatchOptions? options = null, CancellationToken cancellationToken = default) =>
        _watches.WatchAsync(options ?? new WatchOptions(), cancellationToken);

    /// <summary>
    /// What is there, then what changes, for who keeps a picture of it: <see cref="ChangeKind.Reset"/>, puts, <see cref="ChangeKind.Ready"/>, changes;
    /// over again whenever the point to go on from is gone. With <see cref="WatchOptions.Since"/> it begins with the changes after that, if they are there.
    /// </summary>
    /// <exception cref="DiststoreException">It cannot go on.</exception>
    public IAsyncEnumerable<Change> FollowAsync(WatchOptions? options = null, CancellationToken cancellationToken = default) =>
        _watches.FollowAsync(options ?? new WatchOptions(), cancellationToken);

    /// <summary>Whether changes after an id are still at hand.</summary>
    /// <exception cref="DiststoreException">It could not be told.</exception>
    public Task<bool> CanResumeAsync(string id, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(id);
        return _watches.CanResumeAsync(id, cancellationToken);
    }

    /// <summary>Closes all connections; of a session it does nothing.</summary>
    public void Dispose()
    {
        if (_instruments is not null)
        {
            _runner.Dispose();
            _instruments.Dispose();
        }
    }

    private static PutOptions Typed(PutOptions? options, string contentType) =>
        (options ?? new PutOptions()) with { ContentType = options?.ContentType ?? contentType };

    private static SocketsHttpHandler Handler(DiststoreClientOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = options.ConnectTimeout,
            MaxConnectionsPerServer = options.MaxConnectionsPerAddress,
            // Names may mean other machines after a while.
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            AutomaticDecompression = DecompressionMethods.None,
        };
        options.ConfigureHandler?.Invoke(handler);
        // A token goes to the addresses that were given, and nowhere else.
        handler.AllowAutoRedirect = false;
        handler.UseCookies = false;
        return handler;
    }

    private (EntryReads Reads, EntryWrites Writes, Listings Listings, Watches Watches) Parts()
    {
        var listings = new Listings(_runner, _session);
        var reads = new EntryReads(_runner, _session, _options.AttemptTimeout);
        return (reads, new EntryWrites(_runner, _session), listings, new Watches(_runner, listings, _options));
    }
}
