using Diststore.Core;

namespace Diststore.Contracts;

/// <summary>The registry of the masters; a singleton per partition, whose number is the key. Today there is partition 0.</summary>
[Alias("diststore.IMasterRegistryGrain")]
public interface IMasterRegistryGrain : IGrainWithIntegerKey, IRegistry
{
    /// <summary>The nodes, for clients that know none yet.</summary>
    [Alias("GetMembers")]
    Task<MemberList> GetMembersAsync();
}
