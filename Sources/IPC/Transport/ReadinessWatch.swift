import ConcurrencyModels
import SystemCalls

/// What a readiness watch wakes: a task, or a thread.
protocol ReadinessWaiter: AnyObject, Sendable {
  func wakeUp()
}

extension SelectWaker: ReadinessWaiter {
  func wakeUp() { wake() }
}

/// A thread that sleeps until it is woken: futex(2).
@safe private final class SleepingThread: ReadinessWaiter, @unchecked Sendable {
  // The memory is this object's alone.
  private let memory: UnsafeMutableRawBufferPointer
  private let word: SharedWord

  init() {
    unsafe memory = .allocate(byteCount: 4, alignment: 4)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
    word = unsafe SharedWord(memory, at: 0)
  }

  deinit { unsafe memory.deallocate() }

  func wakeUp() {
    word.store(1)
    word.futexWake()
  }

  func sleep(until deadline: Deadline) {
    while word.load() == 0, !deadline.hasPassed { word.futexWait(while: 0, nanoseconds: deadline.remaining) }
  }
}

/// The tasks and threads that wait for an endpoint of a channel, and what wakes them.
///
/// A task uses the endpoint under the lock. Where no poll can see its readiness, a thread waits beside that, in memory or
/// on objects that the endpoint shares with other processes anyway; it takes nothing. When the endpoint may be ready, all
/// tasks are woken and try again.
final class ReadinessWatch: @unchecked Sendable {
  /// An endpoint, as its watch uses it.
  struct Endpoint {
    let events: DescriptorEvents
    let readiness: () -> Readiness
    /// Waits until a message of `count` bytes may go, or one may have come. Returns false if the deadline passes. Runs
    /// beside every other use of the endpoint, also beside and after its end.
    let wait: (_ count: Int, Deadline) -> Bool
    let close: () -> Void
  }

  /// The state of the endpoint that a task has seen: it doesn't wait if the state has changed since.
  struct SeenState {
    fileprivate var version = -1
  }

  private struct Waiter {
    let waker: any ReadinessWaiter
    let count: Int
  }

  /// How long a thread stays in a wait that no task needs any more.
  private static let slice = Duration.milliseconds(100)
  /// In nanoseconds.
  private static let pauseAfterUselessWake: UInt64 = 200_000

  private let lock = Lock()
  private let endpoint: Endpoint
  // Under the lock.
  private var waiters: [Waiter] = []
  /// Counts the attempts that did something: one may have made the endpoint ready for others.
  private var version = 0
  private var isClosed = false
  /// Why no task can wait; thrown once.
  private var failure: SystemError?
  /// A thread waits.
  private var hasWaitingThread = false
  /// The version that the waiting thread made when it last woke the tasks.
  private var versionOfLastWake = -1
  /// A thread has the endpoint for itself.
  private var isBorrowed = false
  /// The loop's tokens for the descriptors that are watched, and whether they will call.
  private var watched: [Int32: (token: UInt64, isArmed: Bool)] = [:]
  private var liveness: LivenessPipe?

  init(_ endpoint: Endpoint) { self.endpoint = endpoint }

  /// Uses the endpoint. Returns nil if a thread has it for itself, or if `body` returns nil.
  func attempt<Result>(
    _ seen: inout SeenState, _ body: () throws(ChannelError) -> Result?
  ) throws(ChannelError) -> Result? {
    lock.acquire()
    seen.version = version
    if isClosed {
      lock.release()
      throw ChannelError(.closed, .wait, nil, "closed: this endpoint was closed in this process")
    }
    if let error = failure {
      failure = nil
      lock.release()
      throw ChannelError(error, .wait, nil, "waiting for a channel without a thread")
    }
    if isBorrowed {
      lock.release()
      return nil
    }
    do throws(ChannelError) {
      guard let result = try body() else {
        lock.release()
        return nil
      }
      let woken = change()
      lock.release()
      wake(woken)
      return result
    } catch {
      let woken = change()
      lock.release()
      wake(woken)
      throw error
    }
  }

  /// Under the lock: something has changed, and the waiting tasks try again.
  private func change() -> [Waiter] {
    version &+= 1
    defer { waiters.removeAll(keepingCapacity: true) }
    return waiters
  }

  private func wake(_ waiters: [Waiter]) { for waiter in waiters { waiter.waker.wakeUp() } }

  private func wakeAll() {
    lock.acquire()
    let woken = change()
    lock.release()
    wake(woken)
  }

  // MARK: Waiting

  /// - Parameter count: the size of the message to be sent.
  func register(_ waker: any ReadinessWaiter, _ seen: SeenState, count: Int) {
    // Two processes could each wait for messages that the other's buffer holds.
    AsyncRuntime.flush()
    lock.acquire()
    guard !isClosed, seen.version == version else {
      lock.release()
      waker.wakeUp()
      return
    }
    waiters.append(Waiter(waker: waker, count: count))
    do throws(SystemError) {
      try arm()
      lock.release()
    } catch {
      // Nothing watches: the waiting tasks try again, and get the reason.
      failure = error
      lock.release()
      wakeAll()
    }
  }

  func unregister(_ waker: any ReadinessWaiter) { lock.with { waiters.removeAll { $0.waker === waker } } }

  /// Blocks the calling thread until an attempt may succeed, or the deadline passes.
  func wait(_ seen: SeenState, count: Int, until deadline: Deadline) {
    let thread = SleepingThread()
    register(thread, seen, count: count)
    thread.sleep(until: deadline)
    unregister(thread)
  }

  /// Under the lock: makes the loop or a thread watch the endpoint.
  private func arm() throws(SystemError) {
    if isBorrowed { return }
    switch endpoint.readiness() {
    case .thread: startWaiting()
    case .descriptors(let descriptors, let liveness): try arm(descriptors, endpoint.events, liveness)
    case .counters(let descriptors, let liveness): try arm(descriptors, .read, liveness)
    }
  }

  private func arm(
    _ descriptors: [Int32], _ events: DescriptorEvents, _ liveness: LivenessPipe?
  ) throws(SystemError) {
    let loop = try AsyncRuntime.loop()
    for descriptor in descriptors {
      if let entry = watched[descriptor] {
        if !entry.isArmed { try loop.rearm(entry.token) }
        watched[descriptor]!.isArmed = true
      } else {
        // The loop keeps this object until it is closed, which its owner's deinitializer does at the latest.
        let token = try loop.watchOnce(descriptor, events) { self.isReady(descriptor) }
        watched[descriptor] = (token, true)
      }
    }
    guard let liveness else { return }
    if self.liveness == nil {
      self.liveness = liveness
      liveness.onPeersGone { self.wakeAll() }
    }
    // The last peer may have gone before the hook was set.
    if liveness.peersGone { wake(change()) }
  }

  /// On the loop's thread.
  private func isReady(_ descriptor: Int32) {
    lock.with { watched[descriptor]?.isArmed = false }
    wakeAll()
  }

  /// Under the lock: makes a thread wait.
  private func startWaiting() {
    if hasWaitingThread { return }
    hasWaitingThread = true
    let scheduler = AsyncRuntime.scheduler
    Task(executorPreference: scheduler) {
      await scheduler.blocking { while self.keepsWaiting() {} }
    }
  }

  /// Waits for a slice. Returns false once it has woken the tasks, or none waits any more.
  private func keepsWaiting() -> Bool {
    let (count, wasUseless) = lock.with { (waiters.map(\.count).min(), version == versionOfLastWake) }
    let isReady = count.map { endpoint.wait($0, .within(Self.slice)) } ?? true
    // It was ready before, and no task could do anything: another process is in the middle of its turn. Looking a million
    // times a second doesn't help.
    if isReady, wasUseless { Clock.sleep(nanoseconds: Self.pauseAfterUselessWake) }
    lock.acquire()
    if !isReady, !isClosed, !waiters.isEmpty {
      lock.release()
      return true
    }
    hasWaitingThread = false
    let woken = change()
    versionOfLastWake = version
    lock.release()
    wake(woken)
    return false
  }

  // MARK: Exclusive use

  /// Runs `body`, which uses the endpoint and may block, on a thread of its own; no other task has the endpoint meanwhile.
  nonisolated(nonsending) func whileBorrowed<Value: Sendable>(
    _ body: @escaping @Sendable () -> Value
  ) async throws -> Value {
    while true {
      try Task.checkCancellation()
      var seen = SeenState()
      if try borrow(&seen) { break }
      try await SelectWaker.wait(for: ReadinessSource(self, seen, count: 0))
    }
    let scheduler = AsyncRuntime.scheduler
    let value = await Task(executorPreference: scheduler) { await scheduler.blocking(body) }.value
    returnBorrowed()
    return value
  }

  /// Has the endpoint for the calling thread alone. Returns false if the deadline passes.
  func borrow(until deadline: Deadline) throws(ChannelError) -> Bool {
    while true {
      var seen = SeenState()
      if try borrow(&seen) { return true }
      if deadline.hasPassed { return false }
      wait(seen, count: 0, until: deadline)
    }
  }

  private func borrow(_ seen: inout SeenState) throws(ChannelError) -> Bool {
    let isMine: Void? = try attempt(&seen) { () throws(ChannelError) in
      isBorrowed = true
      return ()
    }
    return isMine != nil
  }

  /// After ``borrow(until:)``.
  func returnBorrowed() {
    lock.acquire()
    isBorrowed = false
    let woken = change()
    let closes = isClosed
    lock.release()
    wake(woken)
    if closes { endpoint.close() }
  }

  /// Whether ``close()`` was called: for the thread that has the endpoint.
  var isClosing: Bool { lock.with { isClosed } }

  // MARK: Closing

  /// Closes the endpoint and wakes the waiting tasks. A thread that has the endpoint for itself closes it when it has
  /// finished; one that only waits finds out by itself, and keeps the memory that it looks at until then.
  func close() {
    lock.acquire()
    if isClosed { return lock.release() }
    isClosed = true
    let woken = change()
    let tokens = watched.values.map(\.token)
    watched = [:]
    liveness?.onPeersGone(nil)
    let closes = !isBorrowed
    lock.release()
    if let loop = try? AsyncRuntime.loop() { for token in tokens { loop.unwatch(token) } }
    if closes { endpoint.close() }
    wake(woken)
  }
}

/// A wait for nothing but an endpoint's readiness.
final class ReadinessSource: SelectSource {
  private let watch: ReadinessWatch
  private let seen: ReadinessWatch.SeenState
  private let count: Int

  init(_ watch: ReadinessWatch, _ seen: ReadinessWatch.SeenState, count: Int) {
    self.watch = watch
    self.seen = seen
    self.count = count
  }

  func attempt() -> Bool { false }
  func register(_ waker: SelectWaker) { watch.register(waker, seen, count: count) }
  func unregister(_ waker: SelectWaker) { watch.unregister(waker) }
}
