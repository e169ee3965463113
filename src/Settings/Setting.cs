namespace Diststore.Settings;

/// <summary>One setting: its name under "Diststore:", what it takes in words, and how it is taken.</summary>
/// <typeparam name="T">The settings that it is one of.</typeparam>
/// <param name="Name">The name, parts joined by colons.</param>
/// <param name="Default">The default, in words.</param>
/// <param name="Takes">Completes "NAME takes ...".</param>
/// <param name="TryTake">Puts the value in its place; false when it is not one that the setting takes.</param>
/// <param name="Bounds">The least and the greatest value that it takes, where it has such.</param>
public sealed record Setting<T>(string Name, string Default, string Takes, Func<T, string, bool> TryTake, params string[] Bounds);
