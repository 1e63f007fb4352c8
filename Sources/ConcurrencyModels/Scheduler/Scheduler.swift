import Synchronization
import SystemCalls

/// Runs tasks as Go runs goroutines: many tasks (G) on a few threads (M), of which as many run in parallel as
/// there are processors (P).
///
/// Each processor has a queue. A thread whose processor's queue is empty looks into the global queue and then
/// steals half of another processor's queue. A thread whose task enters a call that blocks (``blocking(_:)``)
/// gives its processor to another thread, so that other tasks continue; if no processor is free when the call
/// returns, its task waits in a queue.
///
/// ```swift
/// let scheduler = Scheduler()
/// let task = Task(executorPreference: scheduler) {
///   let bytes = try await scheduler.blocking { try receiver.receive() }   // a msgrcv(2), say
///   …
/// }
/// ```
///
/// The design is that of Go's runtime (Dmitry Vyukov, "Scalable Go Scheduler Design Doc", 2012).
///
/// System calls: clone(2) for each thread; futex(2), to wait for work and to wake a thread.
///
/// Source: `Sources/ConcurrencyModels/Scheduler/`.
public final class Scheduler: TaskExecutor, @unchecked Sendable {
  private struct Shared {
    var queue: [UnownedJob] = []
    var first = 0
    var idle: [Processor] = []
    var parked: [SchedulerThread] = []
    var threads: [SchedulerThread] = []
    var alive = 0
    /// How many threads were created, in all.
    var created = 0
    var isClosing = false

    mutating func popFirst() -> UnownedJob? {
      guard first < queue.count else { return nil }
      defer {
        first += 1
        if first == queue.count {
          queue.removeAll(keepingCapacity: true)
          first = 0
        } else if first > 1024, first > queue.count / 2 {
          queue.removeFirst(first)
          first = 0
        }
      }
      return queue[first]
    }

    var count: Int { queue.count - first }
  }

  /// After this many looks for a job, a thread looks into the global queue first, so that local queues don't
  /// starve it.
  private static let globalQueueInterval: UInt = 61

  private let processors: [Processor]
  private let maximumThreads: Int
  private let shared = Locked(Shared())
  /// How many threads look for work. While one does, no thread is woken for new work.
  private let spinning = Atomic<Int>(0)
  private let idleCount: Atomic<Int>
  private let ended = Parking()

  /// - Parameters:
  ///   - count: how many tasks run in parallel; nil: as many as the machine has CPUs.
  ///   - maximumThreads: the limit of threads, including those in a call that blocks. While all of them are in such calls,
  ///     no task runs.
  public init(processors count: Int? = nil, maximumThreads: Int = 2048) {
    self.maximumThreads = max(1, maximumThreads)
    let count = max(1, count ?? Processes.processorsOnline)
    processors = (0..<count).map { Processor($0) }
    idleCount = Atomic(count)
    shared.withLock { $0.idle = processors.reversed() }
  }

  // MARK: The executor

  /// Makes a job of a task ready: on the calling thread's processor or, from a thread of another kind, in the
  /// global queue. Swift's runtime calls it.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if let thread = SchedulerThread.current, thread.scheduler === self, let processor = thread.processor {
      let overflow = processor.push(job)
      if !overflow.isEmpty { shared.withLock { $0.queue.append(contentsOf: overflow) } }
    } else {
      shared.withLock { $0.queue.append(job) }
    }
    wakeThread()
  }

  /// Wakes or starts a thread that looks for work, unless a thread looks already or no processor is free.
  private func wakeThread() {
    sharedMemoryFence()
    guard idleCount.load(ordering: .sequentiallyConsistent) > 0 || hasProcessorInSystemCall else { return }
    guard spinning.compareExchange(expected: 0, desired: 1, ordering: .sequentiallyConsistent).exchanged
    else {
      return
    }
    startThread(isSpinning: true)
  }

  private var hasProcessorInSystemCall: Bool { processors.contains { $0.state == .inSystemCall } }

  /// Gives a free processor to a thread that has none.
  /// - Parameter isSpinning: whether the thread is counted as one that looks for work.
  private func startThread(isSpinning: Bool) {
    // If no processor was free, one may have become free since: check again. If no thread can be had, don't.
    var lacksProcessor = false
    let found: (thread: SchedulerThread, isNew: Bool)? = shared.withLock { shared in
      guard !shared.isClosing else { return nil }
      guard let processor = takeIdle(&shared) ?? takeFromSystemCall() else {
        lacksProcessor = true
        return nil
      }
      guard let thread = shared.parked.popLast() ?? newThread(&shared) else {
        returnProcessor(processor, &shared)
        return nil
      }
      let isNew = thread.state != .parked
      processor.set(.running)
      thread.processor = processor
      thread.state = isSpinning ? .spinning : .running
      return (thread, isNew)
    }
    guard let found else {
      if isSpinning { stopSpinning(checksAgain: lacksProcessor) }
      return
    }
    guard found.isNew else { return found.thread.unpark() }
    do throws(SystemError) {
      try found.thread.start()
    } catch {
      // No thread can be started: the running threads continue alone.
      shared.withLock { shared in
        shared.alive -= 1
        shared.threads.removeAll { $0 === found.thread }
        if let processor = found.thread.processor { returnProcessor(processor, &shared) }
        if shared.isClosing, shared.alive == 0 { ended.signal() }
      }
      if isSpinning { spinning.subtract(1, ordering: .sequentiallyConsistent) }
    }
  }

  /// A thread stops looking for work. Work that came meanwhile woke no thread because of this one: check for it
  /// again.
  private func stopSpinning(checksAgain: Bool = true) {
    spinning.subtract(1, ordering: .sequentiallyConsistent)
    if checksAgain, hasWork, idleCount.load(ordering: .sequentiallyConsistent) > 0 { wakeThread() }
  }

  private var hasWork: Bool {
    processors.contains { $0.count > 0 } || shared.withLock { $0.count > 0 }
  }

  private func newThread(_ shared: inout Shared) -> SchedulerThread? {
    guard shared.alive < maximumThreads else { return nil }
    let thread = SchedulerThread(self, shared.created)
    shared.created += 1
    shared.threads.append(thread)
    shared.alive += 1
    return thread
  }

  private func takeIdle(_ shared: inout Shared) -> Processor? {
    guard let processor = shared.idle.popLast() else { return nil }
    idleCount.subtract(1, ordering: .sequentiallyConsistent)
    return processor
  }

  /// Takes the processor of a thread that is in a call that blocks.
  private func takeFromSystemCall() -> Processor? { processors.first { $0.change(.inSystemCall, .running) } }

  private func returnProcessor(_ processor: Processor, _ shared: inout Shared) {
    processor.set(.idle)
    shared.idle.append(processor)
    idleCount.add(1, ordering: .sequentiallyConsistent)
  }

  // MARK: Running jobs

  /// Runs jobs on a thread until the scheduler is closed.
  func runJobs(on thread: SchedulerThread) {
    while let job = findJob(thread) {
      thread.state = .running
      unsafe TaskTrace.turn(
        thread.hooks, of: job.taskNumber, thread: thread.number, processor: thread.processor?.number ?? -1
      ) {
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())
      }
      // A blocking call may have lost the processor.
      if thread.processor == nil, !waitForProcessor(thread) { break }
    }
    let isLast = shared.withLock { shared in
      shared.alive -= 1
      shared.threads.removeAll { $0 === thread }
      return shared.alive == 0 && shared.isClosing
    }
    if isLast { ended.signal() }
  }

  /// The next job for a thread that has a processor. Nil: the scheduler is closed.
  private func findJob(_ thread: SchedulerThread) -> UnownedJob? {
    while let processor = thread.processor {
      processor.jobsTaken &+= 1
      if processor.jobsTaken % Self.globalQueueInterval == 0, let job = takeGlobal(processor) {
        return found(job, thread)
      }
      if let job = processor.pop() ?? takeGlobal(processor) { return found(job, thread) }
      if thread.state != .spinning {
        thread.state = .spinning
        spinning.add(1, ordering: .sequentiallyConsistent)
      }
      for round in 0..<4 {
        if let job = steal(processor, round) { return found(job, thread) }
        for _ in 0..<32 { CPU.pause() }
      }
      guard parkIdle(thread, processor) else { return nil }
    }
    return nil
  }

  /// A thread has found a job. If no other thread looks for work, wakes one: there may be more.
  private func found(_ job: UnownedJob, _ thread: SchedulerThread) -> UnownedJob {
    if thread.state == .spinning {
      thread.state = .running
      if spinning.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { wakeThread() }
    }
    return job
  }

  private func takeGlobal(_ processor: Processor) -> UnownedJob? {
    let (first, more): (UnownedJob?, Bool) = shared.withLock { shared in
      // A fair share, so that other threads find jobs as well. Moved under the lock: a job is always in one of
      // the queues.
      let share = min(shared.count / processors.count + 1, JobQueue.capacity / 2)
      let jobs = (0..<share).compactMap { _ in shared.popFirst() }
      if jobs.count > 1 { processor.append(jobs.dropFirst()) }
      return (jobs.first, jobs.count > 1)
    }
    if more { wakeThread() }
    return first
  }

  private func steal(_ mine: Processor, _ round: Int) -> UnownedJob? {
    let start = Int.random(in: 0..<processors.count)
    for offset in processors.indices {
      let victim = processors[(start + offset) % processors.count]
      guard victim !== mine else { continue }
      let jobs = victim.stealHalf()
      guard let first = jobs.first else { continue }
      if jobs.count > 1 { mine.append(jobs.dropFirst()) }
      return first
    }
    return nil
  }

  /// Returns the processor and sleeps until the thread is given one. False: the scheduler is closed.
  private func parkIdle(_ thread: SchedulerThread, _ processor: Processor) -> Bool {
    let mustEnd: Bool? = shared.withLock { shared in
      if shared.count > 0 { return nil }
      if shared.isClosing { return true }
      thread.processor = nil
      thread.state = .parked
      returnProcessor(processor, &shared)
      shared.parked.append(thread)
      return false
    }
    // There is work: the thread continues to look.
    guard let mustEnd else { return true }
    if mustEnd {
      spinning.subtract(1, ordering: .sequentiallyConsistent)
      thread.processor = nil
      return false
    }
    stopSpinning()
    thread.park()
    return !thread.shouldEnd
  }

  /// Waits for a processor after a blocking call that lost it. False: the scheduler is closed.
  private func waitForProcessor(_ thread: SchedulerThread) -> Bool {
    let hasOne: Bool? = shared.withLock { shared in
      if shared.isClosing { return nil }
      if let processor = takeIdle(&shared) {
        processor.set(.running)
        thread.processor = processor
        return true
      }
      thread.state = .parked
      shared.parked.append(thread)
      return false
    }
    guard let hasOne else { return false }
    if hasOne { return true }
    thread.park()
    return !thread.shouldEnd
  }

  // MARK: Calls that block

  /// Runs a call that may block on this thread, while another thread runs the processor's tasks. The caller's
  /// task continues when the call has returned and a processor is free. On a thread that isn't the scheduler's it
  /// only runs the call.
  /// - Throws: what the call throws.
  public nonisolated(nonsending) func blocking<Value, Failure: Error>(
    _ call: () throws(Failure) -> Value
  ) async throws(Failure) -> Value {
    guard let thread = SchedulerThread.current, thread.scheduler === self, let processor = thread.processor
    else {
      return try call()
    }
    beginBlocking(thread, processor)
    let result: Result<Value, Failure>
    do throws(Failure) {
      result = .success(try call())
    } catch {
      result = .failure(error)
    }
    if !endBlocking(thread, processor) {
      // Without a processor the task can't continue: it waits in a queue, for any thread.
      await Task.yield()
    }
    return try result.get()
  }

  private func beginBlocking(_ thread: SchedulerThread, _ processor: Processor) {
    thread.processor = nil
    thread.state = .blocked
    processor.set(.inSystemCall)
    // Tasks that wait must not wait for the call. For tasks that come later, a thread takes the processor.
    if processor.count > 0 || shared.withLock({ $0.count > 0 }) { startThread(isSpinning: false) }
  }

  /// Whether the thread has a processor: its previous one or another.
  private func endBlocking(_ thread: SchedulerThread, _ processor: Processor) -> Bool {
    thread.state = .running
    if processor.change(.inSystemCall, .running) {
      thread.processor = processor
      return true
    }
    return shared.withLock { shared in
      guard let other = takeIdle(&shared) else { return false }
      other.set(.running)
      thread.processor = other
      return true
    }
  }

  // MARK: Closing

  /// Ends the threads after the jobs that are ready have run, and waits until they have ended. Call it when every
  /// task has ended, and not from a task: a task that still waits never continues.
  public func close() {
    let (parked, isOver) = shared.withLock { shared in
      shared.isClosing = true
      defer { shared.parked = [] }
      return (shared.parked, shared.alive == 0)
    }
    for thread in parked {
      thread.shouldEnd = true
      thread.unpark()
    }
    if !isOver { ended.wait() }
  }

  // MARK: Observing

  /// What the threads and processors do now. Counters are read one after the other, so they may differ by a moment.
  public var snapshot: SchedulerSnapshot {
    let (threads, waiting) = shared.withLock { ($0.threads, $0.count) }
    return SchedulerSnapshot(
      processors: processors.map { processor in
        SchedulerSnapshot.Processor(
          state: processor.state == .idle ? .idle : processor.state == .running ? .running : .inSystemCall,
          waiting: processor.count)
      },
      running: threads.count { $0.state == .running }, spinning: threads.count { $0.state == .spinning },
      parked: threads.count { $0.state == .parked }, blocked: threads.count { $0.state == .blocked },
      waiting: waiting)
  }
}
