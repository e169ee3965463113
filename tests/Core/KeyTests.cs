using System.Text;
using CsCheck;

namespace Diststore.Core.Tests;

public sealed class KeyTests
{
    // Runes from all lengths of UTF-8 and both sides of the surrogates.
    private static Gen<string> Strings =>
        Gen.OneOf(
                Gen.Int['a', 'c'],
                Gen.Int[0x20, 0x7FF],
                Gen.Int[0x800, 0xD7FF],
                Gen.Int[0xE000, 0xFFFF],
                Gen.Int[0x10000, 0x10FFFF])
            .Select(value => new Rune(value).ToString()).Array[0, 6].Select(string.Concat);

    [Theory]
    [InlineData("a")]
    [InlineData("a/b c?d#e%f+g\r\n\t\\\"'")]
    [InlineData("..")]
    [InlineData("\u0001\uFEFF\uFFFF\U0010FFFF")]
    public void Any_character_but_nul_is_allowed(string key) => Assert.Null(KeyRules.Problem(key));

    [Theory]
    [InlineData("", "empty")]
    [InlineData("\0", "NUL")]
    [InlineData("a\0b", "NUL")]
    public void Nul_and_nothing_are_not(string key, string why) => Assert.Contains(why, KeyRules.Problem(key), StringComparison.Ordinal);

    [Fact]
    public void Lone_and_swapped_surrogates_are_not_utf8()
    {
        // Made here: test runners do not pass such strings on as they are.
        char[][] malformed = [['\uD800'], ['\uDC00'], ['a', '\uDBFF'], ['\uDC00', '\uD800'], ['\uD800', 'a'], ['\uD800', '\uD800', '\uDC00']];
        foreach (char[] units in malformed)
        {
            Assert.Contains("UTF-8", KeyRules.Problem(new string(units)), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("x", 1024)]
    [InlineData("é", 512)]
    [InlineData("\uFFFD", 341)]
    [InlineData("\U00010000", 256)]
    public void The_longest_key_is_counted_in_bytes(string rune, int most)
    {
        Assert.Null(KeyRules.Problem(string.Concat(Enumerable.Repeat(rune, most))));
        Assert.Contains("1024 bytes", KeyRules.Problem(string.Concat(Enumerable.Repeat(rune, most + 1))), StringComparison.Ordinal);
    }

    [Fact]
    public void The_rules_agree_with_the_strict_encoder()
    {
        var strict = new UTF8Encoding(false, throwOnInvalidBytes: true);
        Gen.Char.Array[0, 400].Select(units => new string(units)).Sample(key =>
        {
            bool isValid;
            try
            {
                isValid = strict.GetByteCount(key) is > 0 and <= KeyRules.MaxBytes && !key.Contains('\0', StringComparison.Ordinal);
            }
            catch (EncoderFallbackException)
            {
                isValid = false;
            }

            Assert.Equal(isValid, KeyRules.Problem(key) is null);
        });
    }

    [Fact]
    public void Keys_are_ordered_as_their_utf8_bytes_are()
    {
        Gen.Select(Strings, Strings, Strings).Sample(
            (common, left, right) =>
            {
                (left, right) = (common + left, common + right);
                int bytes = Encoding.UTF8.GetBytes(left).AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(right));
                Assert.Equal(Math.Sign(bytes), Math.Sign(KeyOrder.Instance.Compare(left, right)));
                Assert.Equal(-Math.Sign(bytes), Math.Sign(KeyOrder.Instance.Compare(right, left)));
            },
            iter: 20_000);
    }

    [Fact]
    public void Surrogates_come_after_the_end_of_the_basic_plane()
    {
        Assert.True(string.CompareOrdinal("\U00010000", "\uFFFF") < 0);
        Assert.True(KeyOrder.Instance.Compare("\U00010000", "\uFFFF") > 0);
        Assert.True(KeyOrder.Instance.Compare("\U00010000", "\U00010001") < 0);
    }
}
