import Synchronization
import SystemCalls

/// What this process would leave in the kernel if it had to end now: System V objects without a name, which
/// nobody could find. A worker whose coordinator was killed removes them before it ends.
package enum Leftovers {
  private static let list = Mutex<[ObjectIdentifier: @Sendable () -> Void]>([:])

  package static func register(_ owner: AnyObject, _ remove: @escaping @Sendable () -> Void) {
    let key = ObjectIdentifier(owner)
    list.withLock { $0[key] = remove }
  }

  package static func forget(_ owner: AnyObject) {
    let key = ObjectIdentifier(owner)
    list.withLock { _ = $0.removeValue(forKey: key) }
  }

  /// Removes the System V objects that an end's parameters name.
  package static func remove(_ parameters: [String: String]) {
    func id(_ key: String) -> Int32? { parameters[key].flatMap { Int32($0) } }
    if let queue = id("queue") { try? MessageQueues.remove(queue) }
    for key in ["set", "mutexes"] { if let set = id(key) { try? Semaphores.remove(set) } }
    if let segment = id("segment") { try? Segment.remove(segment) }
  }

  package static func removeAll() {
    let all = list.withLock { list in
      defer { list = [:] }
      return Array(list.values)
    }
    for remove in all { remove() }
  }
}
