import Glibc
import Synchronization
import SystemCalls

/// What this process would leave in the kernel if it ended now: System V objects of its ends, most of them without a name,
/// which nobody could find. It looks after them when it exits, and a worker does when its coordinator was killed.
package enum ResourceCleaner {
  /// What one end has.
  private struct Entry: Sendable {
    let parameters: [String: String]
    /// The parent process may have the other end.
    let isInherited: Bool
    /// Lets go of the end, and removes what the channel had if nobody else has it. False: somebody has.
    let leave: @Sendable () -> Bool
    /// Whether nobody has any end of the channel.
    let isAlone: @Sendable () -> Bool
  }

  private struct State {
    var open: [ObjectIdentifier: Entry] = [:]
    /// Of inherited ends that were closed while others had the channel.
    var closed: [Entry] = []
  }

  private static let state = Mutex(State())

  /// - Parameter parameters: the end's, as it would hand them over.
  static func register(
    _ owner: AnyObject, _ parameters: [(key: String, value: String)], isInherited: Bool,
    leave: @escaping @Sendable () -> Bool, isAlone: @escaping @Sendable () -> Bool
  ) {
    guard areIn(parameters.map(\.key)) else { return }
    let entry = Entry(
      parameters: Dictionary(parameters, uniquingKeysWith: { first, _ in first }), isInherited: isInherited,
      leave: leave, isAlone: isAlone)
    state.withLock { $0.open[ObjectIdentifier(owner)] = entry }
    _ = Inheritance.parentDeathPipe
    _ = looksAtExit
  }

  /// A program needn't close what it has before it exits, or another thread was to, which doesn't come to it any more. And a
  /// parent that dies lets go of one thing after the other: this process may have ended over the first of them, having found
  /// that the parent still has the others.
  private static let looksAtExit: Void = {
    atexit {
      let parent = Inheritance.parent
      ResourceCleaner.leave(parent.flatMap { Processes.isParentEnding($0) ? $0 : nil })
    }
  }()

  /// Its end was closed. Alone: what it had was removed. Else the others remove it; but a parent that holds the other end
  /// may be dying just now, and then nobody is left to.
  static func hasClosed(_ owner: AnyObject, alone: Bool) {
    state.withLock { state in
      guard let entry = state.open.removeValue(forKey: ObjectIdentifier(owner)) else { return }
      // The others have closed theirs, and removed it.
      state.closed.removeAll { $0.isAlone() }
      if !alone, entry.isInherited { state.closed.append(entry) }
    }
  }

  /// Whether an end whose parameters have these names is of System V objects.
  static func areIn(_ names: some Sequence<String>) -> Bool {
    names.contains { ["queue", "set", "mutexes", "segment"].contains($0) }
  }

  /// Call it before making what the kernel wouldn't remove: from now on this process isn't ended before it has.
  package static func prepare() { _ = Inheritance.parentDeathPipe }

  /// What was handed over and isn't taken yet; called while the parent-death pipe is being taken.
  ///
  /// - Parameter liveness: the numbers of its three descriptors, which whoever takes the end will own.
  static func registerFirst(_ owner: AnyObject, _ parameters: [String: String], liveness: [Int32]) {
    guard areIn(parameters.keys), liveness.count >= 3 else { return }
    let (hold, senders, receivers) = (liveness[0], liveness[1], liveness[2])
    let isAlone: @Sendable () -> Bool = { LivenessPipe.nobodyHas(senders, receivers) }
    let isHeld = Atomic<Bool>(true)
    let entry = Entry(
      parameters: parameters, isInherited: true,
      leave: {
        if isHeld.exchange(false, ordering: .relaxed) { _ = Descriptor(owning: hold) }
        guard isAlone() else { return false }
        remove(parameters)
        return true
      }, isAlone: isAlone)
    state.withLock { $0.open[ObjectIdentifier(owner)] = entry }
  }

  package static func forget(_ owner: AnyObject) {
    state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(owner)) }
  }

  /// Removes the System V objects that an end's parameters name.
  package static func remove(_ parameters: [(key: String, value: String)]) {
    remove(Dictionary(parameters, uniquingKeysWith: { first, _ in first }))
  }

  /// The same.
  package static func remove(_ parameters: [String: String]) {
    func id(_ key: String) -> Int32? { parameters[key].flatMap { Int32($0) } }
    // What wakes nobody first: this process may end with that.
    if let segment = id("segment") { try? Segment.shmctl(remove: segment) }
    for key in ["set", "mutexes"] { if let set = id(key) { try? Semaphores.semctl(remove: set) } }
    if let queue = id("queue") { try? MessageQueues.msgctl(remove: queue) }
  }

  /// Removes what the ends that are open have.
  package static func removeAll() {
    // Under the lock: who ends the process when this seems to be done must wait until it is.
    state.withLock { state in
      for entry in state.open.values { remove(entry.parameters) }
      state.open = [:]
    }
  }

  /// How long a process that dies may take from the first descriptor that it lets go of to the last.
  private static let patience: UInt64 = 1_000_000_000
  /// How long one may take that this process has just killed.
  private static let briefPatience: UInt64 = 200_000_000

  /// This process ends: lets go of every end, and removes what the channels had that nobody else has any more.
  ///
  /// - Parameter parent: the parent, of which it has inherited ends, if that is dying or dead: it is waited for.
  static func leave(_ parent: Int32?) {
    // They stay in the list: another thread that does the same may end the process before this one is through.
    var left = state.withLock { Array($0.open.values) + $0.closed }
    let wait = parent != nil ? patience : Processes.hasJustKilled ? briefPatience : 0
    let deadline = Clock.now() + wait
    while true {
      // Asked before the look: once the parent is gone, so is all that it had.
      let isLast = Clock.now() >= deadline || parent.map { Processes.parent != $0 } ?? false
      left.removeAll { $0.leave() }
      if left.isEmpty || isLast { return }
      Clock.sleep(nanoseconds: 200_000)
    }
  }
}
