using System.Text;
using CsCheck;
using Diststore.Core;

namespace Diststore.Http.Tests;

public sealed class RequestTargetTests
{
    private static readonly Gen<string> Keys = Gen.Frequency(
            (3, Gen.Int[1, 0x10FFFF].Where(point => point is < 0xD800 or > 0xDFFF)),
            (3, Gen.Char["/.%?#+& \n"].Select(character => (int)character)),
            (2, Gen.Int[0x20, 0x7E]))
        .Array[1, 200]
        .Select(points => string.Concat(points.Select(char.ConvertFromUtf32)));

    [Theory]
    [InlineData("/get/a", "a")]
    [InlineData("/get/a/b", "a/b")]
    [InlineData("/get/a%2Fb", "a/b")]
    [InlineData("/get/a%2fb", "a/b")]
    [InlineData("/get/a%252Fb", "a%2Fb")]
    [InlineData("/get/..", "..")]
    [InlineData("/get/../x", "../x")]
    [InlineData("/get/%2e%2e/x", "../x")]
    [InlineData("/get//", "/")]
    [InlineData("/get/a//b/", "a//b/")]
    [InlineData("/get/a+b", "a+b")]
    [InlineData("/get/a%20b", "a b")]
    [InlineData("/get/%C3%A4%F0%9F%90%B8", "ä🐸")]
    [InlineData("/get/a?x=/b", "a")]
    [InlineData("/get/a?", "a")]
    [InlineData("http://host:1/get/a", "a")]
    [InlineData("http://host:1/get/http://x/", "http://x/")]
    public void A_key_is_decoded_once_and_never_normalized(string raw, string expected)
    {
        Assert.True(RequestTarget.TryParse(raw, out RequestTarget target, out _));
        Assert.True(target.TryGetKey("/get/".Length, out string key, out string? problem), problem);
        Assert.Equal(expected, key);
    }

    [Theory]
    [InlineData("/get/", "empty")]
    [InlineData("/get/%", "percent-encoding")]
    [InlineData("/get/%2", "percent-encoding")]
    [InlineData("/get/%zz", "percent-encoding")]
    [InlineData("/get/a%2", "percent-encoding")]
    [InlineData("/get/%00", "NUL")]
    [InlineData("/get/a%00b", "NUL")]
    [InlineData("/get/%FF", "UTF-8")]
    [InlineData("/get/%C3", "UTF-8")]
    [InlineData("/get/%ED%A0%80", "UTF-8")]
    [InlineData("/get/%C0%AF", "UTF-8")]
    public void A_bad_key_is_refused_with_what_is_wrong(string raw, string word)
    {
        Assert.True(RequestTarget.TryParse(raw, out RequestTarget target, out _));
        Assert.False(target.TryGetKey("/get/".Length, out _, out string? problem));
        Assert.Contains(word, problem, StringComparison.Ordinal);
    }

    [Fact]
    public void The_longest_key_fits_however_it_is_encoded_and_one_byte_more_does_not()
    {
        foreach (string unit in new[] { "a", "%61", "ä", "%C3%A4" })
        {
            int bytes = unit is "a" or "%61" ? 1 : 2;
            string text = string.Concat(Enumerable.Repeat(unit, KeyRules.MaxBytes / bytes));
            Assert.True(Parse("/" + text).TryGetKey(1, out string key, out string? problem), problem);
            Assert.Equal(KeyRules.MaxBytes, Encoding.UTF8.GetByteCount(key));
            Assert.False(Parse("/" + text + "x").TryGetKey(1, out _, out problem));
            Assert.Contains("1024 bytes", problem, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("*")]
    [InlineData("host:80")]
    [InlineData("://x/")]
    [InlineData("")]
    [InlineData("/get/a#b")]
    public void A_target_that_names_no_path_is_refused(string raw) => Assert.False(RequestTarget.TryParse(raw, out _, out _));

    [Theory]
    [InlineData("http://host", "/", "")]
    [InlineData("http://host?q=1", "/", "q=1")]
    [InlineData("http://host/?q=1", "/", "q=1")]
    [InlineData("/a?b?c", "/a", "b?c")]
    public void Path_and_query_are_split_at_the_first_question_mark(string raw, string path, string query)
    {
        RequestTarget target = Parse(raw);
        Assert.Equal(path, target.Path.ToString());
        Assert.Equal(query, target.Query.ToString());
    }

    [Fact]
    public void Whatever_the_key_encoding_and_decoding_give_it_back() => Keys.Sample(key =>
    {
        bool valid = KeyRules.Problem(key) is null;
        bool decoded = Parse("/v1/kv/" + Uri.EscapeDataString(key)).TryGetKey("/v1/kv/".Length, out string back, out _);
        Assert.Equal(valid, decoded);
        Assert.Equal(valid ? key : "", back);

        // Every byte encoded, as a cautious client might.
        string all = string.Concat(Encoding.UTF8.GetBytes(key).Select(one => $"%{one:x2}"));
        Assert.Equal(valid, Parse("/" + all).TryGetKey(1, out back, out _));
        Assert.Equal(valid ? key : "", back);
    });

    [Fact]
    public void Any_ascii_is_decoded_to_a_valid_key_or_refused() => Gen.Char[' ', '~'].Array[0, 60].Sample(characters =>
    {
        string raw = "/get/" + new string(characters);
        if (RequestTarget.TryParse(raw, out RequestTarget target, out string? problem)
            && target.TryGetKey("/get/".Length, out string key, out problem))
        {
            Assert.Null(KeyRules.Problem(key));
        }
        else
        {
            Assert.False(string.IsNullOrEmpty(problem));
        }
    });

    [Fact]
    public void Parameters_are_decoded_as_forms_are()
    {
        string?[] values = [null, null];
        Assert.True(Parse("/?after=a%2Bb+c%26&prefix=").TryGetParameters(["prefix", "after"], values, out string? problem), problem);
        Assert.Equal("", values[0]);
        Assert.Equal("a+b c&", values[1]);
    }

    [Theory]
    [InlineData("/?ttl=5", "ttl")]
    [InlineData("/?other", "other")]
    [InlineData("/?prefix=a&prefix=b", "twice")]
    [InlineData("/?prefix=%f", "percent-encoding")]
    [InlineData("/?prefix=%ff", "UTF-8")]
    public void A_bad_parameter_is_named(string raw, string word)
    {
        string?[] values = [null];
        Assert.False(Parse(raw).TryGetParameters(["prefix"], values, out string? problem));
        Assert.Contains(word, problem, StringComparison.Ordinal);
    }

    private static RequestTarget Parse(string raw)
    {
        Assert.True(RequestTarget.TryParse(raw, out RequestTarget target, out string? problem), problem);
        return target;
    }
}
