// dotnet run -c Release --project bench/Micro -- --filter '*'
using BenchmarkDotNet.Running;
using Diststore.Bench;

BenchmarkSwitcher.FromAssembly(typeof(CopyTableBenchmarks).Assembly).Run(args);
