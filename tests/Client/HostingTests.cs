using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace Diststore.Client.Tests;

/// <summary>Clients as services, and what their options take.</summary>
public sealed class HostingTests
{
    [Fact]
    public async Task A_client_is_a_service_and_another_one_has_a_key()
    {
        Script first = new Script().Answers(200, "1"), second = new Script().Answers(200, "2");
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDiststoreClient(options => options.AddAddresses("http://a:1").CreateHandler = () => first);
        builder.Services.AddKeyedDiststoreClient("second", options => options.AddAddresses("http://b:1").CreateHandler = () => second);
        using IHost host = builder.Build();
        await host.StartAsync();

        Assert.Equal("1", (await host.Services.GetRequiredService<DiststoreClient>().GetAsync("k"))!.GetText());
        Assert.Equal("2", (await host.Services.GetRequiredKeyedService<DiststoreClient>("second").GetAsync("k"))!.GetText());
        Assert.Same(host.Services.GetRequiredService<DiststoreClient>(), host.Services.GetRequiredService<DiststoreClient>());
    }

    [Fact]
    public async Task What_is_not_as_it_has_to_be_stops_the_start_with_all_that_is_wrong()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDiststoreClient(static options => options.AddAddresses("http://a:1"));
        builder.Services.AddKeyedDiststoreClient("second", static options => options.Timeout = TimeSpan.FromHours(1));
        using IHost host = builder.Build();

        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());

        Assert.Equal(2, error.Failures.Count());
        Assert.All(error.Failures, static failure => Assert.StartsWith("Diststore client 'second': ", failure, StringComparison.Ordinal));
        Assert.Contains("Addresses takes 1 to 64 addresses, not 0", error.Message, StringComparison.Ordinal);
        Assert.Contains("Timeout takes a time above zero and up to 00:05:00, not 01:00:00", error.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, Action<DiststoreClientOptions>> Wrong => new()
    {
        { "Addresses", static options => options.Addresses.Clear() },
        { "Addresses", static options => options.Addresses = [.. Enumerable.Range(1, 65).Select(static i => new Uri($"http://a:{i}"))] },
        { "Addresses", static options => options.AddAddresses("ftp://a") },
        { "Addresses", static options => options.AddAddresses("http://me:secret@a") },
        { "Addresses", static options => options.AddAddresses("http://a?b") },
        { "Addresses", static options => options.AddAddresses("http://a#b") },
        { "Addresses", static options => options.Addresses.Add(new Uri("a/b", UriKind.Relative)) },
        { "Timeout", static options => options.Timeout = TimeSpan.Zero },
        { "AttemptTimeout", static options => options.AttemptTimeout = TimeSpan.FromMinutes(6) },
        { "ConnectTimeout", static options => options.ConnectTimeout = TimeSpan.FromSeconds(-1) },
        { "FirstRetryDelay", static options => options.FirstRetryDelay = TimeSpan.Zero },
        { "MaxRetryDelay", static options => options.MaxRetryDelay = TimeSpan.Zero },
        { "WatchSilence", static options => options.WatchSilence = Timeout.InfiniteTimeSpan },
        { "WatchTimeout", static options => options.WatchTimeout = TimeSpan.FromDays(2) },
        { "MaxAnswerBytes", static options => options.MaxAnswerBytes = 1 },
        { "MaxChangeBytes", static options => options.MaxChangeBytes = int.MaxValue },
        { "MaxConnectionsPerAddress", static options => options.MaxConnectionsPerAddress = 0 },
        { "Token", static options => options.Token = "" },
        { "Token", static options => options.Token = "a b" },
        { "TimeProvider", static options => options.TimeProvider = null! },
    };

    [Theory, MemberData(nameof(Wrong))]
    public void What_an_option_does_not_take_is_named(string name, Action<DiststoreClientOptions> spoil)
    {
        DiststoreClientOptions options = new DiststoreClientOptions().AddAddresses("http://a:1");
        using (new DiststoreClient(options))
        {
            spoil(options);
        }

        string message = Assert.Throws<ArgumentException>(() => new DiststoreClient(options)).Message;
        Assert.StartsWith(name + (name == "Addresses" ? "" : " "), message, StringComparison.Ordinal);
        Assert.DoesNotContain("; ", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Options_are_taken_as_they_were_when_the_client_was_made()
    {
        Script script = new Script().Answers(200).Answers(200);
        DiststoreClientOptions options = new DiststoreClientOptions { CreateHandler = () => script }.AddAddresses("http://a:1/store/");
        using var client = new DiststoreClient(options);
        options.Addresses[0] = new Uri("http://b:1");
        options.Token = "later";

        await client.GetAsync("a/b");

        Assert.Equal("http://a:1/store/v1/kv/a%2Fb", script.Only.Uri.OriginalString);
        Assert.Null(script.Only.Header("Authorization"));
        await Assert.ThrowsAsync<ArgumentException>(() => client.GetAsync("k", new ReadOptions { Timeout = TimeSpan.Zero }));
    }

    [Fact]
    public void A_version_is_read_as_it_was_written()
    {
        EntryVersion version = EntryVersion.Parse("3-14");

        Assert.Equal(version, EntryVersion.Parse(version.ToString()));
        Assert.NotEqual(default, version);
        Assert.Equal("", default(EntryVersion).ToString());
        Assert.All((string[])["", "a\"b", "1 2", new('1', 101)], static text => Assert.Throws<FormatException>(() => EntryVersion.Parse(text)));
    }
}
