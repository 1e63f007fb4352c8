import Synchronization

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

  package static func removeAll() {
    let all = list.withLock { list in
      defer { list = [:] }
      return Array(list.values)
    }
    for remove in all { remove() }
  }
}
