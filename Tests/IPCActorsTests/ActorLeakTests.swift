import Distributed
import IPC
import IPCActors
import TestActors
import TestSupport
import Testing

extension AllIPCActorsTests {
  /// Nothing is left when a system has closed, however its connections ended. (Every suite of actors looks for
  /// descriptors, System V objects and processes.)
  @Suite(.guarded) struct ActorLeakTests {
    @Test(arguments: ActorHost.mechanisms) func noThreadsAreLeft(_ mechanism: Mechanism) async throws {
      #expect(comesTrue { actorThreads().isEmpty })
      let host = try ActorHost(over: mechanism)
      let bytes = [UInt8](repeating: 1, count: 500_000)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<20 { group.addTask { _ = try await host.desk(number % 10).reversed(bytes) } }
        try await group.waitForAll()
      }
      #expect(actorThreads().contains("ipc-actors-in"))
      host.system.close()
      #expect(comesTrue { actorThreads().isEmpty }, "\(actorThreads())")
    }

    @Test(arguments: ActorHost.mechanisms) func noThreadsAreLeftAfterAKill(_ mechanism: Mechanism)
      async throws
    {
      let host = try ActorHost(over: mechanism)
      let bytes = [UInt8](repeating: 1, count: 500_000)
      // In the middle of large messages, either way.
      let tasks = (0..<20).map { number in Task { try await host.desk(number % 10).reversed(bytes).count } }
      _ = try await host.keeper().processID()
      host.peer.kill()
      for task in tasks {
        let code = await actorCode { try await task.value }
        #expect(code == nil || code == .peerGone)
      }
      host.peer.close()
      host.system.close()
      #expect(comesTrue { actorThreads().isEmpty }, "\(actorThreads())")
    }

    @Test func closingTwice() async throws {
      let host = try ActorHost()
      host.peer.close()
      host.peer.close()
      host.system.close()
      host.system.close()
      let pair = try ActorPair()
      pair.close()
      pair.close()
      #expect(comesTrue { actorThreads().isEmpty })
    }
  }
}
