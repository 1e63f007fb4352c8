import Concurrency
import Synchronization
import SystemCalls

/// Who waits for an end of a channel, and what wakes them.
///
/// The end itself is used by one thread at a time: under the lock, or, while no poll can see what it waits for, by the
/// thread that waits in it. That one takes nothing: when there is something to take, it lets go of the end and wakes
/// everybody, and they look for themselves.
final class ReadinessWatch: @unchecked Sendable {
  /// How long a thread stays in a wait that nobody needs any more.
  private static let slice = Duration.milliseconds(100)

  private let lock = Lock()
  // Under the lock.
  private var wakers: [SelectWaker] = []
  /// A thread waits in the end: nobody else touches it.
  private var isOnLoan = false
  private var isClosed = false
  /// The loop's tokens for the descriptors that are watched, and whether they will call.
  private var watched: [Int32: (token: UInt64, isArmed: Bool)] = [:]
  private var lifeline: Lifeline?

  private let readiness: () -> Readiness
  /// Waits in the end. False: the deadline passed.
  private let waitInside: (Deadline) -> Bool
  private let interest: Epoll.Interest
  private let closeEnd: () -> Void

  init(
    _ interest: Epoll.Interest, readiness: @escaping () -> Readiness,
    waitInside: @escaping (Deadline) -> Bool, close: @escaping () -> Void
  ) {
    self.interest = interest
    self.readiness = readiness
    self.waitInside = waitInside
    closeEnd = close
  }

  /// Uses the end, if nobody else does. Nil: a thread waits in it, so there is nothing to be done, or `body` said so.
  /// Whoever else waits looks again after something was done: it may have brought more than was asked for.
  func attempt<Result>(_ body: () throws -> Result?) throws -> Result? {
    lock.acquire()
    if isClosed {
      lock.release()
      throw ChannelError(.closed, .wait, nil, "closed: this end was closed in this process")
    }
    if isOnLoan {
      lock.release()
      return nil
    }
    let result: Result?
    do {
      result = try body()
    } catch {
      let woken = takeWakers()
      lock.release()
      wake(woken)
      throw error
    }
    let woken = result == nil ? [] : takeWakers()
    lock.release()
    wake(woken)
    return result
  }

  private func takeWakers() -> [SelectWaker] {
    defer { wakers.removeAll(keepingCapacity: true) }
    return wakers
  }

  private func wake(_ wakers: [SelectWaker]) { for waker in wakers { waker.wake() } }

  // MARK: Waiting

  func lineUp(_ waker: SelectWaker) {
    lock.acquire()
    if isClosed {
      lock.release()
      waker.wake()
      return
    }
    wakers.append(waker)
    do throws(SystemError) {
      try arm()
      lock.release()
    } catch {
      // Nothing watches: who waits looks again, and is told by the end itself what is wrong with it.
      let woken = takeWakers()
      lock.release()
      wake(woken)
    }
  }

  func leave(_ waker: SelectWaker) {
    lock.with { wakers.removeAll { $0 === waker } }
  }

  /// Under the lock: has somebody look whether the end is ready.
  private func arm() throws(SystemError) {
    if isOnLoan { return }
    switch readiness() {
    case .waiting: lend()
    case .descriptors(let descriptors, let lifeline):
      let loop = try AsyncRuntime.loop()
      for (descriptor, entry) in watched where !descriptors.contains(descriptor) {
        // Its number may be another's by now; the loop knows it by the token.
        loop.forget(entry.token)
        watched[descriptor] = nil
      }
      for descriptor in descriptors {
        if let entry = watched[descriptor] {
          if !entry.isArmed { try loop.again(entry.token) }
          watched[descriptor]!.isArmed = true
        } else {
          let token = try loop.once(descriptor, interest) { [weak self] in self?.isReady(descriptor) }
          watched[descriptor] = (token, true)
        }
      }
      if let lifeline, self.lifeline == nil {
        self.lifeline = lifeline
        lifeline.tellWhenGone { [weak self] in self?.isReady(nil) }
      }
      // It may have gone before it was asked to tell.
      if let lifeline, lifeline.peersGone { wake(takeWakers()) }
    }
  }

  /// On the loop's thread, or the liveness monitor's.
  private func isReady(_ descriptor: Int32?) {
    lock.acquire()
    if let descriptor { watched[descriptor]?.isArmed = false }
    let woken = takeWakers()
    lock.release()
    wake(woken)
  }

  /// Under the lock: lends the end to a thread that waits in it.
  private func lend() {
    let scheduler = AsyncRuntime.scheduler
    isOnLoan = true
    Task(executorPreference: scheduler) {
      await scheduler.blocking { while !self.look() {} }
    }
  }

  /// Runs something that uses the end and may block, on a thread for that; the end is nobody else's meanwhile.
  nonisolated(nonsending) func whileOnLoan<Value: Sendable>(
    _ body: @escaping @Sendable () -> Value
  ) async throws -> Value {
    while true {
      try Task.checkCancellation()
      if try borrow() { break }
      // Somebody waits in it: for the same thing, or until nobody wants that any more.
      try await SelectWaker.wait(for: Waiting(self))
    }
    let scheduler = AsyncRuntime.scheduler
    let value = await Task(executorPreference: scheduler) { await scheduler.blocking(body) }.value
    giveBack()
    return value
  }

  private func borrow() throws -> Bool {
    let isMine: Void? = try attempt {
      isOnLoan = true
      return ()
    }
    return isMine != nil
  }

  private func giveBack() {
    lock.acquire()
    isOnLoan = false
    let woken = takeWakers()
    let closes = isClosed
    lock.release()
    wake(woken)
    if closes { closeEnd() }
  }

  /// Waits a while in the end. True: it was given back.
  private func look() -> Bool {
    let isReady = waitInside(.within(Self.slice))
    lock.acquire()
    if !isReady, !isClosed, !wakers.isEmpty {
      lock.release()
      return false
    }
    lock.release()
    giveBack()
    return true
  }

  // MARK: The end

  /// Closes the end; who waits is told. A thread that waits in it closes it when it comes out, in a tenth of a second.
  func close() {
    lock.acquire()
    if isClosed { return lock.release() }
    isClosed = true
    let woken = takeWakers()
    let tokens = watched.values.map(\.token)
    watched = [:]
    lifeline?.tellWhenGone(nil)
    let closes = !isOnLoan
    lock.release()
    // Without the lock: a callback that runs takes it.
    if let loop = try? AsyncRuntime.loop() { for token in tokens { loop.forget(token) } }
    if closes { closeEnd() }
    wake(woken)
  }
}
