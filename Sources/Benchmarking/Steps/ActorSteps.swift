import Dispatch
import Distributed
import IPC
import IPCActors
import SystemCalls

/// An actor in another process that adds up numbers.
distributed actor RemoteAdder {
  typealias ActorSystem = IPCActorSystem
  private var sum = 0

  distributed func add(_ value: Int) -> Int {
    sum &+= value
    return sum
  }
}

/// Calls of an actor in another process, over each mechanism.
enum ActorSteps {
  /// The argument with which the actor's process is started.
  static let hostArgument = "--bench-actor"

  static var all: [ConcurrencyStep] {
    Mechanism.all.map { mechanism in
      ConcurrencyStep(
        name: "actor-call-\(mechanism)",
        what:
          "a call of an actor in another process, over \(mechanism), on the executor that receives the reply"
      ) { count in try calls(count, over: mechanism, executor: IPCActorSystem.executor) }
    }
      + Mechanism.all.map { mechanism in
        ConcurrencyStep(
          name: "actor-calls-\(mechanism)",
          what: "the same by \(tasks) tasks at once, so that both processes are busy"
        ) { count in try calls(count, by: tasks, over: mechanism, executor: IPCActorSystem.executor) }
      } + [
        ConcurrencyStep(
          name: "actor-call-pool",
          what: "the same over memory, on the default executor, which each reply has to wake"
        ) { count in try calls(count, over: .memory, executor: nil) }
      ]
  }

  static func host() throws {
    try IPCActorSystem.serve { system in try system.host("adder") { RemoteAdder(actorSystem: $0) } }
  }

  private static let tasks = 64
  private static let warmUpCalls = 32

  private static func calls(
    _ count: Int, by tasks: Int = 1, over mechanism: Mechanism, executor: (any TaskExecutor)?
  ) throws
    -> UInt64
  {
    let system = IPCActorSystem()
    let peer = try system.spawn(nil, arguments: [hostArgument], over: mechanism, mustCall: nil)
    defer { system.close() }
    let adder = try peer.resolve(RemoteAdder.self, named: "adder")
    return try ConcurrencyStep.waiting(on: executor) {
      // Until both processes run, and the host knows that the call is short.
      for _ in 0..<warmUpCalls { _ = try await adder.add(0) }
      let start = Clock.now()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<tasks {
          group.addTask {
            for value in stride(from: task, to: count, by: tasks) { _ = try await adder.add(value) }
          }
        }
        try await group.waitForAll()
      }
      let took = Clock.now() - start
      guard try await adder.add(0) == count * (count - 1) / 2 else {
        throw BenchmarkError(.work, "a call was lost")
      }
      return took
    }
  }
}

extension BenchmarkProcess {
  package static var actorArgument: String { ActorSteps.hostArgument }

  /// A process that hosts an actor.
  package static func hostActor() throws { try ActorSteps.host() }
}
