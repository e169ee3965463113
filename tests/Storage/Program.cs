namespace Diststore.Storage.Tests;

internal static class Program
{
    public static async Task<int> Main(string[] args)
    {
        if (args is not ["crash", string path, string seed])
        {
            Console.Error.WriteLine("this is a test assembly: run it with dotnet test");
            return 2;
        }

        await CrashWriter.RunAsync(path, int.Parse(seed));
        return 0;
    }
}
