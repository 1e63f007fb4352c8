import Synchronization
import SystemCalls

/// What this process would leave in the kernel if it had to end now: System V objects without a name, which
/// nobody could find. A worker whose coordinator was killed removes them before it ends.
package enum Leftovers {
  private struct State {
    /// Of ends that are open.
    var open: [ObjectIdentifier: [String: String]] = [:]
    /// Of ends that were closed while others had the channel; the latest last.
    var closed: [[String: String]] = []
  }

  private static let state = Mutex(State())
  /// The parent dies at about the time at which these were closed, or it has long removed them itself.
  private static let mostClosed = 64

  /// - Parameter parameters: the end's, as it would hand them over.
  package static func register(_ owner: AnyObject, _ parameters: [(key: String, value: String)]) {
    guard areIn(parameters) else { return }
    let key = ObjectIdentifier(owner)
    state.withLock { $0.open[key] = Dictionary(parameters, uniquingKeysWith: { first, _ in first }) }
    _ = Inheritance.leash
  }

  /// Its end was closed. Alone: what it had was removed. Else the others remove it; but a parent that holds the other end
  /// may be dying just now, and then nobody is left to.
  static func hasClosed(_ owner: AnyObject, alone: Bool) {
    let key = ObjectIdentifier(owner)
    state.withLock { state in
      guard let parameters = state.open.removeValue(forKey: key) else { return }
      state.closed.removeAll { $0 == parameters }
      if alone { return }
      state.closed.append(parameters)
      if state.closed.count > mostClosed { state.closed.removeFirst() }
    }
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
      state.withLock { $0.open[key] = parameters }
    }
  }

  package static func forget(_ owner: AnyObject) {
    let key = ObjectIdentifier(owner)
    state.withLock { _ = $0.open.removeValue(forKey: key) }
  }

  /// Removes the System V objects that an end's parameters name.
  package static func remove(_ parameters: [(key: String, value: String)]) {
    remove(Dictionary(parameters, uniquingKeysWith: { first, _ in first }))
  }

  /// The same.
  package static func remove(_ parameters: [String: String]) {
    func id(_ key: String) -> Int32? { parameters[key].flatMap { Int32($0) } }
    // What wakes nobody first: this process may end with that.
    if let segment = id("segment") { try? Segment.remove(segment) }
    for key in ["set", "mutexes"] { if let set = id(key) { try? Semaphores.remove(set) } }
    if let queue = id("queue") { try? MessageQueues.remove(queue) }
  }

  /// Removes what the ends that are open have.
  package static func removeAll() {
    // Under the lock: who ends the process when this seems to be done must wait until it is.
    state.withLock { state in
      for parameters in state.open.values { remove(parameters) }
      state.open = [:]
    }
  }

  /// The parent is gone: also removes what the ends had that were closed before it was.
  static func removeAllOfTheFamily() {
    removeAll()
    state.withLock { state in
      for parameters in state.closed { remove(parameters) }
      state.closed = []
    }
  }
}
