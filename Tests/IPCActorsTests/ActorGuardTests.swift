import Distributed
import IPC
import IPCActors
import TestActors
import TestSupport
import Testing

distributed actor Holder {
  typealias ActorSystem = IPCActorSystem
  private let secret = 41

  distributed func value() -> Int { secret }

  /// Calls a function of a type that is local to this one, which would run with a `Holder` as `self`.
  nonisolated func callLocal(_ peer: ActorPeer) async throws -> Int {
    distributed actor Local {
      typealias ActorSystem = IPCActorSystem
      private let other = "text"
      distributed func foreign() -> Int { 666 }
    }
    return try await peer.resolve(Local.self, named: "holder").foreign()
  }
}

distributed actor LongFailer {
  typealias ActorSystem = IPCActorSystem
  distributed func fail(_ count: Int) throws { throw OwnFailure(String(repeating: "ü", count: count)) }
  distributed func fine() -> Int { 1 }
}

private distributed actor Hidden {
  typealias ActorSystem = IPCActorSystem
  distributed func secret() -> Int { 42 }
}

distributed actor Generic<Value: Sendable> {
  typealias ActorSystem = IPCActorSystem
  distributed func name() -> String { "\(Value.self)" }
}

extension AllIPCActorsTests {
  /// What stands between a name from outside and an actor.
  @Suite(.guarded) struct ActorGuardTests {
    @Test func functionsOfTypesInsideFunctionsAreRefused() async throws {
      let pair = try ActorPair()
      let holder = try pair.there.host("holder") { Holder(actorSystem: $0) }
      #expect(await actorCode { try await holder.callLocal(pair.peer) } == .otherSignature)
      #expect(try await pair.peer.resolve(Holder.self, named: "holder").value() == 41)
      pair.close()
    }

    @Test func typesThatCallsCannotFindAreNotHosted() async throws {
      let pair = try ActorPair()
      #expect(await actorCode { try pair.there.host("hidden") { Hidden(actorSystem: $0) } } == .notSupported)
      #expect(
        await actorCode { try pair.there.host("generic") { Generic<Int>(actorSystem: $0) } } == .notSupported)
      #expect(pair.there.hosted.isEmpty)
      // The names are free.
      try pair.there.host("hidden") { Holder(actorSystem: $0) }
      pair.close()
    }

    @Test func stubsOfProtocols() async throws {
      let host = try ActorHost()
      for (name, answer) in [("english", "hello you"), ("german", "hallo you")] {
        let greeter = try $Greeter.resolve(
          id: IPCActorID(process: host.peer.process, name: name), using: host.system)
        #expect(try await greeter.greet("you") == answer)
        #expect(try await greeter.greetings() == 1)
      }
      let desk = try $Greeter.resolve(
        id: IPCActorID(process: host.peer.process, name: "desk0"), using: host.system)
      #expect(await actorCode { try await desk.greet("you") } == .otherSignature)
      host.system.close()
    }

    @Test func aNameIsReleasedByItsOwnActorOnly() async throws {
      let pair = try ActorPair()
      var old: Desk? = try pair.there.host("x") { Desk(actorSystem: $0) }
      #expect(old != nil)
      pair.there.unhost("x")
      try pair.there.host("x") { Desk(actorSystem: $0) }
      old = nil
      #expect(pair.there.hosted.map(\.id.name) == ["x"])
      // The system chooses no name that is in use.
      try pair.there.host("Narrow#3") { Desk(actorSystem: $0) }
      let unnamed = (0..<9).map { _ in Narrow(actorSystem: pair.there) }
      #expect(Set(unnamed.map(\.id.name)).count == 9)
      #expect(pair.there.hosted.first { $0.id.name == "Narrow#3" }?.type == "TestActors.Desk")
      pair.close()
    }

    @Test(arguments: [0, 10, 100, 400, 1000, 5000]) func aLongErrorIsCutAndTheConnectionContinues(
      _ count: Int
    )
      async throws
    {
      var options = ChannelOptions()
      options.maximumMessageBytes = 1024
      let pair = try ActorPair(over: .unix, options: options)
      try pair.there.host("failer") { LongFailer(actorSystem: $0) }
      let failer = try pair.peer.resolve(LongFailer.self, named: "failer")
      #expect(await actorCode { try await failer.fail(count) } == .threw)
      #expect(try await failer.fine() == 1)
      pair.close()
    }

    @Test func aConnectionOfTinyMessagesIsRefused() throws {
      var options = ChannelOptions()
      options.maximumMessageBytes = 1000
      let system = IPCActorSystem()
      let pair = try ByteConnection.Pair(over: .pipe, options: options)
      // Not in a closure: a connection is moved, not copied.
      do throws(ChannelError) {
        _ = try system.attach(pair.near, within: .seconds(5))
        Issue.record("it was attached")
      } catch {
        #expect(error.code == .notSupported)
      }
    }

    /// One chain of calls, made one after the other, beside those of others.
    @Test func oneCallAtATimeFromOneTask() async throws {
      let host = try ActorHost()
      let narrow = try host.narrow()
      let walker = try host.system.host("walker") { Player(actorSystem: $0) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<4 {
          group.addTask { for number in 0..<300 { _ = try await narrow.pause(task * 1000 + number) } }
        }
        // Each in a call of its own, that of an actor of this process; its own process's calls would not be in line.
        group.addTask { try await walker.walk(narrow.id, 600) }
        group.addTask {
          try await Player.resolve(id: walker.id, using: host.system).walk(narrow.id, 600)
        }
        try await group.waitForAll()
      }
      #expect(try await narrow.mostInside() == 1)
      host.system.close()
    }

    /// A system that sends its handshake twice, with the same number or with another.
    @Test func theHandshakeComesOnce() throws {
      for second: UInt64 in [77, 78] {
        let enemy = try FarSystem()
        try enemy.send(FarSystem.hello(second))
        #expect(enemy.isClosed())
        enemy.leave()
      }
    }
  }
}
