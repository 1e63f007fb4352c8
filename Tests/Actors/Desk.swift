import Dispatch
package import Distributed
import Glibc
package import IPC
package import IPCActors

/// An actor with a function for each kind of call.
package distributed actor Desk {
  package typealias ActorSystem = IPCActorSystem
  private var total = 0
  private var notes: [String] = []
  private var counts: [Int: Int] = [:]

  package distributed func add(_ number: Int) -> Int {
    total += number
    return total
  }

  package distributed func note(_ text: String) { notes.append(text) }
  package distributed func notesSoFar() -> [String] { notes }

  /// Counts how often it is called with each number.
  package distributed func count(_ number: Int) { counts[number, default: 0] += 1 }
  /// Those that didn't come exactly once, and how many came.
  package distributed func counted() -> [Int] {
    [counts.count] + counts.filter { $0.value != 1 }.keys.sorted()
  }

  package distributed func join(_ words: [String], with separator: String?) -> String? {
    words.isEmpty ? nil : words.joined(separator: separator ?? "-")
  }

  package distributed func reversed(_ bytes: [UInt8]) -> [UInt8] { bytes.reversed() }
  package distributed func mix(_ ratio: Double, _ flag: Bool, _ person: Person) -> Person {
    var person = person
    person.age = flag ? Int(ratio) : -1
    person.friends.append(person.name)
    return person
  }
  package distributed func halve(_ number: Double) -> Double { number / 2 }
  package distributed func not(_ flag: Bool) -> Bool { !flag }
  package distributed func optional(_ number: Int?) -> Int? { number.map { $0 + 1 } }
  package distributed func nested(_ list: [[Int]?]) -> [[Int]?] { list.reversed() }

  package distributed func fail(carried: Bool, _ words: String) throws -> Int {
    if carried { throw CarriedFailure(code: total, words: words) }
    throw OwnFailure(words)
  }
  package distributed func failHalf() throws { throw HalfCarriedFailure(code: 9) }

  /// So many bytes.
  package distributed func produce(_ count: Int) -> [UInt8] { Array(repeating: 7, count: count) }

  /// Waits in its middle.
  package distributed func wait(at gate: String) async -> Int {
    await Gate[gate].pass()
    return 1
  }

  package distributed func identical<Value: Message & Sendable & Codable>(_ value: Value) -> Value { value }

  /// The process ends with this code.
  package distributed func leave(_ code: Int) { exit(Int32(code)) }
}

extension Desk {
  package distributed func extended(_ number: Int) -> Int { number * 3 }
  package distributed var sum: Int { total }
  package distributed var word: String { get throws { throw OwnFailure("no word") } }
  fileprivate distributed func hidden(_ number: Int) -> Int { number * 5 }

  /// Calls what only this file sees.
  package nonisolated static func callHidden(_ desk: Desk, _ number: Int) async throws -> Int {
    try await desk.hidden(number)
  }
}

/// Opens gates in the hosting process, and waits until calls have arrived at one. Hosted so that its calls
/// interleave.
package distributed actor Keeper {
  package typealias ActorSystem = IPCActorSystem

  package distributed func open(_ gate: String) { Gate[gate].open() }
  package distributed func untilArrived(_ count: Int, at gate: String) async {
    await Gate[gate].untilArrived(count)
  }
  /// Opens a gate when so many calls have arrived there. Opens and passes another gate when it begins to wait for them.
  package distributed func open(_ gate: String, after count: Int, begun: String) async {
    Gate[begun].open()
    await Gate[begun].pass()
    await Gate[gate].untilArrived(count)
    Gate[gate].open()
  }
  package distributed func arrived(at gate: String) -> Int { Gate[gate].arrived }
  /// Waits in its middle; other calls begin meanwhile.
  package distributed func wait(at gate: String) async -> Int {
    await Gate[gate].pass()
    return 1
  }
  package distributed func processID() -> Int { Int(getpid()) }
  package distributed func unhost(_ name: String) { actorSystem.unhost(name) }
  package distributed func close() {
    let system = actorSystem
    // It waits for the caller to close as well: not in the middle of a call of the caller's.
    DispatchQueue.global().async { system.close() }
  }
}
