import Synchronization
import SystemCalls

/// P: the right to run jobs, and a queue of those that are to run here. There are as many as CPUs; a thread without one
/// runs no job.
@safe final class Processor: @unchecked Sendable {
  enum State: Int { case idle, running, inSystemCall }

  /// So many wait here at most; half of more go to the global queue, where everybody finds them.
  static let capacity = 256

  let number: Int
  private let lock = Lock()
  /// Under the lock.
  private var queue: [UnownedJob] = []
  private var first = 0
  /// Runs before the queue: whom the running job has just woken, while what they share is warm.
  private var next: UnownedJob?
  /// How often in a row that was taken.
  private var consecutiveNexts = 0
  private static let maximumConsecutiveNexts = 16
  /// How many wait, for those who only look.
  private let waiting = Atomic<Int>(0)
  private let stateWord = Atomic<Int>(State.idle.rawValue)
  /// How many jobs it has taken; every so often the global queue is looked at first.
  var jobsTaken: UInt = 0

  init(_ number: Int) { self.number = number }

  var state: State { State(rawValue: stateWord.load(ordering: .acquiring)) ?? .idle }

  func set(_ state: State) { stateWord.store(state.rawValue, ordering: .sequentiallyConsistent) }

  func change(_ from: State, _ to: State) -> Bool {
    stateWord.compareExchange(
      expected: from.rawValue, desired: to.rawValue, ordering: .sequentiallyConsistent
    ).exchanged
  }

  var count: Int { waiting.load(ordering: .sequentiallyConsistent) }

  /// Adds a job that was just made ready here. What doesn't fit is the caller's to put elsewhere.
  func push(_ job: UnownedJob) -> [UnownedJob] {
    lock.acquire()
    defer { lock.release() }
    // The one that was next goes behind the others.
    if let before = next { queue.append(before) }
    next = job
    var overflow: [UnownedJob] = []
    if queue.count - first > Self.capacity {
      let half = (queue.count - first) / 2
      overflow = Array(queue[first..<(first + half)])
      first += half
    }
    updateCount()
    return overflow
  }

  func append(_ jobs: some Sequence<UnownedJob>) {
    lock.acquire()
    queue.append(contentsOf: jobs)
    updateCount()
    lock.release()
  }

  func pop() -> UnownedJob? {
    if count == 0 { return nil }
    lock.acquire()
    defer { lock.release() }
    defer { updateCount() }
    // Two that wake each other, or one that only yields, must not keep the queue waiting for ever.
    if let job = next, consecutiveNexts < Self.maximumConsecutiveNexts || first == queue.count {
      consecutiveNexts += 1
      next = nil
      return job
    }
    consecutiveNexts = 0
    guard first < queue.count else { return nil }
    first += 1
    return queue[first - 1]
  }

  /// Half of what waits, for a thief: the oldest. What is next is left, unless there is nothing else.
  func stealHalf() -> [UnownedJob] {
    if count == 0 { return [] }
    lock.acquire()
    defer { lock.release() }
    defer { updateCount() }
    let there = queue.count - first
    if there == 0 {
      defer { next = nil }
      return next.map { [$0] } ?? []
    }
    let half = there - there / 2
    defer { first += half }
    return Array(queue[first..<(first + half)])
  }

  /// Under the lock.
  private func updateCount() {
    if first == queue.count {
      queue.removeAll(keepingCapacity: true)
      first = 0
    } else if first > 2 * Self.capacity {
      queue.removeFirst(first)
      first = 0
    }
    waiting.store(queue.count - first + (next == nil ? 0 : 1), ordering: .sequentiallyConsistent)
  }
}
