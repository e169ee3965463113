using System.Text.Json;
using Diststore.Core;

namespace Diststore.Http;

/// <summary>
/// A transaction as JSON: <c>{"conditions":[{"key","version"} or {"key","exists"}],"operations":[{"put","value","contentType","ttl" or
/// "expiresAt"} or {"delete"} or {"add","by","ttl"} or {"touch","ttl" or "expiresAt"}]}</c>.
/// </summary>
internal ref struct TransactionBody
{
    private const string Never = "none";

    private const int Put = 0, Delete = 1, Add = 2, Touch = 3, Value = 4, ContentType = 5, Ttl = 6, ExpiresAt = 7, By = 8;

    private static readonly string[] Members = ["put", "delete", "add", "touch", "value", "contentType", "ttl", "expiresAt", "by"];

    // Which members each kind of operation takes, and which it needs.
    private static readonly (int Takes, int Needs)[] Kinds =
    [
        (Bit(Put) | Bit(Value) | Bit(ContentType) | Bit(Ttl) | Bit(ExpiresAt), Bit(Put) | Bit(Value)),
        (Bit(Delete), Bit(Delete)),
        (Bit(Add) | Bit(By) | Bit(Ttl), Bit(Add) | Bit(By)),
        (Bit(Touch) | Bit(Ttl) | Bit(ExpiresAt), Bit(Touch)),
    ];

    private readonly int _maxValueBytes;
    private readonly ByteReservation _room;
    private JsonInput _json;

    private TransactionBody(byte[] body, int maxValueBytes, ByteReservation room)
    {
        _json = new JsonInput(body);
        _maxValueBytes = maxValueBytes;
        _room = room;
    }

    /// <summary>Reads the body; says what is wrong with it, or gives the transaction. <paramref name="room"/> has what its values take.</summary>
    public static Fault? Read(byte[] body, int maxValueBytes, ByteReservation room, out Transaction? transaction)
    {
        var reader = new TransactionBody(body, maxValueBytes, room);
        transaction = reader.Read();
        return reader._json.Fault;
    }

    private Transaction? Read()
    {
        var conditions = new List<KeyCondition>();
        var operations = new List<Write>();
        _json.BeginObject();
        while (_json.NextMember(["conditions", "operations"], out int member))
        {
            if (member == 0)
            {
                ReadConditions(conditions);
            }
            else
            {
                ReadOperations(operations);
            }
        }

        _json.End();
        if (conditions.Count + operations.Count == 0)
        {
            _json.Refuse("it has neither conditions nor operations");
        }

        return _json.Fault is null ? new Transaction([.. operations], [.. conditions]) : null;
    }

    private void ReadConditions(List<KeyCondition> conditions)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        _json.BeginArray(Transaction.MaxConditions);
        while (_json.NextElement())
        {
            string? key = null;
            Condition? condition = null;
            int said = 0;
            _json.BeginObject();
            while (_json.NextMember(["key", "version", "exists"], out int member))
            {
                switch (member)
                {
                    case 0:
                        key = ReadKey();
                        break;
                    case 1:
                        (condition, said) = (ReadVersion(), said + 1);
                        break;
                    default:
                        (condition, said) = (_json.Boolean() ? Condition.Exists : Condition.Absent, said + 1);
                        break;
                }
            }

            Check(key is not null && said == 1, "a condition has a key, and either a version or exists");
            Check(key is null || keys.Add(key), "a key stands among the conditions twice");
            if (_json.Fault is null)
            {
                conditions.Add(new KeyCondition(key!, condition!));
            }
        }
    }

    private void ReadOperations(List<Write> operations)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        _json.BeginArray(Transaction.MaxOperations);
        while (_json.NextElement())
        {
            if (ReadOperation() is { } operation)
            {
                Check(keys.Add(operation.Key), "a key stands among the operations twice");
                operations.Add(operation);
            }
        }
    }

    private Write? ReadOperation()
    {
        string? key = null, contentType = null;
        byte[]? value = null;
        long by = 0;
        Expiry expiry = default;
        bool isForEver = false;
        int seen = 0;
        _json.BeginObject();
        while (_json.NextMember(Members, out int member))
        {
            seen |= Bit(member);
            switch (member)
            {
                case Put or Delete or Add or Touch:
                    key = ReadKey();
                    break;
                case Value:
                    value = _json.Bytes(_maxValueBytes, _room);
                    break;
                case ContentType:
                    contentType = _json.String(maxBytes: 255);
                    Check(contentType is null ? null : HeaderTexts.ProblemWithContentType(contentType));
                    break;
                case Ttl:
                    expiry = expiry with { Life = ReadLife(out isForEver) };
                    break;
                case ExpiresAt:
                    expiry = expiry with { At = ReadMoment() };
                    break;
                default:
                    by = _json.WholeNumber();
                    break;
            }
        }

        int kinds = seen & (Bit(Put) | Bit(Delete) | Bit(Add) | Bit(Touch));
        Check(int.PopCount(kinds) == 1, "an operation is one of put, delete, add and touch, with its key");
        if (_json.Fault is not null)
        {
            return null;
        }

        int kind = int.TrailingZeroCount(kinds);
        (int takes, int needs) = Kinds[kind];
        Check((seen & ~takes) == 0, $"{Members[kind]} does not go with {Names(seen & ~takes)}");
        Check((needs & ~seen) == 0, $"{Members[kind]} needs {Names(needs & ~seen)}");
        Check((seen & (Bit(Ttl) | Bit(ExpiresAt))) != (Bit(Ttl) | Bit(ExpiresAt)), "ttl and expiresAt do not go together");
        Check(kind == Touch || !isForEver, $"ttl \"{Never}\" goes with touch only; what is stored without ttl lives for ever");
        Check(kind != Touch || (seen & (Bit(Ttl) | Bit(ExpiresAt))) != 0, "touch needs ttl or expiresAt");
        WriteKind does = kind == Touch ? WriteKind.Touch : kind == Add ? WriteKind.Add : WriteKind.Store;
        return new Write(key!, value, contentType, expiry.Life, ExpiresAt: expiry.At, Kind: does, By: by);
    }

    private string? ReadKey()
    {
        string? key = _json.String(KeyRules.MaxBytes);
        Check(key is null ? null : KeyRules.Problem(key));
        return key;
    }

    private Condition? ReadVersion()
    {
        string? text = _json.String(maxBytes: 64);
        LogPoint version = default;
        Check(text is null || (LogPoint.TryParse(text, out version) && version != LogPoint.Zero), "this takes a version, like \"1-2\"");
        return Condition.Is(version);
    }

    private TimeSpan? ReadLife(out bool isForEver)
    {
        isForEver = _json.Kind == JsonTokenType.String;
        if (isForEver)
        {
            Check(_json.String(maxBytes: 64) == Never, $"ttl takes a number of seconds, or \"{Never}\"");
            return null;
        }

        _ = TimeToLive.TryOf(_json.Number(), out TimeSpan? life, out string? problem);
        Check(problem);
        return life;
    }

    private DateTimeOffset? ReadMoment()
    {
        string? text = _json.String(maxBytes: 64);
        _ = Expiry.TryParseMoment(text, out DateTimeOffset? moment, out string? problem);
        Check(problem);
        return moment;
    }

    private void Check(string? problem)
    {
        if (problem is not null)
        {
            _json.Refuse(problem);
        }
    }

    private void Check(bool holds, string problem) => Check(holds ? null : problem);

    private static int Bit(int member) => 1 << member;

    private static string Names(int members) => string.Join(", ", Members.Where((_, i) => (members & Bit(i)) != 0));
}
