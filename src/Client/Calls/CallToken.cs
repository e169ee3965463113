namespace Diststore.Client;

/// <summary>The token of all attempts of one call: with another one its idempotency key would be another's.</summary>
internal sealed class CallToken
{
    private string? _token;
    private bool _isKnown;

    public async ValueTask<string?> GetAsync(DiststoreClientOptions options, CancellationToken cancellation)
    {
        if (!_isKnown)
        {
            _token = options.TokenProvider is { } provider ? await provider(cancellation).ConfigureAwait(false) : options.Token;
            _isKnown = true;
        }

        return _token;
    }
}
