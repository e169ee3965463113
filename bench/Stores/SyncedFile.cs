using System.Diagnostics;
using System.Globalization;
using Diststore.Load;
using Microsoft.Win32.SafeHandles;

namespace Diststore.Stores;

/// <summary>The yardstick of a lone durable write: the same bytes at the end of a file, which is synced.</summary>
internal static class SyncedFile
{
    /// <summary>Appends and syncs for some seconds.</summary>
    public static int Append(Arguments arguments)
    {
        byte[] bytes = new byte[arguments.Number("bytes", 100)];
        long end = Stopwatch.GetTimestamp() + (arguments.Number("seconds", 3) * Stopwatch.Frequency);
        List<double> microseconds = [];
        using SafeFileHandle file = File.OpenHandle(arguments.One("to"), FileMode.Create, FileAccess.Write);
        for (long start = Stopwatch.GetTimestamp(), length = 0; start < end; start = Stopwatch.GetTimestamp(), length += bytes.Length)
        {
            RandomAccess.Write(file, bytes, length);
            RandomAccess.FlushToDisk(file);
            microseconds.Add(Stopwatch.GetElapsedTime(start).TotalMicroseconds);
        }

        microseconds.Sort();
        Console.WriteLine(microseconds[microseconds.Count / 2].ToString("0", CultureInfo.InvariantCulture));
        return 0;
    }
}
