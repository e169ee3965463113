using Xunit.Abstractions;
using Xunit.Sdk;

namespace Diststore.SystemTests;

/// <summary>Where a test stands among those of its class that share a cluster.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class StepAttribute(int number) : Attribute
{
    /// <summary>Lower ones run first.</summary>
    public int Number { get; } = number;
}

/// <summary>Runs tests by their <see cref="StepAttribute"/>: the one that kills a node of the shared cluster comes last.</summary>
internal sealed class InOrder : ITestCaseOrderer
{
    /// <summary>The name that <see cref="TestCaseOrdererAttribute"/> takes.</summary>
    public const string Type = "Diststore.SystemTests.InOrder";

    /// <summary>The assembly that <see cref="TestCaseOrdererAttribute"/> takes.</summary>
    public const string Assembly = "Diststore.System.Tests";

    /// <inheritdoc/>
    public IEnumerable<TTestCase> OrderTestCases<TTestCase>(IEnumerable<TTestCase> testCases)
        where TTestCase : ITestCase =>
        testCases.OrderBy(static test =>
            test.TestMethod.Method.GetCustomAttributes(typeof(StepAttribute)).Single().GetNamedArgument<int>(nameof(StepAttribute.Number)));
}
