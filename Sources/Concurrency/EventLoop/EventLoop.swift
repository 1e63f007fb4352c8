import Synchronization
package import SystemCalls

/// One thread that waits for many descriptors: readiness callbacks, timers, and work from other threads.
/// epoll(7), eventfd(2).
///
/// Everything but ``submit(_:)`` and ``stop()`` is called on the loop's own thread: before `run()`, or from a
/// callback.
package final class EventLoop: @unchecked Sendable {
  // What other threads touch is behind the mutex; the rest belongs to the thread that runs the loop.
  package typealias Callback = () -> Void

  private struct Registration {
    let descriptor: Int32
    var interest: Epoll.Interest
    let callback: (Epoll.Interest) -> Void
  }

  private let epoll: Epoll
  private let wakeUp: Descriptor
  private var registrations: [UInt64: Registration] = [:]
  private var nextToken: UInt64 = 1
  private var timers = TimerHeap()
  private var soon: [Callback] = []
  private var running = false

  private struct Shared {
    var submitted: [@Sendable () -> Void] = []
    var isStopping = false
  }
  private let shared = Mutex(Shared())

  package init() throws(SystemError) {
    epoll = try Epoll()
    wakeUp = try Events.create()
    try wakeUp.setNonblocking(true)
    try epoll.add(wakeUp.raw, .read, token: 0)
  }

  // MARK: Descriptors

  /// Calls back whenever the descriptor is ready for what is asked, until ``remove(_:)``. Level-triggered.
  package func watch(
    _ descriptor: Int32, _ interest: Epoll.Interest, _ callback: @escaping (Epoll.Interest) -> Void
  ) throws(SystemError) -> UInt64 {
    let token = nextToken
    nextToken += 1
    try epoll.add(descriptor, interest, token: token)
    registrations[token] = Registration(descriptor: descriptor, interest: interest, callback: callback)
    return token
  }

  /// Asks for something else.
  package func change(_ token: UInt64, _ interest: Epoll.Interest) throws(SystemError) {
    guard let registration = registrations[token], registration.interest != interest else { return }
    try epoll.change(registration.descriptor, interest, token: token)
    registrations[token]!.interest = interest
  }

  /// No more callbacks. Call it before the descriptor is closed.
  package func remove(_ token: UInt64) {
    guard let registration = registrations.removeValue(forKey: token) else { return }
    epoll.remove(registration.descriptor)
  }

  // MARK: Time

  /// Calls back once, so many nanoseconds from now.
  @discardableResult
  package func after(_ nanoseconds: UInt64, _ callback: @escaping Callback) -> UInt64 {
    timers.add(at: Clock.now() &+ nanoseconds, callback)
  }

  /// A timer that shall not ring.
  package func cancel(timer: UInt64) { timers.cancel(timer) }

  /// Calls back in the next turn.
  package func callSoon(_ callback: @escaping Callback) { soon.append(callback) }

  // MARK: From other threads

  /// Runs something on the loop's thread.
  package func submit(_ work: @escaping @Sendable () -> Void) {
    shared.withLock { $0.submitted.append(work) }
    wake()
  }

  /// Ends ``run()`` after the turn it is in.
  package func stop() {
    shared.withLock { $0.isStopping = true }
    wake()
  }

  private func wake() { Events.signal(wakeUp) }

  // MARK: Turning

  /// Turns until ``stop()``.
  package func run() throws(SystemError) {
    while !shared.withLock({ $0.isStopping }) { try turn() }
    shared.withLock { $0.isStopping = false }
  }

  private func turn() throws(SystemError) {
    let wait: Int32? =
      if !soon.isEmpty {
        0
      } else {
        timers.next.map { next in
          let now = Clock.now()
          // Rounded up, or a timer would be waited for in several turns of no time.
          return next <= now ? 0 : Int32(clamping: (next - now + 999_999) / 1_000_000)
        }
      }
    for event in try epoll.wait(milliseconds: wait) {
      if event.token == 0 {
        Events.drain(wakeUp)
        let work = shared.withLock { shared in
          defer { shared.submitted = [] }
          return shared.submitted
        }
        for item in work { item() }
      } else {
        // Removed by a callback of this same turn: nothing to call.
        registrations[event.token]?.callback(event.found)
      }
    }
    for callback in timers.due(Clock.now()) { callback() }
    let now = soon
    soon = []
    for callback in now { callback() }
  }
}

/// Timers by time: a binary heap.
struct TimerHeap {
  private struct Timer {
    let at: UInt64
    let id: UInt64
  }

  private var heap: [Timer] = []
  private var callbacks: [UInt64: EventLoop.Callback] = [:]
  private var nextID: UInt64 = 1

  mutating func add(at: UInt64, _ callback: @escaping EventLoop.Callback) -> UInt64 {
    let id = nextID
    nextID += 1
    callbacks[id] = callback
    heap.append(Timer(at: at, id: id))
    var child = heap.count - 1
    while child > 0, heap[(child - 1) / 2].at > heap[child].at {
      heap.swapAt((child - 1) / 2, child)
      child = (child - 1) / 2
    }
    return id
  }

  mutating func cancel(_ id: UInt64) { callbacks[id] = nil }

  /// When the next one rings.
  var next: UInt64? { heap.first?.at }

  /// Takes those that ring by now; cancelled ones fall away.
  mutating func due(_ now: UInt64) -> [EventLoop.Callback] {
    var due: [EventLoop.Callback] = []
    while let first = heap.first, first.at <= now {
      removeFirst()
      if let callback = callbacks.removeValue(forKey: first.id) { due.append(callback) }
    }
    return due
  }

  private mutating func removeFirst() {
    let last = heap.removeLast()
    guard !heap.isEmpty else { return }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].at < heap[least].at {
        least = child
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
