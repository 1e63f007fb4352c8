import Synchronization
import SystemCalls

/// P: the right to run jobs, and a queue of ready jobs. A thread without a processor runs no job.
@safe final class Processor: @unchecked Sendable {
  enum State: Int { case idle, running, inSystemCall }

  let number: Int
  private let lock = BriefLock()
  // Used under the lock. Behind a pointer, because the compiler checks each access to a class's property for
  // exclusivity.
  private let queue: UnsafeMutablePointer<JobQueue>
  /// How many jobs wait; read without the lock.
  private let waiting = Atomic<Int>(0)
  private let stateWord = Atomic<Int>(State.idle.rawValue)
  /// Not 0 while a trace is recorded, or calls are timed.
  private let hooks = unsafe Tracer.hookWord
  /// How many times a thread has looked for a job with this processor; now and then it looks into the global
  /// queue first.
  var jobsTaken: UInt = 0

  init(_ number: Int) {
    self.number = number
    unsafe queue = .allocate(capacity: 1)
    unsafe queue.initialize(to: JobQueue())
  }

  deinit {
    unsafe queue.deinitialize(count: 1)
    unsafe queue.deallocate()
  }

  var state: State { State(rawValue: stateWord.load(ordering: .acquiring)) ?? .idle }

  func set(_ state: State) {
    if unsafe hooks.pointee != 0, state != self.state { TaskTrace.processor(number, "\(state)") }
    stateWord.store(state.rawValue, ordering: .sequentiallyConsistent)
  }

  func change(_ from: State, _ to: State) -> Bool {
    let changes = stateWord.compareExchange(
      expected: from.rawValue, desired: to.rawValue, ordering: .sequentiallyConsistent
    ).exchanged
    if changes, unsafe hooks.pointee != 0 { TaskTrace.processor(number, "\(to)") }
    return changes
  }

  var count: Int { waiting.load(ordering: .sequentiallyConsistent) }

  /// Adds a job that the running job has made ready.
  /// - Returns: the jobs that don't fit; the caller puts them into the global queue.
  func push(_ job: UnownedJob) -> [UnownedJob] { change { $0.push(job) } }

  func append(_ jobs: some Sequence<UnownedJob>) { change { $0.append(jobs) } }

  func pop() -> UnownedJob? { count == 0 ? nil : change { $0.pop() } }

  /// Removes the older half of the queue, for another processor.
  func stealHalf() -> [UnownedJob] { count == 0 ? [] : change { $0.stealHalf() } }

  /// Changes the queue, and publishes how many jobs wait.
  @inline(__always) private func change<Result>(_ body: (inout JobQueue) -> Result) -> Result {
    lock.acquire()
    defer { lock.release() }
    let result = unsafe body(&queue.pointee)
    // Whoever has added a job looks for an idle thread after a full fence (`Scheduler.wakeThread`).
    unsafe waiting.store(queue.pointee.count, ordering: .releasing)
    return result
  }
}
