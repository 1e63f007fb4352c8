import ConcurrencyModels
import SystemCalls

/// Who waits for an end of a channel, and what wakes them.
///
/// The end itself is used under the lock, by whoever attempts something. While no poll can see what is waited for, a thread
/// waits beside that, in what the end shares with other processes anyway; it takes nothing. When it is time it wakes
/// everybody, and they look for themselves.
final class ReadinessWatch: @unchecked Sendable {
  /// What an end is to its watch.
  struct End {
    let events: DescriptorEvents
    let readiness: () -> Readiness
    /// Waits until a message of so many bytes may go, or one may have come. False: the deadline passed.
    let wait: (_ count: Int, Deadline) -> Bool
    let close: () -> Void
  }

  /// Which attempts somebody has seen the end of: he isn't to wait if there were others since.
  struct Sight {
    fileprivate var version = -1
  }

  private struct Waiter {
    let waker: SelectWaker
    let count: Int
  }

  /// How long a thread stays in a wait that nobody needs any more.
  private static let slice = Duration.milliseconds(100)

  private let lock = Lock()
  private let end: End
  // Under the lock.
  private var waiters: [Waiter] = []
  /// How many attempts have done something: it may have brought more than was asked for.
  private var version = 0
  private var isClosed = false
  /// Why nobody can wait; told once.
  private var failure: SystemError?
  /// A thread waits.
  private var isWaitedFor = false
  /// The version that the waiting thread's last news made.
  private var lastTold = -1
  /// A thread has the end for itself.
  private var isOnLoan = false
  /// The loop's tokens for the descriptors that are watched, and whether they will call.
  private var watched: [Int32: (token: UInt64, isArmed: Bool)] = [:]
  private var liveness: LivenessPipe?

  init(_ end: End) { self.end = end }

  /// Uses the end. Nil: a thread has it for itself, or `body` said so.
  func attempt<Result>(_ sight: inout Sight, _ body: () throws -> Result?) throws -> Result? {
    lock.acquire()
    sight.version = version
    if isClosed {
      lock.release()
      throw ChannelError(.closed, .wait, nil, "closed: this end was closed in this process")
    }
    if let error = failure {
      failure = nil
      lock.release()
      throw ChannelError(error, .wait, nil, "waiting for a channel without a thread")
    }
    if isOnLoan {
      lock.release()
      return nil
    }
    do {
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

  /// Under the lock: something is different now, and whoever waits is to look.
  private func change() -> [Waiter] {
    version &+= 1
    defer { waiters.removeAll(keepingCapacity: true) }
    return waiters
  }

  private func wake(_ waiters: [Waiter]) { for waiter in waiters { waiter.waker.wake() } }

  /// Wakes everybody.
  private func tell() {
    lock.acquire()
    let woken = change()
    lock.release()
    wake(woken)
  }

  // MARK: Waiting

  /// - Parameter count: the size of the message that is to go.
  func register(_ waker: SelectWaker, _ sight: Sight, count: Int) {
    // Two processes could wait for what the other still holds back.
    AsyncRuntime.flush()
    lock.acquire()
    guard !isClosed, sight.version == version else {
      lock.release()
      waker.wake()
      return
    }
    waiters.append(Waiter(waker: waker, count: count))
    do throws(SystemError) {
      try arm()
      lock.release()
    } catch {
      // Nothing watches: who waits looks again, and is told why it can't wait.
      failure = error
      lock.release()
      tell()
    }
  }

  func unregister(_ waker: SelectWaker) { lock.with { waiters.removeAll { $0.waker === waker } } }

  /// Under the lock: has somebody look whether the end is ready.
  private func arm() throws(SystemError) {
    if isOnLoan { return }
    switch end.readiness() {
    case .thread: startWaiting()
    case .descriptors(let descriptors, let liveness): try arm(descriptors, end.events, liveness)
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
        let token = try loop.watchOnce(descriptor, events) { [weak self] in self?.isReady(descriptor) }
        watched[descriptor] = (token, true)
      }
    }
    guard let liveness else { return }
    if self.liveness == nil {
      self.liveness = liveness
      liveness.onPeersGone { [weak self] in self?.tell() }
    }
    // It may have gone before it was asked to tell.
    if liveness.peersGone { wake(change()) }
  }

  /// On the loop's thread.
  private func isReady(_ descriptor: Int32) {
    lock.with { watched[descriptor]?.isArmed = false }
    tell()
  }

  /// Under the lock: has a thread wait.
  private func startWaiting() {
    if isWaitedFor { return }
    isWaitedFor = true
    let scheduler = AsyncRuntime.scheduler
    Task(executorPreference: scheduler) {
      await scheduler.blocking { while self.waitsOn() {} }
    }
  }

  /// Waits a while. False: it has told who waited, or nobody does any more.
  private func waitsOn() -> Bool {
    let (count, wasInVain) = lock.with { (waiters.map(\.count).min(), version == lastTold) }
    let isReady = count.map { end.wait($0, .within(Self.slice)) } ?? true
    // It was ready before, and nobody could do anything: another process is in the middle of something. That isn't asked
    // about a million times a second.
    if isReady, wasInVain { Clock.sleep(nanoseconds: 200_000) }
    lock.acquire()
    if !isReady, !isClosed, !waiters.isEmpty {
      lock.release()
      return true
    }
    isWaitedFor = false
    let woken = change()
    lastTold = version
    let closes = isClosed && !isOnLoan
    lock.release()
    wake(woken)
    if closes { end.close() }
    return false
  }
  // MARK: For a while alone

  /// Runs something that uses the end and may block, on a thread for that; the end is nobody else's meanwhile.
  nonisolated(nonsending) func whileOnLoan<Value: Sendable>(
    _ body: @escaping @Sendable () -> Value
  ) async throws -> Value {
    while true {
      try Task.checkCancellation()
      var sight = Sight()
      if try borrow(&sight) { break }
      try await SelectWaker.wait(for: Waiting(self, sight, count: 0))
    }
    let scheduler = AsyncRuntime.scheduler
    let value = await Task(executorPreference: scheduler) { await scheduler.blocking(body) }.value
    giveBack()
    return value
  }

  private func borrow(_ sight: inout Sight) throws -> Bool {
    let isMine: Void? = try attempt(&sight) {
      isOnLoan = true
      return ()
    }
    return isMine != nil
  }

  private func giveBack() {
    lock.acquire()
    isOnLoan = false
    let woken = change()
    let closes = isClosed && !isWaitedFor
    lock.release()
    wake(woken)
    if closes { end.close() }
  }

  /// Whether ``close()`` was called: for who has the end on loan.
  var isClosing: Bool { lock.with { isClosed } }

  // MARK: The end

  /// Closes the end; who waits is told. A thread that waits, or has the end on loan, closes it when it is through.
  func close() {
    lock.acquire()
    if isClosed { return lock.release() }
    isClosed = true
    let woken = change()
    let tokens = watched.values.map(\.token)
    watched = [:]
    liveness?.onPeersGone(nil)
    let closes = !isOnLoan && !isWaitedFor
    lock.release()
    if let loop = try? AsyncRuntime.loop() { for token in tokens { loop.unwatch(token) } }
    if closes { end.close() }
    wake(woken)
  }
}

/// A wait for nothing but an end's readiness.
final class Waiting: SelectSource {
  private let watch: ReadinessWatch
  private let sight: ReadinessWatch.Sight
  private let count: Int

  init(_ watch: ReadinessWatch, _ sight: ReadinessWatch.Sight, count: Int) {
    self.watch = watch
    self.sight = sight
    self.count = count
  }

  func attempt() -> Bool { false }
  func register(_ waker: SelectWaker) { watch.register(waker, sight, count: count) }
  func unregister(_ waker: SelectWaker) { watch.unregister(waker) }
}
