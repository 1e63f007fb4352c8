import Glibc
import IPC
import IPCWorkers

/// A pool of worker processes.
///
/// What processes add: they share nothing but the messages, so a worker that dies damages no other process. Its job is
/// leased to another worker.
enum ProcessesDemo: Demo {
  static let name = "processes"
  static let summary = "three worker processes, one of which is killed while it does its job"

  static func run() throws {
    var options = WorkerPoolOptions(workers: 3, over: .memory)
    options.arguments = arguments("worker")
    let pool = try WorkerPool<String, String>(options)
    let workers = pool.workerProcesses.values.sorted()
    say("coordinator", "three workers are ready: \(workers.map(String.init).joined(separator: ", "))")
    let watch = Stopwatch()
    try startThread {
      usleep(30_000)
      say("coordinator", "kills \(workers[0]) after \(watch.milliseconds) ms")
      kill(workers[0], SIGKILL)
    }
    pool.process(["one", "two", "three"]) { outcome in
      let tries = outcome.attempts > 1 ? ", by its second worker" : ""
      switch outcome.result {
      case .success(let text): say("coordinator", "\(text) after \(watch.milliseconds) ms\(tries)")
      case .failure(let failure): say("coordinator", "\"\(outcome.job)\" failed: \(failure)")
      }
      return []
    }
    pool.close()
    say("coordinator", "all three jobs are done")
  }

  static func other(_ role: String) throws {
    try WorkerPool<String, String>.serve { job in
      say("  worker", "begins \"\(job)\", which takes 60 ms")
      usleep(60_000)
      return "\"\(job)\" was done by \(getpid())"
    }
  }
}
