using System.Text;
using System.Text.Json;
using CsCheck;
using Diststore.Testing;

namespace Diststore.Http.Tests;

/// <summary>JSON bodies are read strictly, and whatever is wrong is named with its place; here by a shape that has all kinds of values.</summary>
public sealed class JsonInputTests : IDisposable
{
    private const int MaxSteps = 3;
    private const int MaxKeyBytes = 8;
    private const int MaxValueBytes = 6;
    private const int Inputs = 40_000;

    private readonly ByteBudget _budget = new(1 << 20, new ManualTime());

    public void Dispose() => _budget.Dispose();

    // Strict JSON, by the reader of the runtime that makes a tree of it, as an oracle of what was accepted.
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = JsonInput.MaxDepth, AllowDuplicateProperties = false };

    private static Gen<string> Values { get; } = Gen.OneOf(
        Gen.Byte.Array[0, MaxValueBytes].Select(static bytes => $"\"value\":\"{Convert.ToBase64String(bytes)}\""),
        Gen.Long.Select(static number => $"\"number\":{number}"),
        Gen.OneOf("\"none\"", "0.5", "1e3", "2.50", "1e999").Select(static life => $"\"life\":{life}"),
        Gen.Bool.Select(static flag => $"\"flag\":{(flag ? "true" : "false")}"),
        Gen.OneOf("k", "ü", "😀", "a/b", "", " ").Select(static key => $"\"key\":{JsonSerializer.Serialize(key)}"));

    private static Gen<byte[]> Right { get; } = Values.Array[0, 3].Array[0, MaxSteps].Select(
        static steps => Encoding.UTF8.GetBytes($"{{\"steps\":[{string.Join(',', steps.Select(static step => $"{{{string.Join(", ", step)}}}"))}]}}"));

    private static Gen<byte[]> Pieces { get; } = Gen.OneOf(
        "{", "}", "[", "]", ":", ",", "\"", "\\", "\"steps\"", "\"key\"", "\"value\"", "\"number\"", "\"flag\"", "{\"steps\":[{", "}]}", "\"QQ==\"", "\"QR==\"",
        "true", "false", "null", "0", "-1", "1e3", "1.0", "9223372036854775808",
        "\\u0000", "\\ud800", "\\udc00", "\\u0061", "//", "/**/", " ", "\n", "\u00ff", "\0")
        .Array[0, 20].Select(static pieces => Encoding.Latin1.GetBytes(string.Concat(pieces)));

    [Theory]
    [InlineData("", "body is empty")]
    [InlineData(" ", "line 1, byte 2")]
    [InlineData("[]", "the body: an object belongs here, not an array")]
    [InlineData("null", "the body: an object belongs here, not null")]
    [InlineData("\uFEFF{}", "line 1, byte 1")]
    [InlineData("{", "line 1, byte 2")]
    [InlineData("{\"steps\":[]", "not JSON")]
    [InlineData("{\"steps\":[],}", "trailing comma")]
    [InlineData("{\"steps\":[{},]}", "trailing comma")]
    [InlineData("{\"steps\":[]} x", "line 1, byte 14")]
    [InlineData("{\"steps\":[]}{}", "line 1, byte 13")]
    [InlineData("{\n \"steps\": // no\n []}", "line 2, byte 11")]
    [InlineData("{/**/}", "line 1, byte 2")]
    [InlineData("{'steps':[]}", "line 1, byte 2")]
    [InlineData("{\"steps\":[[[[[[[[[1", "steps[0]: an object belongs here, not an array")]
    [InlineData("{\"steps\":[],\"steps\":[]}", "the body: the member \"steps\" is given twice")]
    [InlineData("{\"steps\":[],\"step\\u0073\":[]}", "the body: the member \"steps\" is given twice")]
    [InlineData("{\"Steps\":[]}", "the body: the member \"Steps\" is not known here")]
    [InlineData("{\"\\ud800\":1}", "the body: a member's name has a lone surrogate")]
    [InlineData("{\"01234567890123456789012345678901234567890123456789\":1}", "the member \"0123456789012345678901234567890123456789...\" is not known here")]
    [InlineData("{\"steps\":{}}", "steps: an array belongs here, not an object")]
    [InlineData("{\"steps\":[{},{},{},{}]}", "steps: there are more than 3 elements")]
    [InlineData("{\"steps\":[{},{\"x\":1}]}", "steps[1]: the member \"x\" is not known here")]
    [InlineData("{\"steps\":[{\"key\":1}]}", "steps[0].key: a string belongs here, not a number")]
    [InlineData("{\"steps\":[{\"key\":null}]}", "steps[0].key: a string belongs here, not null")]
    [InlineData("{\"steps\":[{\"key\":\"\\ud83d\"}]}", "steps[0].key: the string has a lone surrogate")]
    [InlineData("{\"steps\":[{\"key\":\"\\ude00x\"}]}", "steps[0].key: the string has a lone surrogate")]
    [InlineData("{\"steps\":[{\"key\":\"123456789\"}]}", "steps[0].key: the string is longer than 8 bytes")]
    [InlineData("{\"steps\":[{\"key\":\"üüüüü\"}]}", "steps[0].key: the string is longer than 8 bytes")]
    [InlineData("{\"steps\":[{\"key\":\"\n\"}]}", "line 1, byte 19")]
    [InlineData("{\"steps\":[{\"value\":\"QQ\"}]}", "steps[0].value: the string is not Base64")]
    [InlineData("{\"steps\":[{\"value\":\"QQ=\"}]}", "steps[0].value: the string is not Base64")]
    [InlineData("{\"steps\":[{\"value\":\"QR==\"}]}", "steps[0].value: the string is not Base64")]
    [InlineData("{\"steps\":[{\"value\":\"QQ==QQ==\"}]}", "steps[0].value: the string is not Base64")]
    [InlineData("{\"steps\":[{\"value\":\"====\"}]}", "steps[0].value: the string is not Base64")]
    [InlineData("{\"steps\":[{\"value\":\"Q Q==\"}]}", "steps[0].value: the string is not Base64")]
    [InlineData("{\"steps\":[{\"value\":\"QQ==\\n\"}]}", "steps[0].value: the string is not Base64")]
    [InlineData("{\"steps\":[{\"value\":\"Q_-A\"}]}", "steps[0].value: the string is not Base64")]
    [InlineData("{\"steps\":[{\"value\":\"\\ud800\"}]}", "steps[0].value: the string is not Base64")]
    [InlineData("{\"steps\":[{\"value\":7}]}", "steps[0].value: a string with Base64 belongs here, not a number")]
    [InlineData("{\"steps\":[{\"number\":1.0}]}", "steps[0].number: this takes a whole number from")]
    [InlineData("{\"steps\":[{\"number\":1e3}]}", "steps[0].number: this takes a whole number from")]
    [InlineData("{\"steps\":[{\"number\":9223372036854775808}]}", "steps[0].number: this takes a whole number from")]
    [InlineData("{\"steps\":[{\"number\":01}]}", "line 1, byte 22")]
    [InlineData("{\"steps\":[{\"number\":+1}]}", "line 1, byte 21")]
    [InlineData("{\"steps\":[{\"number\":\"1\"}]}", "steps[0].number: a number belongs here, not a string")]
    [InlineData("{\"steps\":[{\"number\":NaN}]}", "line 1, byte 21")]
    [InlineData("{\"steps\":[{\"life\":1e999}]}", "steps[0].life: the number is too large")]
    [InlineData("{\"steps\":[{\"life\":[]}]}", "steps[0].life: a number belongs here, not an array")]
    [InlineData("{\"steps\":[{\"flag\":1}]}", "steps[0].flag: true or false belongs here, not a number")]
    [InlineData("{\"steps\":[{\"flag\":True}]}", "line 1, byte 19")]
    public void What_is_wrong_is_named_with_its_place(string body, string what)
    {
        (List<Step>? steps, Fault? fault) = Read(Encoding.UTF8.GetBytes(body));
        Assert.Null(steps);
        Assert.Equal(400, fault!.Status);
        Assert.Contains(what, fault.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("options", fault.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_no_UTF8_are_refused()
    {
        (_, Fault? fault) = Read(Encoding.Latin1.GetBytes("{\"steps\":[{\"key\":\"\u00ff\"}]}"));
        Assert.Equal(400, fault!.Status);
        Assert.Contains("steps[0].key", fault.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public void A_value_that_is_too_long_or_finds_no_room_is_no_bad_request()
    {
        byte[] body = "{\"steps\":[{\"value\":\"QUFBQUFBQQ==\"}]}"u8.ToArray();
        Assert.Equal(413, Read(body).Fault!.Status);
        using ByteReservation others = _budget.Open(ByteUse.LargeBody);
        Assert.True(others.TryTake(_budget.MaxBytes));
        (_, Fault? fault) = Read("{\"steps\":[{\"value\":\"QQ==\"}]}"u8.ToArray());
        Assert.Equal(ProblemType.Busy, fault!.Type);
    }

    [Fact]
    public void What_is_right_is_read()
    {
        const string Body = " {\"st\\u0065ps\" : [ {}, {\"key\":\"a\\/\\ud83d\\ude00\",\"value\":\"Pz8\\/\",\"number\":-9223372036854775808,"
            + "\"flag\":true}, {\"value\":\"\"} ]}\r\n\t";
        (List<Step>? steps, Fault? fault) = Read(Encoding.UTF8.GetBytes(Body));
        Assert.Null(fault);
        Assert.Equal([new Step(null, null, 0, false), new Step("a/😀", "Pz8/", long.MinValue, true), new Step(null, "", 0, false)], steps!);
    }

    [Fact]
    public void Whatever_comes_is_read_as_the_runtime_reads_it_or_refused()
    {
        int read = 0;
        Gen.Frequency(
            (1, Right),
            (1, Pieces),
            (3, Gen.Select(Right, Edit.Some, static (body, edits) => Edit.All(body, edits)))).Sample(
            body =>
            {
                (List<Step>? steps, Fault? fault) = Read(body);
                Assert.True(steps is null != fault is null);
                if (steps is not null)
                {
                    Interlocked.Increment(ref read);
                    using JsonDocument document = JsonDocument.Parse(body, Strict);
                    Assert.Equal(Oracle(document.RootElement), steps);
                }
            },
            iter: LongRun.Inputs(Inputs),
            threads: 1,
            print: static body => $"\n{Encoding.Latin1.GetString(body)}\nor {Convert.ToHexString(body)}\n");
        Assert.InRange(read, LongRun.Inputs(Inputs) / 20, LongRun.Inputs(Inputs));
    }

    private (List<Step>? Steps, Fault? Fault) Read(byte[] body)
    {
        using ByteReservation room = _budget.Open(ByteUse.SmallBody);
        var json = new JsonInput(body);
        var steps = new List<Step>();
        json.BeginObject();
        while (json.NextMember(["steps"], out _))
        {
            json.BeginArray(MaxSteps);
            while (json.NextElement())
            {
                steps.Add(ReadStep(ref json, room));
            }
        }

        json.End();
        return json.Fault is null ? (steps, null) : (null, json.Fault);
    }

    private static Step ReadStep(ref JsonInput json, ByteReservation room)
    {
        var step = new Step(null, null, 0, false);
        json.BeginObject();
        while (json.NextMember(["key", "value", "number", "flag", "life"], out int member))
        {
            step = member switch
            {
                0 => step with { Key = json.String(MaxKeyBytes) },
                1 => step with { Value = json.Bytes(MaxValueBytes, room) is { } bytes ? Convert.ToBase64String(bytes) : null },
                2 => step with { Number = json.WholeNumber() },
                3 => step with { Flag = json.Boolean() },
                _ => step with { Life = json.Kind == JsonTokenType.String ? json.String(MaxKeyBytes) : $"{json.Number()}" },
            };
        }

        return step;
    }

    private static List<Step> Oracle(JsonElement root) => root.TryGetProperty("steps", out JsonElement steps)
        ? [.. steps.EnumerateArray().Select(static step => new Step(
            step.TryGetProperty("key", out JsonElement key) ? key.GetString() : null,
            step.TryGetProperty("value", out JsonElement value) ? Convert.ToBase64String(value.GetBytesFromBase64()) : null,
            step.TryGetProperty("number", out JsonElement number) ? number.GetInt64() : 0,
            step.TryGetProperty("flag", out JsonElement flag) && flag.GetBoolean(),
            step.TryGetProperty("life", out JsonElement life) ? life.ValueKind == JsonValueKind.String ? life.GetString() : $"{life.GetDecimal()}" : null))]
        : [];

    private sealed record Step(string? Key, string? Value, long Number, bool Flag, string? Life = null);
}
