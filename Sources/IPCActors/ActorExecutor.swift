import Dispatch
import SystemCalls

/// Where the calls of actors run: on the thread that receives them, where they are short; on Dispatch's threads where
/// they aren't, or where that thread has nothing to do with it.
///
/// A task of yours that prefers it (`Task(executorPreference: IPCActorSystem.executor)`) goes on where an answer arrives,
/// without another thread's wake-up, which costs more than the call. Meanwhile that thread receives nothing: such a task
/// doesn't compute for long, and never blocks.
final class ActorExecutor: TaskExecutor {
  static let shared = ActorExecutor()

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    if let turn = ActorTurn.current, turn.acceptsJobs {
      turn.jobs.append(job)
    } else {
      enqueueElsewhere(job)
    }
  }

  func enqueueElsewhere(_ job: UnownedJob) {
    DispatchQueue.global().async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// What a receiving thread has to run between two messages. Touched by its thread alone.
@safe final class ActorTurn {
  var jobs: [UnownedJob] = []
  private var spare: [UnownedJob] = []
  /// False while what becomes ready is to go elsewhere.
  var acceptsJobs = true

  /// The calling thread's, if it receives messages of actors.
  static var current: ActorTurn? {
    guard let raw = unsafe Threads[.actors] else { return nil }
    return unsafe Unmanaged<ActorTurn>.fromOpaque(raw).takeUnretainedValue()
  }

  /// Makes it the calling thread's while `body` runs.
  func whileCurrent(_ body: () -> Void) {
    unsafe Threads[.actors] = unsafe Unmanaged.passUnretained(self).toOpaque()
    body()
    // What is still ready goes on elsewhere.
    unsafe Threads[.actors] = nil
    for job in jobs { ActorExecutor.shared.enqueueElsewhere(job) }
    jobs = []
  }

  var hasJobs: Bool { !jobs.isEmpty }

  /// Runs what is ready, and what that makes ready, for a while: what yields for ever mustn't keep the thread from
  /// receiving what it waits for.
  func runJobs(rounds: Int = 64) {
    for _ in 0..<rounds {
      if jobs.isEmpty { return }
      swap(&jobs, &spare)
      for job in spare { unsafe job.runSynchronously(on: ActorExecutor.shared.asUnownedTaskExecutor()) }
      spare.removeAll(keepingCapacity: true)
    }
  }

  /// Runs `body`; what it makes ready runs elsewhere unless `here`.
  static func making(readyHere here: Bool, _ body: () -> Void) {
    guard !here, let turn = current else { return body() }
    turn.acceptsJobs = false
    body()
    turn.acceptsJobs = true
  }
}
