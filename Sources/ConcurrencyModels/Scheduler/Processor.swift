import Synchronization
import SystemCalls

/// P: the right to run jobs, and a queue of ready jobs. A thread without a processor runs no job.
@safe final class Processor: @unchecked Sendable {
  enum State: Int { case idle, running, inSystemCall }

  /// How many jobs the queue holds; when there are more, half of them go to the global queue, where every thread
  /// looks.
  static let capacity = 256

  let number: Int
  private let lock = Lock()
  /// Under the lock.
  private var queue: [UnownedJob] = []
  private var first = 0
  /// The job that the running job has made ready last. It runs before the queue, while the caches hold what they
  /// share.
  private var next: UnownedJob?
  /// How many times in a row `next` was taken.
  private var consecutiveNexts = 0
  private static let maximumConsecutiveNexts = 16
  /// How many jobs wait; read without the lock.
  private let waiting = Atomic<Int>(0)
  private let stateWord = Atomic<Int>(State.idle.rawValue)
  /// How many times a thread has looked for a job with this processor; now and then it looks into the global
  /// queue first.
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

  /// Adds a job that the running job has made ready.
  /// - Returns: the jobs that don't fit; the caller puts them into the global queue.
  func push(_ job: UnownedJob) -> [UnownedJob] {
    lock.acquire()
    defer { lock.release() }
    // The previous `next` goes to the end of the queue.
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
    // Two jobs that wake each other, or one that only yields, must not starve the queue.
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

  /// Removes the older half of the queue, for another processor. `next` stays, unless the queue is empty.
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

  /// Removes taken jobs from the queue's front and publishes the count. Called under the lock.
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
