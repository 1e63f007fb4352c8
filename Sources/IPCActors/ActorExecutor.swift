import Dispatch
import SystemCalls

/// Runs the calls of actors: short ones on the thread that receives them, others on Dispatch's threads.
///
/// A task that prefers it (`Task(executorPreference: IPCActorSystem.executor)`) continues on the thread that receives its
/// answer. This saves the wake-up of another thread, which costs more than the call. That thread receives nothing
/// meanwhile, so such a task must not compute for long, and must never block.
final class ActorExecutor: TaskExecutor {
  static let shared = ActorExecutor()

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if let queue = ActorRunQueue.current, queue.acceptsJobs {
      queue.jobs.append(job)
    } else {
      enqueueElsewhere(job)
    }
  }

  func enqueueElsewhere(_ job: UnownedJob) {
    DispatchQueue.global().async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// The jobs that a receiving thread runs between two messages. Only that thread uses it.
@safe final class ActorRunQueue {
  var jobs: [UnownedJob] = []
  private var spare: [UnownedJob] = []
  /// False while jobs that become ready are to run on Dispatch's threads.
  var acceptsJobs = true

  /// The calling thread's queue; nil: the thread receives no messages of actors.
  static var current: ActorRunQueue? {
    guard let raw = unsafe Threads[.actors] else { return nil }
    return unsafe Unmanaged<ActorRunQueue>.fromOpaque(raw).takeUnretainedValue()
  }

  /// Makes it the calling thread's queue while `body` runs.
  func whileCurrent(_ body: () -> Void) {
    unsafe Threads[.actors] = unsafe Unmanaged.passUnretained(self).toOpaque()
    body()
    // What is still ready continues on Dispatch's threads.
    unsafe Threads[.actors] = nil
    for job in jobs { ActorExecutor.shared.enqueueElsewhere(job) }
    jobs = []
  }

  var hasJobs: Bool { !jobs.isEmpty }

  /// Runs the jobs that are ready, and those that they make ready, for a limited number of rounds: a task that yields
  /// again and again must not keep the thread from receiving.
  func runJobs(rounds: Int = 64) {
    for _ in 0..<rounds {
      if jobs.isEmpty { return }
      swap(&jobs, &spare)
      for job in spare { unsafe job.runSynchronously(on: ActorExecutor.shared.asUnownedTaskExecutor()) }
      spare.removeAll(keepingCapacity: true)
    }
  }

  /// Runs `body`. Jobs that it makes ready run on this thread if `onThisThread`, and on Dispatch's threads otherwise.
  static func enqueuing(onThisThread: Bool, _ body: () -> Void) {
    guard !onThisThread, let queue = current else { return body() }
    queue.acceptsJobs = false
    body()
    queue.acceptsJobs = true
  }
}
