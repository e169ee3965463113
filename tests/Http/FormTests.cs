using System.Globalization;
using System.Text;
using CsCheck;

namespace Diststore.Http.Tests;

/// <summary>Forms are taken apart as they come: wherever they are cut the result is the same.</summary>
public sealed class FormTests : IDisposable
{
    private const int MaxValueBytes = 5000;

    private readonly ByteBudget _budget = new(64 * ByteBudget.StepBytes, TimeProvider.System);

    public void Dispose() => _budget.Dispose();

    [Fact]
    public void Wherever_a_form_is_cut_it_says_the_same() =>
        Gen.Select(
            Gen.Select(Gen.OneOf("key", "value", "ttl", "k%65y", "other", "x", "", "averylongnamethatisnotakey"), Value, static (name, value) =>
                    $"{name}={value}")
                .Array[0, 5].Select(static pairs => string.Join('&', pairs)),
            Gen.Int[1, 40].Array[1, 20])
        .Sample((form, cuts) =>
        {
            byte[] bytes = Encoding.ASCII.GetBytes(form);
            (string? fault, string? whole, _) = Parse(bytes, [bytes.Length + 1]);
            (string? faultOfPieces, string? pieces, _) = Parse(bytes, cuts);
            // Of two faults either may be found first.
            Assert.Equal((fault is null, whole), (faultOfPieces is null, pieces));
        });

    [Fact]
    public void Every_byte_of_a_value_comes_out()
    {
        byte[] all = [.. Enumerable.Range(0, MaxValueBytes).Select(static number => (byte)number)];
        string encoded = "value=" + string.Concat(all.Select(static one => "%" + one.ToString("x2", CultureInfo.InvariantCulture))) + "&key=k";
        using ByteReservation room = _budget.OpenForBody(null);
        using var fields = new FormFields(room, MaxValueBytes, null);
        var form = new UrlEncodedForm(fields);
        Assert.Null(form.Feed(Encoding.ASCII.GetBytes(encoded)));
        Assert.Null(form.End());
        // These bytes are no UTF-8, and that is all that is wrong with them.
        Assert.Contains("UTF-8", fields.Check().Fault!.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("key=k&value=", MaxValueBytes + 1, 413)]
    [InlineData("value=v&key=", 1025, 400)]
    [InlineData("key=k&value=v&ttl=", 65, 400)]
    public void A_field_has_its_own_limit_wherever_it_stands(string start, int length, int status)
    {
        (string? fault, _, long most) = Parse(Encoding.ASCII.GetBytes(start + new string('1', length)), [100]);
        Assert.StartsWith(status.ToString(CultureInfo.InvariantCulture), fault, StringComparison.Ordinal);
        Assert.InRange(most, 0, 2 * ByteBudget.StepBytes);
    }

    [Fact]
    public void Fields_that_do_not_count_are_not_held()
    {
        (string? fault, string? form, long most) = Parse(Encoding.ASCII.GetBytes($"junk={new string('j', 1_000_000)}&key=k&value=v"), [5000]);
        Assert.Null(fault);
        Assert.StartsWith("k", form, StringComparison.Ordinal);
        Assert.InRange(most, 0, ByteBudget.StepBytes);
    }

    private static Gen<string> Value { get; } =
        Gen.OneOf("a", "%", "%4", "%41", "%zz", "+", "=", "%C3%A4", "%ff", "1", "60", new string('x', 1100)).Array[0, 6].Select(string.Concat);

    // What is wrong, or the form; and what was held at most.
    private (string? Fault, string? Form, long Most) Parse(byte[] bytes, int[] cuts)
    {
        using ByteReservation room = _budget.OpenForBody(null);
        using var fields = new FormFields(room, MaxValueBytes, null);
        var form = new UrlEncodedForm(fields);
        Fault? fault = null;
        for (int at = 0, cut = 0; at < bytes.Length && fault is null; cut++)
        {
            int length = Math.Min(cuts[cut % cuts.Length], bytes.Length - at);
            fault = form.Feed(bytes.AsSpan(at, length));
            at += length;
        }

        fault ??= form.End();
        long most = room.Held;
        (PostedForm? posted, fault) = fault is null ? fields.Check() : (null, fault);
        return (
            fault is null ? null : $"{fault.Status} {fault.Detail}",
            posted is null ? null : $"{posted.Key} {Encoding.UTF8.GetString(posted.Value)} {posted.Life}",
            most);
    }
}
