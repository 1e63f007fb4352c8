import Distributed
import IPC
import IPCActors
import TestActors
import TestSupport
import Testing

extension AllIPCActorsTests {
  /// The hosting process ends: calls that wait for an answer throw, and so do later calls.
  @Suite(.guarded) struct ActorEndTests {
    private func waiting(_ host: ActorHost, _ count: Int) async throws -> [Task<Int, any Error>] {
      let desks = try (0..<10).map { try host.desk($0) }
      // The first of each waits inside, the others in its line.
      let tasks = (0..<count).map { number in
        Task { try await desks[number % desks.count].wait(at: "end") }
      }
      try await host.keeper().untilArrived(min(count, desks.count), at: "end")
      return tasks
    }

    private func expectGone(_ tasks: [Task<Int, any Error>], _ host: ActorHost) async throws {
      for task in tasks { #expect(await actorCode { try await task.value } == .peerGone) }
      #expect(comesTrue { !host.peer.isConnected })
      let desk: Desk
      do {
        desk = try host.desk()
      } catch let error as IPCActorError {
        #expect(error.code == .peerGone)
        return
      }
      #expect(await actorCode { try await desk.add(1) } == .peerGone)
    }

    @Test(arguments: ActorHost.mechanisms) func killed(_ mechanism: Mechanism) async throws {
      let host = try ActorHost(over: mechanism)
      let desk = try host.desk(4)
      let tasks = try await waiting(host, 60)
      host.peer.kill()
      try await expectGone(tasks, host)
      // One that was resolved before.
      #expect(await actorCode { try await desk.add(1) } == .peerGone)
      #expect(await actorCode { try await host.peer.hosted() } == .peerGone)
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func leaves(_ mechanism: Mechanism) async throws {
      let host = try ActorHost(over: mechanism)
      let tasks = try await waiting(host, 9)
      let last = try host.desk(9)
      #expect(await actorCode { try await last.leave(0) } == .peerGone)
      try await expectGone(tasks, host)
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func closes(_ mechanism: Mechanism) async throws {
      let host = try ActorHost(over: mechanism)
      let tasks = try await waiting(host, 20)
      _ = try? await host.keeper().close()
      // Those that hadn't begun are refused, or find no actor.
      for task in tasks {
        let code = await actorCode { try await task.value }
        #expect(code == .peerGone || code == .unknownActor)
      }
      try await expectGone([], host)
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func theCallerClosesWhileItsCallsWait(_ mechanism: Mechanism)
      async throws
    {
      let host = try ActorHost(over: mechanism)
      let tasks = try await waiting(host, 20)
      host.peer.close()
      try await expectGone(tasks, host)
      host.system.close()
    }

    @Test func theErrorSaysHowAProcessEnded() async throws {
      let host = try ActorHost()
      do {
        try await host.desk().leave(3)
        Issue.record("nothing was thrown")
      } catch let error as IPCActorError {
        #expect(error.code == .peerGone)
        #expect(error.message.contains("exit code 3"), "\(error)")
      }
      host.system.close()
    }

    @Test("a call that waited may have been executed; one that is made afterwards wasn't sent")
    func theErrorSaysWhetherACallWasSent() async throws {
      func sentence(_ call: () async throws -> Int) async -> String {
        do {
          return "\(try await call())"
        } catch {
          return "\(error)"
        }
      }
      let host = try ActorHost()
      let desk = try host.desk(3)
      let waiting = Task { await sentence { try await desk.wait(at: "sent") } }
      try await host.keeper().untilArrived(1, at: "sent")
      host.peer.kill()
      let first = await waiting.value
      #expect(first.hasSuffix("; whether the call was executed isn't known"), "\(first)")
      #expect(comesTrue { !host.peer.isConnected })
      let later = await sentence { try await desk.add(1) }
      #expect(later.contains("has ended (signal 9); the call wasn't sent: "), "\(later)")
      #expect(!later.contains("isn't known"))
      host.system.close()
    }

    @Test func anotherProcessTakesItsPlace() async throws {
      let system = IPCActorSystem()
      for round in 0..<3 {
        let peer = try system.spawn(Workspace.peer, arguments: [TestHost.role], over: .queue)
        let desk = try peer.resolve(Desk.self, named: "desk0")
        #expect(try await desk.add(round) == round)
        peer.kill()
        peer.close()
        #expect(await actorCode { try await desk.add(1) } == .peerGone)
      }
      system.close()
    }

    /// Its connections end, one after the other; the other processes don't notice.
    @Test func otherConnectionsContinue() async throws {
      let system = IPCActorSystem()
      let peers = try ActorHost.mechanisms.map {
        try system.spawn(Workspace.peer, arguments: [TestHost.role], over: $0)
      }
      for (index, peer) in peers.enumerated() {
        peer.kill()
        for other in peers[(index + 1)...] {
          #expect(try await other.resolve(Desk.self, named: "desk1").add(1) == index + 1)
        }
      }
      system.close()
    }
  }
}
