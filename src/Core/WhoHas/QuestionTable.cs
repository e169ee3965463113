namespace Diststore.Core;

/// <summary>
/// The who-has questions that this node has asked and not finished. Answers are matched by a random id; what matches
/// none is dropped. Datagrams are hints: they point to a holder or hurry the next step, nothing more. For the node's
/// scheduler.
/// </summary>
internal sealed class QuestionTable(NodeContext context, DatagramChannel channel)
{
    /// <summary>Beyond so many open questions none is sent: the primary is asked at once.</summary>
    public const int MaxOpen = 4096;

    private readonly Dictionary<ulong, Question> _open = [];

    /// <summary>Sends a question to all other nodes; null when too many are open already.</summary>
    public Question? Ask(string key, bool includingLocalOnly)
    {
        if (_open.Count >= MaxOpen)
        {
            return null;
        }

        var question = new Question(
            (ulong)context.Random.NextInt64(long.MinValue, long.MaxValue), key, includingLocalOnly, context.Time.GetTimestamp());
        _open[question.Id] = question;
        channel.AskWhoHas(question.Id, key, includingLocalOnly, fromEveryone: false);
        context.Instruments.QuestionSent();
        return question;
    }

    /// <summary>
    /// Sends a question once more, to be answered by every holder: who was silent to spare this node many answers may be the one that
    /// is left.
    /// </summary>
    public void AskEveryone(Question question)
    {
        question.AskedAgain(context.Time.GetTimestamp());
        channel.AskWhoHas(question.Id, question.Key, question.IncludesLocalOnly, fromEveryone: true);
        context.Instruments.QuestionSent();
    }

    /// <summary>Ends a question; later answers to it are dropped.</summary>
    public void Close(Question? question)
    {
        if (question is not null)
        {
            _open.Remove(question.Id);
        }
    }

    /// <summary>Takes an answer from the node of that name.</summary>
    public void Answer(string sender, DatagramType type, ulong id)
    {
        context.Instruments.AnswerReceived();
        if (!_open.TryGetValue(id, out Question? question))
        {
            return;
        }

        if (!question.IsAnswered)
        {
            context.Instruments.QuestionAnswered();
        }

        switch (type)
        {
            case DatagramType.Have:
                question.AddHolder(sender);
                break;
            case DatagramType.HaveLocal:
                question.AddLocalHolder(sender);
                break;
            case DatagramType.NoneLocal:
                question.AddNoneLocal(sender);
                break;
            case DatagramType.None:
                question.AddNone();
                break;
        }
    }
}
