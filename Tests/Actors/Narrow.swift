package import Distributed
package import IPCActors

/// Knows how many calls have been inside at once.
package distributed actor Narrow {
  package typealias ActorSystem = IPCActorSystem
  private var inside = 0
  private var highest = 0
  private var order: [Int] = []

  /// Waits in its middle.
  package distributed func step(_ number: Int, at gate: String) async {
    enter(number)
    await Gate[gate].pass()
    inside -= 1
  }

  /// Lets other calls run in its middle, if they may.
  package distributed func pause(_ number: Int) async {
    enter(number)
    for _ in 0..<5 { await Task.yield() }
    inside -= 1
  }

  package distributed func mostInside() -> Int { highest }
  package distributed func orderOfCalls() -> [Int] { order }

  private func enter(_ number: Int) {
    inside += 1
    highest = max(highest, inside)
    order.append(number)
  }
}

/// Calls other players, which call it back.
package distributed actor Player {
  package typealias ActorSystem = IPCActorSystem

  /// So many calls, this one included: the other calls this one, and so on.
  package distributed func bounce(_ other: IPCActorID, _ left: Int) async throws -> Int {
    if left <= 1 { return 1 }
    return try await Player.resolve(id: other, using: actorSystem).bounce(id, left - 1) + 1
  }

  /// Calls a `Narrow` so often, one call after the other.
  package distributed func walk(_ narrow: IPCActorID, _ count: Int) async throws {
    let narrow = try Narrow.resolve(id: narrow, using: actorSystem)
    for number in 0..<count { try await narrow.pause(number) }
  }
}
