import Distributed
import IPC
import IPCActors
import TestActors
import TestSupport
import Testing

extension AllIPCActorsTests {
  /// One call at a time, each to its end.
  @Suite(.guarded) struct ActorTurnTests {
    @Test(arguments: ActorHost.mechanisms) func oneCallAtATime(_ mechanism: Mechanism) async throws {
      let host = try ActorHost(over: mechanism)
      let narrow = try host.narrow()
      let keeper = try host.keeper()
      let tasks = (0..<30).map { number in Task { try await narrow.step(number, at: "turn") } }
      try await keeper.untilArrived(1, at: "turn")
      // Many calls of others go by meanwhile.
      for _ in 0..<50 { _ = try await host.desk().add(1) }
      #expect(try await keeper.arrived(at: "turn") == 1)
      try await keeper.open("turn")
      for task in tasks { try await task.value }
      #expect(try await narrow.mostInside() == 1)
      #expect(try await narrow.orderOfCalls().sorted() == Array(0..<30))
      host.system.close()
    }

    @Test func oneCallAtATimeWhenTheFunctionYields() async throws {
      let host = try ActorHost()
      let narrow = try host.narrow()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<2000 { group.addTask { try await narrow.pause(number) } }
        try await group.waitForAll()
      }
      #expect(try await narrow.mostInside() == 1)
      host.system.close()
    }

    @Test func callsInterleave() async throws {
      let host = try ActorHost()
      let wide = try host.narrow("wide")
      let tasks = (0..<10).map { number in Task { try await wide.step(number, at: "wide") } }
      // All of them are inside at once, or this hangs.
      try await host.keeper().untilArrived(10, at: "wide")
      try await host.keeper().open("wide")
      for task in tasks { try await task.value }
      #expect(try await wide.mostInside() == 10)
      host.system.close()
    }

    /// A calls B, which calls A back: from process to process, and with both in one.
    @Test(arguments: ActorHost.mechanisms) func nestedCallsComeBack(_ mechanism: Mechanism) async throws {
      let host = try ActorHost(over: mechanism)
      let mine = try host.system.host("mine") { Player(actorSystem: $0) }
      let theirs = try host.player()
      #expect(try await theirs.bounce(mine.id, 9) == 9)
      #expect(try await mine.bounce(theirs.id, 9) == 9)
      // Several chains at once, which wait for each other, but not in a circle: each comes in at the same actor.
      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<20 { group.addTask { try await theirs.bounce(mine.id, 5) } }
        for try await count in group { #expect(count == 5) }
      }
      host.system.close()
    }

    @Test func nestedCallsAmongThreeProcesses() async throws {
      let first = try ActorHost(over: .memory)
      let system = first.system
      let second = try system.spawn(Workspace.peer, arguments: [TestHost.role], over: .tcp)
      let mine = try system.host("mine") { Player(actorSystem: $0) }
      let theirs = [try first.player(), try second.resolve(Player.self, named: "player")]
      for player in theirs { #expect(try await player.bounce(mine.id, 6) == 6) }
      // The two of them aren't connected to each other.
      #expect(await actorCode { try await theirs[0].bounce(theirs[1].id, 2) } == .threw)
      system.close()
    }

    @Test func aCallWaitsForOneThatIsNotItsParent() async throws {
      let host = try ActorHost()
      let narrow = try host.narrow()
      let keeper = try host.keeper()
      let first = Task { try await narrow.step(1, at: "first") }
      try await keeper.untilArrived(1, at: "first")
      let second = Task { try await narrow.step(2, at: "second") }
      try await keeper.open("second")
      // Its turn hasn't come: it isn't there, though its gate is open.
      _ = try await host.peer.hosted()
      #expect(try await keeper.arrived(at: "second") == 0)
      try await keeper.open("first")
      try await first.value
      try await second.value
      #expect(try await narrow.orderOfCalls() == [1, 2])
      host.system.close()
    }
  }
}
