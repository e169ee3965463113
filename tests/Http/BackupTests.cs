namespace Diststore.Http.Tests;

public sealed class BackupTests
{
    [Fact]
    public async Task A_backup_is_streamed_part_by_part()
    {
        await using var server = await TestServer.StartAsync();
        server.Store.BackupParts = new Queue<byte[]>(["one "u8.ToArray(), "two"u8.ToArray()]);
        using HttpResponseMessage answer = await server.Client.PostAsync(new Uri("/v1/cluster/backup", UriKind.Relative), null);
        Assert.Equal("one two", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task There_is_no_backup_of_data_in_memory()
    {
        await using var server = await TestServer.StartAsync();
        Answer answer = await server.SendAsync("POST", "/v1/cluster/backup");
        Assert.Equal(501, answer.Status);
        Assert.Contains("in memory", answer.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_is_posted_for()
    {
        await using var server = await TestServer.StartAsync();
        Assert.Equal(405, (await server.SendAsync("GET", "/v1/cluster/backup")).Status);
    }
}
