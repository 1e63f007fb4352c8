import Glibc
import Synchronization
import SystemCalls

/// Removes what this process would leave in the kernel if it ended now: System V objects of its endpoints, most of them
/// without a name that another process could find. It runs when the process exits, and in a worker when its parent was
/// killed.
package enum ResourceCleaner {
  /// What one endpoint has.
  private struct Entry: Sendable {
    let ids: [String: String]
    /// The parent process may have the other endpoint.
    let isInherited: Bool
    /// Lets go of the endpoint, and removes the channel's objects if no other process has the channel. Returns false if
    /// one has.
    let leave: @Sendable () -> Bool
    /// Whether no process has an endpoint of the channel.
    let isAlone: @Sendable () -> Bool
  }

  private struct State {
    var open: [ObjectIdentifier: Entry] = [:]
    /// Of inherited endpoints that were closed while other processes had the channel.
    var closed: [Entry] = []
  }

  private static let state = Locked(State())

  /// - Parameter ids: the endpoint's, as it would pass them on.
  static func register(
    _ owner: AnyObject, _ ids: [(key: String, value: String)], isInherited: Bool,
    leave: @escaping @Sendable () -> Bool, isAlone: @escaping @Sendable () -> Bool
  ) {
    guard KernelObjects.outliveProcess(ids.map(\.key)) else { return }
    let entry = Entry(
      ids: Dictionary(ids, uniquingKeysWith: { first, _ in first }), isInherited: isInherited, leave: leave,
      isAlone: isAlone)
    state.withLock { $0.open[ObjectIdentifier(owner)] = entry }
    _ = ParentDeathPipe.isWatched
    _ = looksAtExit
  }

  /// A program may exit without closing what it has, or while another thread is about to close it. And a parent that
  /// dies lets go of one descriptor after the other: this process may have ended at the first, having found that the
  /// parent still has the others.
  private static let looksAtExit: Void = {
    atexit {
      let parent = ParentDeathPipe.parent
      ResourceCleaner.leave(parent.flatMap { Processes.isParentEnding($0) ? $0 : nil })
    }
  }()

  /// The owner has closed. Alone: it has removed the objects. Else the other endpoints remove them; but a parent that
  /// holds the other endpoint may be dying just now, and then this process has to.
  static func hasClosed(_ owner: AnyObject, alone: Bool) {
    state.withLock { state in
      guard let entry = state.open.removeValue(forKey: ObjectIdentifier(owner)) else { return }
      // The other endpoints of these have closed too, and removed the objects.
      state.closed.removeAll { $0.isAlone() }
      if !alone, entry.isInherited { state.closed.append(entry) }
    }
  }

  /// Call it before creating an object that the kernel wouldn't remove: from then on the parent's death doesn't end
  /// this process before the object is removed. The first call removes what killed processes have left.
  static func prepare() {
    _ = ParentDeathPipe.isWatched
    _ = Leftovers.areRemoved
  }

  /// An endpoint that was passed to this process and isn't taken yet; called while the parent-death pipe is set up.
  ///
  /// - Parameter liveness: the numbers of its three descriptors, which the taker of the endpoint will own.
  static func registerUntaken(_ owner: AnyObject, _ ids: [String: String], liveness: [Int32]) {
    guard KernelObjects.outliveProcess(ids.keys), liveness.count >= LivenessPipe.descriptorCount else {
      return
    }
    let (hold, senders, receivers) = (liveness[0], liveness[1], liveness[2])
    let isAlone: @Sendable () -> Bool = { LivenessPipe.isUnused(senders, receivers) }
    let isHeld = Atomic<Bool>(true)
    let entry = Entry(
      ids: ids, isInherited: true,
      leave: {
        if isHeld.exchange(false, ordering: .relaxed) { _ = Descriptor(owning: hold) }
        guard isAlone() else { return false }
        remove(ids)
        return true
      }, isAlone: isAlone)
    state.withLock { $0.open[ObjectIdentifier(owner)] = entry }
  }

  static func forget(_ owner: AnyObject) {
    state.withLock { _ = $0.open.removeValue(forKey: ObjectIdentifier(owner)) }
  }

  /// Removes the objects that an endpoint's ids name.
  static func remove(_ ids: [(key: String, value: String)]) {
    remove(Dictionary(ids, uniquingKeysWith: { first, _ in first }))
  }

  /// Removes the objects that an endpoint's ids name.
  static func remove(_ ids: [String: String]) {
    KernelObjects.remove(ids)
    if let key = KernelObjects.key(ids), key != 0 { AnonymousEntry.remove(key) }
  }

  // MARK: The end of the process

  /// Threads that make a channel, whose objects no endpoint has yet.
  private struct Makers {
    var count = 0
    /// The thread that ends the process: no other makes a channel any more.
    var ending: pthread_t?
  }

  private static let makers = Locked(Makers())
  /// How long the end of the process waits for them, in nanoseconds. They take microseconds, unless another process has the lock
  /// of a name.
  private static let makingTime: UInt64 = 1_000_000_000

  /// Makes a channel, until its endpoints are open. Once the process has begun to end, the thread waits here: nothing would
  /// remove what it made.
  static func making<Result>(
    _ make: () throws(ChannelError) -> Result
  ) throws(ChannelError) -> Result {
    let isOver = makers.withLock { makers in
      let isOver = makers.ending.map { $0 != pthread_self() } ?? false
      if !isOver { makers.count += 1 }
      return isOver
    }
    while isOver { Clock.sleep(nanoseconds: makingTime) }
    _ = looksAtExit
    defer { makers.withLock { $0.count -= 1 } }
    return try make()
  }

  private static func endMaking() {
    makers.withLock { $0.ending = pthread_self() }
    let deadline = Clock.now() + makingTime
    while makers.withLock({ $0.count > 0 }), Clock.now() < deadline { Clock.sleep(nanoseconds: lookInterval) }
  }

  /// Removes the objects of every endpoint that is open or about to be. Call it where the process ends.
  package static func removeAll() {
    endMaking()
    // Under the lock: a thread that ends the process when this seems to be done waits until it is.
    state.withLock { state in
      for entry in state.open.values { remove(entry.ids) }
      state.open = [:]
    }
  }

  /// How long a dying process may take from the first descriptor that it lets go of to the last, in nanoseconds.
  private static let dyingTime: UInt64 = 1_000_000_000
  /// How long a process that this one has just killed may take, or one of its children that finds its channel closed.
  private static let killedTime: UInt64 = 200_000_000
  private static let lookInterval: UInt64 = 200_000

  /// This process ends: lets go of every endpoint, and removes the objects of channels that no other process has.
  ///
  /// - Parameter parent: the parent that passed endpoints to this process, if it is dying or dead: this waits for it.
  static func leave(_ parent: Int32?) {
    endMaking()
    // They stay in the list: another thread that does the same may end the process before this one has finished.
    var left = state.withLock { Array($0.open.values) + $0.closed }
    let wait = parent != nil ? dyingTime : Processes.hasJustKilled ? killedTime : 0
    var deadline = Clock.now() + wait
    var isParentGone = false
    while true {
      if !isParentGone, let parent, Processes.parent != parent {
        isParentGone = true
        // Its last threads may still be closing its descriptors. And a child of this process may be ending, because this
        // one has let go of its channel: it has left the objects to this process if it looked before that.
        deadline = min(deadline, Clock.now() + killedTime)
      }
      let isLast = Clock.now() >= deadline
      left.removeAll { $0.leave() }
      if left.isEmpty || isLast { return }
      Clock.sleep(nanoseconds: lookInterval)
    }
  }
}
