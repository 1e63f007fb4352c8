import Distributed
import Synchronization
import SystemCalls
import TestActors
import TestSupport
import Testing

@testable import IPC
@testable import IPCActors

distributed actor Orphaner {
  typealias ActorSystem = IPCActorSystem
  private var inside = 0
  private var highest = 0

  /// Leaves a task behind that calls back later, by way of another.
  distributed func leave(_ player: IPCActorID, _ count: Int) {
    let me = id
    let system = actorSystem
    Task {
      for _ in 0..<count {
        try await Relay.resolve(id: player, using: system).relay(me)
      }
    }
  }

  distributed func step() async {
    inside += 1
    highest = max(highest, inside)
    for _ in 0..<20 { await Task.yield() }
    inside -= 1
  }

  /// Leaves a task behind that calls back at once, by way of another, and ends when that call is inside.
  distributed func lead(_ player: IPCActorID, _ gate: String) async {
    let me = id
    let system = actorSystem
    Task { try await Relay.resolve(id: player, using: system).relay(me, to: gate) }
    await Gate[gate].untilArrived(1)
  }

  distributed func hold(at gate: String) async {
    inside += 1
    highest = max(highest, inside)
    await Gate[gate].pass()
    inside -= 1
  }

  distributed func mostInside() -> Int { highest }
}

distributed actor Relay {
  typealias ActorSystem = IPCActorSystem
  private var done = 0
  distributed func relay(_ orphaner: IPCActorID) async throws {
    try await Orphaner.resolve(id: orphaner, using: actorSystem).step()
    done += 1
  }
  distributed func relay(_ orphaner: IPCActorID, to gate: String) async throws {
    try await Orphaner.resolve(id: orphaner, using: actorSystem).hold(at: gate)
  }
  distributed func relayed() -> Int { done }
}

private final class Answered: Sendable {
  let isThere = Atomic<Bool>(false)
}

extension AllIPCActorsTests {
  /// Peers that don't do their part, and tasks that never rest.
  @Suite(.warmAsync, .guarded) struct ActorTimeoutTests {
    /// Closing doesn't wait for a peer that doesn't close, and ends the calls that wait.
    @Test(arguments: [Mechanism.pipe, .memory, .queue]) func aPeerThatDoesNotClose(_ mechanism: Mechanism)
      async throws
    {
      let enemy = try FarSystem(over: mechanism)
      let desk = try enemy.peer.resolve(Desk.self, named: "x")
      let early = Task { await actorCode { try await desk.add(1) } }
      await settle()
      enemy.peer.close(within: .milliseconds(50))
      #expect(!enemy.peer.isConnected)
      #expect(await early.value == .peerGone)
      #expect(await actorCode { try await desk.add(1) } == .peerGone)
      enemy.leave()
      // The thread that received looks now and then whether it is to go.
      while actorThreads().contains("ipc-actors-in") { await settle() }
    }

    /// Answers that the peer doesn't read fill the channel; closing doesn't wait for them.
    @Test(arguments: [Mechanism.pipe, .unix, .queue]) func aPeerThatDoesNotRead(_ mechanism: Mechanism) throws
    {
      let enemy = try FarSystem(over: mechanism)
      try enemy.system.host(String(repeating: "n", count: 900)) { Desk(actorSystem: $0) }
      // As far as its own channel takes them.
      for id in 0..<200 {
        var writer = MessageWriter()
        writer.write(ActorFrame.Kind.list.rawValue)
        writer.write(UInt64(id))
        try enemy.send(writer.bytes)
      }
      enemy.system.close(within: .milliseconds(50))
      #expect(!enemy.peer.isConnected)
      enemy.leave()
    }

    /// It asks and asks, and never reads an answer: what waits for it isn't kept for ever.
    @Test func aPeerThatReadsNoAnswers() throws {
      let enemy = try FarSystem(over: .pipe)
      try enemy.system.host(String(repeating: "n", count: 900)) { Desk(actorSystem: $0) }
      var refused = false
      for id in 0..<50_000 where !refused {
        var writer = MessageWriter()
        writer.write(ActorFrame.Kind.list.rawValue)
        writer.write(UInt64(id))
        do throws(ChannelError) { try enemy.send(writer.bytes) } catch { refused = error.code == .closed }
      }
      #expect(refused)
      enemy.leave()
    }

    /// A task of the executor's that yields until its call is answered.
    @Test(arguments: ActorHost.mechanisms) func aTaskThatYieldsWithoutEnd(_ mechanism: Mechanism) async throws
    {
      let host = try ActorHost(over: mechanism)
      let desk = try host.desk()
      let sum = try await Task(executorPreference: IPCActorSystem.executor) {
        _ = try await desk.add(1)
        let answer = Answered()
        return try await withThrowingTaskGroup(of: Int.self) { group in
          group.addTask {
            defer { answer.isThere.store(true, ordering: .releasing) }
            return try await desk.add(2)
          }
          // It doesn't wait: the answer has to come while it runs.
          var left = 2_000_000
          while !answer.isThere.load(ordering: .acquiring), left > 0 {
            await Task.yield()
            left -= 1
          }
          #expect(left > 0, "no answer came while the task was busy")
          return try await group.next() ?? 0
        }
      }.value
      #expect(sum == 3)
      host.system.close()
    }

    /// A task that a call left behind belongs to that call, and to no other that runs when it calls.
    @Test func aTaskThatOutlivesItsCall() async throws {
      let pair = try ActorPair()
      let orphaner = try pair.there.host("orphaner") { Orphaner(actorSystem: $0) }
      let relay = try pair.here.host("relay") { Relay(actorSystem: $0) }
      let remote = try pair.peer.resolve(Orphaner.self, named: "orphaner")
      #expect(orphaner.id.name == "orphaner")
      try await remote.leave(relay.id, 200)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<3 { group.addTask { for _ in 0..<150 { try await remote.step() } } }
        try await group.waitForAll()
      }
      while try await relay.relayed() < 200 { await Task.yield() }
      #expect(try await remote.mostInside() == 1)
      pair.close()
    }

    /// A call that was let in, and outlasts the one that it was made in, keeps the next out.
    @Test func aNestedCallThatOutlastsItsParent() async throws {
      let pair = try ActorPair()
      let orphaner = try pair.there.host("outlasted") { Orphaner(actorSystem: $0) }
      let relay = try pair.here.host("outlasting") { Relay(actorSystem: $0) }
      let remote = try pair.peer.resolve(Orphaner.self, named: "outlasted")
      #expect(orphaner.id.name == "outlasted")
      try await remote.lead(relay.id, "outlasting")
      let step = Task { try await remote.step() }
      // Were it let in, it would be by now.
      await settle()
      _ = try await pair.peer.hosted()
      await settle()
      Gate["outlasting"].open()
      try await step.value
      #expect(try await remote.mostInside() == 1)
      pair.close()
    }
  }
}
