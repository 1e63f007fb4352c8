import Synchronization
import SystemCalls

/// What this process would leave in the kernel if it had to end now: System V objects without a name, which
/// nobody could find. A worker whose coordinator was killed removes them before it ends.
package enum Leftovers {
  private static let list = Mutex<[ObjectIdentifier: @Sendable () -> Void]>([:])

  package static func register(_ owner: AnyObject, _ remove: @escaping @Sendable () -> Void) {
    let key = ObjectIdentifier(owner)
    list.withLock { $0[key] = remove }
    _ = Inheritance.leash
  }

  /// Whether an end with these parameters is of System V objects.
  package static func areIn(_ parameters: [(key: String, value: String)]) -> Bool {
    parameters.contains { ["queue", "set", "mutexes", "segment"].contains($0.key) }
  }

  /// Call it before making what the kernel wouldn't remove: from now on this process isn't ended before it has.
  package static func prepare() { _ = Inheritance.leash }

  /// What was handed over and isn't taken yet; called while the leash is being taken.
  static func registerFirst(_ ends: [(owner: AnyObject, parameters: [String: String])]) {
    for (owner, parameters) in ends {
      let key = ObjectIdentifier(owner)
      list.withLock { $0[key] = { remove(parameters) } }
    }
  }

  package static func forget(_ owner: AnyObject) {
    let key = ObjectIdentifier(owner)
    list.withLock { _ = $0.removeValue(forKey: key) }
  }

  /// Removes the System V objects that an end's parameters name.
  package static func remove(_ parameters: [String: String]) {
    func id(_ key: String) -> Int32? { parameters[key].flatMap { Int32($0) } }
    // What wakes nobody first.
    if let segment = id("segment") { try? Segment.remove(segment) }
    for key in ["set", "mutexes"] { if let set = id(key) { try? Semaphores.remove(set) } }
    if let queue = id("queue") { try? MessageQueues.remove(queue) }
  }

  package static func removeAll() {
    let all = list.withLock { list in
      defer { list = [:] }
      return Array(list.values)
    }
    for remove in all { remove() }
  }
}
