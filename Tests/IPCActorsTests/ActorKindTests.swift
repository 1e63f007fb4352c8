import Distributed
import IPC
import IPCActors
import TestActors
import TestSupport
import Testing

distributed actor Outer {
  typealias ActorSystem = IPCActorSystem
  private var calls = 0

  distributed func name() -> String {
    calls += 1
    return "outer"
  }
  distributed func callsSoFar() -> Int { calls }

  distributed actor Inner {
    typealias ActorSystem = IPCActorSystem
    private let numbers = [1, 2, 3]

    distributed func name() -> String { "inner \(numbers)" }
    distributed func inner() -> Int { numbers.count }
  }

  private distributed actor Secret {
    typealias ActorSystem = IPCActorSystem
    private let numbers = [1, 2, 3]

    distributed func secret() -> Int { numbers.count }
  }

  struct Box {
    distributed actor Inner {
      typealias ActorSystem = IPCActorSystem
      distributed func boxed() -> Int { 5 }
    }
  }

  nonisolated static func callSecret(_ peer: ActorPeer, _ name: String) async throws -> Int {
    try await peer.resolve(Secret.self, named: name).secret()
  }
}

extension Outer {
  distributed actor Extended {
    typealias ActorSystem = IPCActorSystem
    distributed func extended() -> Int { 6 }
  }
  distributed func inAnExtension() -> String { "extension" }
  fileprivate distributed func hidden() -> String { "hidden" }
}

/// Functions in another module's extension.
extension Desk {
  distributed func fromTheTests(_ text: String) -> String { "\(text) from the tests" }
  distributed var wordOfTheTests: String { "tests" }
}

private distributed actor Boxed<Value: Message & Codable & Sendable> {
  typealias ActorSystem = IPCActorSystem
  distributed func name() -> String { "\(Value.self)" }
}

extension AllIPCActorsTests {
  /// Which functions of which types can be called: those of the actor's own type, wherever they are written.
  @Suite(.guarded) struct ActorKindTests {
    @Test func functionsOfTheTypeItself() async throws {
      let pair = try ActorPair()
      try pair.there.host("outer") { Outer(actorSystem: $0) }
      try pair.there.host("inner") { Outer.Inner(actorSystem: $0) }
      try pair.there.host("boxed") { Outer.Box.Inner(actorSystem: $0) }
      try pair.there.host("extended") { Outer.Extended(actorSystem: $0) }
      let outer = try pair.peer.resolve(Outer.self, named: "outer")
      #expect(try await outer.name() == "outer")
      #expect(try await outer.inAnExtension() == "extension")
      #expect(try await outer.hidden() == "hidden")
      #expect(try await pair.peer.resolve(Outer.Inner.self, named: "inner").name() == "inner [1, 2, 3]")
      #expect(try await pair.peer.resolve(Outer.Box.Inner.self, named: "boxed").boxed() == 5)
      #expect(try await pair.peer.resolve(Outer.Extended.self, named: "extended").extended() == 6)
      pair.close()
    }

    @Test func functionsOfATypeInsideAreNotItsOwn() async throws {
      let pair = try ActorPair()
      try pair.there.host("outer") { Outer(actorSystem: $0) }
      try pair.there.host("inner") { Outer.Inner(actorSystem: $0) }
      let peer = pair.peer
      let inner = try peer.resolve(Outer.Inner.self, named: "outer")
      #expect(await actorCode { try await inner.inner() } == .otherSignature)
      #expect(await actorCode { try await inner.name() } == .otherSignature)
      let boxed = try peer.resolve(Outer.Box.Inner.self, named: "outer")
      #expect(await actorCode { try await boxed.boxed() } == .otherSignature)
      let extended = try peer.resolve(Outer.Extended.self, named: "outer")
      #expect(await actorCode { try await extended.extended() } == .otherSignature)
      #expect(await actorCode { try await Outer.callSecret(peer, "outer") } == .otherSignature)
      let outer = try peer.resolve(Outer.self, named: "inner")
      #expect(await actorCode { try await outer.name() } == .otherSignature)
      let calls = try await peer.resolve(Outer.self, named: "outer").callsSoFar()
      #expect(calls == 0)
      pair.close()
    }

    @Test func functionsOfFilesAndOfExtensions() async throws {
      let host = try ActorHost()
      let desk = try host.desk()
      #expect(try await Desk.callHidden(desk, 3) == 15)
      #expect(try await desk.extended(3) == 9)
      #expect(try await desk.sum == 0)
      // Its process doesn't have this extension.
      #expect(await actorCode { try await desk.fromTheTests("hello") } != nil)
      #expect(await actorCode { try await desk.wordOfTheTests } != nil)
      host.system.close()
    }

    @Test func functionsOfAnotherModulesExtension() async throws {
      let pair = try ActorPair()
      try pair.there.host("desk") { Desk(actorSystem: $0) }
      let desk = try pair.peer.resolve(Desk.self, named: "desk")
      #expect(try await desk.fromTheTests("hello") == "hello from the tests")
      #expect(try await desk.wordOfTheTests == "tests")
      pair.close()
    }

    /// Types don't travel: it isn't called, and nothing else is.
    @Test func anActorOfAGenericType() async throws {
      let pair = try ActorPair()
      // One that isn't hosted by name, and so isn't refused at once.
      let boxed = Boxed<Int>(actorSystem: pair.there)
      let right = try pair.peer.resolve(Boxed<Int>.self, named: boxed.id.name)
      let wrong = try pair.peer.resolve(Boxed<String>.self, named: boxed.id.name)
      for code in [await actorCode { try await right.name() }, await actorCode { try await wrong.name() }] {
        #expect(code == .otherSignature || code == .notSupported)
      }
      pair.close()
    }
  }
}
