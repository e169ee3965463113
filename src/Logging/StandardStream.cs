using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Diststore.Logging;

/// <summary>
/// Standard output or error, written to as the operating system has it. The console's own stream takes the lock of the whole console
/// while it waits, and keeps to itself that nobody reads any more.
/// </summary>
internal static partial class StandardStream
{
    public const int Output = 1;
    public const int Error = 2;

    private const int Interrupted = 4;
    private const int TryAgainOnLinux = 11;
    private const int TryAgainOnMac = 35;
    private const short PollOut = 4;

    /// <summary>How the rest of a text is written: gives how many bytes went, and waits until at least one did.</summary>
    /// <exception cref="IOException">None can be written now.</exception>
    public delegate int Writer(ReadOnlySpan<byte> bytes);

    /// <summary>A writer to one of the two.</summary>
    public static Writer To(int descriptor)
    {
        if (OperatingSystem.IsWindows())
        {
            Stream stream = descriptor == Output ? Console.OpenStandardOutput() : Console.OpenStandardError();
            return bytes =>
            {
                stream.Write(bytes);
                return bytes.Length;
            };
        }

        return bytes => Write(descriptor, bytes);
    }

    private static int Write(int descriptor, ReadOnlySpan<byte> bytes)
    {
        while (true)
        {
            nint written = SystemWrite(descriptor, bytes, (nuint)bytes.Length);
            if (written >= 0)
            {
                return (int)written;
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case Interrupted:
                    break;
                case TryAgainOnLinux or TryAgainOnMac:
                    // Somebody has made it non-blocking. Whatever the wait ends with, the next try tells.
                    var wanted = new PollRequest { Descriptor = descriptor, Events = PollOut };
                    _ = SystemPoll(ref wanted, 1, -1);
                    break;
                case var error:
                    throw new IOException(new Win32Exception(error).Message);
            }
        }
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint SystemWrite(int descriptor, ReadOnlySpan<byte> bytes, nuint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int SystemPoll(ref PollRequest request, nuint count, int timeoutMilliseconds);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollRequest
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
