import Distributed
import IPC
import IPCActors
import TestActors
import TestSupport
import Testing

extension AllIPCActorsTests {
  /// Calls of actors in another process, over every mechanism.
  @Suite(.guarded) struct ActorCallTests {
    @Test(arguments: ActorHost.mechanisms) func argumentsAndResultsOfEveryKind(_ mechanism: Mechanism)
      async throws
    {
      let host = try ActorHost(over: mechanism)
      let desk = try host.desk()
      #expect(try await desk.add(5) == 5)
      #expect(try await desk.add(-7) == -2)
      try await desk.note("grün")
      try await desk.note("")
      #expect(try await desk.notesSoFar() == ["grün", ""])
      #expect(try await desk.join(["a", "", "c"], with: "+") == "a++c")
      #expect(try await desk.join(["a", "b"], with: nil) == "a-b")
      #expect(try await desk.join([], with: "") == nil)
      let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * $0) }
      #expect(try await desk.reversed(bytes) == bytes.reversed())
      #expect(try await desk.reversed([]) == [])
      let ada = Person(name: "Ada", age: 3, friends: ["Bob"])
      #expect(
        try await desk.mix(36.5, true, ada) == Person(name: "Ada", age: 36, friends: ["Bob", "Ada"]))
      #expect(try await desk.mix(36.5, false, ada).age == -1)
      #expect(try await desk.halve(-.infinity) == -.infinity)
      #expect(try await desk.not(true) == false)
      #expect(try await desk.optional(.max - 1) == .max)
      #expect(try await desk.optional(nil) == nil)
      #expect(try await desk.nested([[1, 2], nil, []]) == [[], nil, [1, 2]])
      #expect(try await desk.extended(4) == 12)
      #expect(try await desk.sum == -2)
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func errors(_ mechanism: Mechanism) async throws {
      let host = try ActorHost(over: mechanism)
      let desk = try host.desk()
      _ = try await desk.add(11)
      await #expect(throws: CarriedFailure(code: 11, words: "grün")) {
        try await desk.fail(carried: true, "grün")
      }
      do {
        _ = try await desk.fail(carried: false, "own words")
        Issue.record("nothing was thrown")
      } catch let error as IPCActorError {
        #expect(error.code == .threw)
        #expect(error.errorType == "TestActors.OwnFailure")
        #expect(error.message.contains("own words"))
        #expect(error.actor == desk.id)
      }
      do {
        try await desk.failHalf()
        Issue.record("nothing was thrown")
      } catch let error as IPCActorError {
        #expect(error.code == .threw)
        #expect(error.errorType == "TestActors.HalfCarriedFailure")
        #expect(error.message.contains("carry"))
      }
      #expect(await actorCode { try await desk.word } == .threw)
      #expect(try await desk.add(1) == 12)
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func callsAtOnceAreEachDoneOnce(_ mechanism: Mechanism)
      async throws
    {
      let host = try ActorHost(over: mechanism)
      let desks = try (0..<10).map { try host.desk($0) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<500 { group.addTask { try await desks[number % 10].count(number) } }
        try await group.waitForAll()
      }
      for desk in desks { #expect(try await desk.counted() == [50]) }
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func callersOnTheExecutorOfActors(_ mechanism: Mechanism)
      async throws
    {
      let host = try ActorHost(over: mechanism)
      let desk = try host.desk()
      let task = Task(executorPreference: IPCActorSystem.executor) {
        for number in 0..<300 { try await desk.count(number) }
        return try await desk.counted()
      }
      #expect(try await task.value == [300])
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func oneCallersCallsKeepTheirOrder(_ mechanism: Mechanism)
      async throws
    {
      let host = try ActorHost(over: mechanism)
      let callers = 4
      let names = try await withThrowingTaskGroup(of: Void.self) { group in
        let desk = try host.desk()
        for caller in 0..<callers {
          group.addTask { for number in 0..<100 { try await desk.note("\(caller) \(number)") } }
        }
        try await group.waitForAll()
        return try await desk.notesSoFar()
      }
      #expect(names.count == 400)
      for caller in 0..<callers {
        let mine = names.filter { $0.hasPrefix("\(caller) ") }
        #expect(mine == (0..<100).map { "\(caller) \($0)" })
      }
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func largeMessagesGoBothWaysAtOnce(_ mechanism: Mechanism)
      async throws
    {
      let host = try ActorHost(over: mechanism)
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<40 {
          let desk = try host.desk(number % 10)
          let bytes = [UInt8](repeating: UInt8(number), count: 300_000)
          group.addTask { try await desk.reversed(bytes) == bytes }
        }
        for try await isEqual in group { #expect(isEqual) }
      }
      host.system.close()
    }

    @Test func hostedActorsAreListed() async throws {
      let host = try ActorHost()
      let listed = try await host.peer.hosted()
      #expect(listed.count == 16)
      #expect(listed.map(\.id.name) == listed.map(\.id.name).sorted())
      #expect(listed.allSatisfy { $0.id.process == host.peer.process })
      #expect(listed.first { $0.id.name == "desk3" }?.type == "TestActors.Desk")
      #expect(host.peer.processID != nil)
      #expect(try await host.keeper().processID() == host.peer.processID.map(Int.init))
      #expect(host.peer.isConnected)
      host.system.close()
      #expect(!host.peer.isConnected)
    }
  }
}
