namespace Diststore.Settings;

/// <summary>The process cannot run as it was told to. The message is one sentence for whoever started it.</summary>
public sealed class StartException(string message) : Exception(message);
