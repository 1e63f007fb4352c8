/// The ready jobs of a processor, apart from the lock. At most `capacity` of them stay: of more, half go to the
/// global queue, where every thread looks.
@safe struct JobQueue {
  static let capacity = 256
  private static let maximumConsecutiveNexts = 3

  private var jobs: [UnownedJob] = []
  private var first = 0
  /// The job that the running job has made ready last. It runs before the queue, while the caches hold what they
  /// share.
  private var next: UnownedJob?
  /// How many times in a row `next` was taken.
  private var consecutiveNexts = 0

  private var queued: Int { jobs.count - first }
  var count: Int { queued + (next == nil ? 0 : 1) }

  /// Adds a job that the running job has made ready; the previous one goes to the end of the queue.
  /// - Returns: the jobs that don't fit.
  mutating func push(_ job: UnownedJob) -> [UnownedJob] {
    if let before = next { jobs.append(before) }
    next = job
    if queued <= Self.capacity { return [] }
    return removeFirst(queued / 2)
  }

  mutating func append(_ more: some Sequence<UnownedJob>) { jobs.append(contentsOf: more) }

  mutating func pop() -> UnownedJob? {
    // Two jobs that wake each other, or one that only yields, must not starve the queue. Nor should a task that
    // makes others and waits for each: the runtime finds the oldest of its tasks first when one ends.
    if let job = next, consecutiveNexts < Self.maximumConsecutiveNexts || queued == 0 {
      consecutiveNexts += 1
      next = nil
      return job
    }
    consecutiveNexts = 0
    guard queued > 0 else { return nil }
    let job = jobs[first]
    first += 1
    removeTaken()
    return job
  }

  /// Removes the older half of the queue, for another processor. `next` stays, unless the queue is empty.
  mutating func stealHalf() -> [UnownedJob] {
    if queued == 0 {
      defer { next = nil }
      return next.map { [$0] } ?? []
    }
    return removeFirst(queued - queued / 2)
  }

  private mutating func removeFirst(_ count: Int) -> [UnownedJob] {
    let removed = Array(jobs[first..<(first + count)])
    first += count
    removeTaken()
    return removed
  }

  /// Frees the places of the jobs that were taken, when that is cheap for each.
  private mutating func removeTaken() {
    if first == jobs.count {
      jobs.removeAll(keepingCapacity: true)
      first = 0
    } else if first > 2 * Self.capacity {
      jobs.removeFirst(first)
      first = 0
    }
  }
}
