import SystemCalls

/// A set of System V semaphores without a channel: counters that processes wait on.
///
/// System calls: semget(2), semtimedop(2), semctl(2). Errors: `system`, with the kernel's error.
public struct SemaphoreSet: ~Copyable, Sendable {
  /// The set's id.
  public let id: Int32

  private init(id: Int32) { self.id = id }

  /// Makes a private set with these values (0 to 32767 each), which other processes find by its id. It stays until
  /// ``remove()``.
  public static func create(_ values: [UInt16]) throws(ChannelError) -> SemaphoreSet {
    SemaphoreSet(
      id: try translating(.open, .semaphore) { () throws(SystemError) in try Semaphores.semget(values) })
  }

  /// Opens the set with this id.
  public static func open(id: Int32) throws(ChannelError) -> SemaphoreSet {
    _ = try translating(.open, .semaphore, "set \(id)") { () throws(SystemError) in
      try Semaphores.semctl(status: id).count
    }
    return SemaphoreSet(id: id)
  }

  private func change(
    _ index: Int, _ by: Int, undo: Bool, until deadline: Deadline
  ) throws(ChannelError) -> Bool {
    let steps = Semaphores.Steps(Semaphores.Operation(index, by, undo: undo))
    while true {
      do throws(SystemError) {
        try Semaphores.semtimedop(id, steps, nanoseconds: deadline.isNow ? 0 : deadline.remaining ?? .max)
        return true
      } catch {
        guard error.endsWait else { throw ChannelError(error, .wait, .semaphore) }
        if deadline.hasPassed { return false }
      }
    }
  }

  /// Takes one from a counter, and waits while it is 0.
  ///
  /// - Parameters:
  ///   - index: the counter's index in the set.
  ///   - undo: whether the kernel undoes this if the process dies (SEM_UNDO), as a mutex needs.
  public func wait(_ index: Int, undo: Bool = false) throws(ChannelError) {
    _ = try change(index, -1, undo: undo, until: .never)
  }

  /// Takes one from a counter, and waits while it is 0, at most for a duration.
  ///
  /// - Parameters:
  ///   - index: the counter's index in the set.
  ///   - undo: whether the kernel undoes this if the process dies (SEM_UNDO).
  ///   - duration: how long to wait.
  /// - Throws: `timedOut`, having taken nothing.
  public func wait(_ index: Int, undo: Bool = false, within duration: Duration) throws(ChannelError) {
    guard try change(index, -1, undo: undo, until: .within(duration)) else {
      throw ChannelError(
        .timedOut, .wait, .semaphore,
        "timed out: the counter stayed 0 until the deadline; nothing was taken")
    }
  }

  /// Takes one from a counter, unless it is 0.
  public func tryWait(_ index: Int, undo: Bool = false) throws(ChannelError) -> Bool {
    try change(index, -1, undo: undo, until: .now)
  }

  /// Adds one to a counter.
  public func post(_ index: Int, undo: Bool = false) throws(ChannelError) {
    _ = try change(index, 1, undo: undo, until: .never)
  }

  /// A counter's value now.
  public func value(_ index: Int) throws(ChannelError) -> Int {
    try translating(.list, .semaphore) { () throws(SystemError) in try Semaphores.semctl(value: id, index) }
  }

  /// Removes the set; a waiting call fails.
  public consuming func remove() throws(ChannelError) {
    try translating(.open, .semaphore) { () throws(SystemError) in try Semaphores.semctl(remove: id) }
  }
}
