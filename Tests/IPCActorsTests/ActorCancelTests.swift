import Distributed
import IPC
import IPCActors
import TestActors
import TestSupport
import Testing

extension AllIPCActorsTests {
  /// Callers that are cancelled, and more calls than may be on their way.
  @Suite(.guarded) struct ActorCancelTests {
    private func expectCancelled(_ task: Task<Int, any Error>) async {
      await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test(arguments: ActorHost.mechanisms) func aCallThatHangsIsCancelledAtOnce(_ mechanism: Mechanism)
      async throws
    {
      let host = try ActorHost(over: mechanism)
      let desk = try host.desk()
      let inside = Task { try await desk.wait(at: "cancel") }
      try await host.keeper().untilArrived(1, at: "cancel")
      let behind = Task { try await desk.add(5) }
      inside.cancel()
      await expectCancelled(inside)
      behind.cancel()
      await expectCancelled(behind)
      try await host.keeper().open("cancel")
      // What was sent is carried out: it comes before this, if it was.
      let sum = try await desk.add(0)
      #expect(sum == 5 || sum == 0)
      #expect(try await host.keeper().arrived(at: "cancel") == 1)
      host.system.close()
    }

    @Test func aTaskCancelledBeforeItsCallSendsNothing() async throws {
      let host = try ActorHost()
      let desk = try host.desk()
      let gate = Gate()
      let task = Task {
        await gate.pass()
        return try await desk.add(5)
      }
      await gate.untilArrived(1)
      task.cancel()
      gate.open()
      await expectCancelled(task)
      #expect(try await desk.add(0) == 0)
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func moreCallsThanTheLimit(_ mechanism: Mechanism) async throws {
      let host = try ActorHost(over: mechanism)
      let desks = try (0..<10).map { try host.desk($0) }
      let keeper = try host.keeper()
      // Asked first: the calls that wait leave no room for it.
      let opener = Task { try await keeper.open("many", after: 1023, begun: "begun") }
      try await keeper.untilArrived(1, at: "begun")
      let tasks = (0..<1500).map { number in
        Task {
          try await desks[number % 10].count(number)
          // Not at its desk, which would keep the others' calls on their way.
          return try await keeper.wait(at: "many")
        }
      }
      try await opener.value
      for task in tasks { #expect(try await task.value == 1) }
      for desk in desks { #expect(try await desk.counted() == [150]) }
      host.system.close()
    }

    @Test func callsThatWaitAreCancelledToo() async throws {
      let host = try ActorHost()
      let desk = try host.desk()
      let keeper = try host.keeper()
      let first = Task { try await desk.wait(at: "line") }
      try await keeper.untilArrived(1, at: "line")
      // All that may be on their way, and many more behind them.
      let tasks = (0..<1500).map { _ in Task { try await desk.wait(at: "line") } }
      for task in tasks { task.cancel() }
      for task in tasks { await expectCancelled(task) }
      host.peer.kill()
      #expect(await actorCode { try await first.value } == .peerGone)
      host.system.close()
    }

    /// A call whose caller no longer waits counts until it is answered, and no longer.
    @Test func cancelledCallsMakeRoomWhenTheyAreAnswered() async throws {
      let host = try ActorHost()
      let desk = try host.desk()
      let gate = Gate()
      let tasks = (0..<1023).map { _ in Task { try await desk.wait(at: "room") } }
      try await host.keeper().untilArrived(1, at: "room")
      let late = (0..<200).map { _ in
        Task {
          await gate.pass()
          return try await host.desk(1).add(1)
        }
      }
      for task in tasks { task.cancel() }
      for task in tasks { await expectCancelled(task) }
      let opener = Task { try await host.keeper().open("room") }
      gate.open()
      for task in late { _ = try await task.value }
      try await opener.value
      #expect(try await host.desk(1).add(0) == 200)
      host.system.close()
    }

    @Test func cancellingAndAnsweringRace() async throws {
      let pair = try ActorPair()
      try pair.there.host("desk") { Desk(actorSystem: $0) }
      let desk = try pair.peer.resolve(Desk.self, named: "desk")
      var ends = [0, 0]
      for _ in 0..<2000 {
        let task = Task { try await desk.add(1) }
        task.cancel()
        do {
          _ = try await task.value
          ends[0] += 1
        } catch is CancellationError {
          ends[1] += 1
        }
      }
      #expect(ends[0] + ends[1] == 2000)
      #expect(try await desk.add(0) <= 2000)
      pair.close()
    }
  }
}
