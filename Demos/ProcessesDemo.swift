import Foundation
import Glibc
import IPC
import IPCWorkers

/// A pool of worker processes. Its own trait: nothing is shared but what is handed over, so that a worker that dies takes
/// only itself with it; what it was at is leased to another.
enum ProcessesDemo: Demo {
  static let name = "processes"
  static let summary = "three worker processes, one of which is killed over its job"

  static func run() throws {
    var options = WorkerPoolOptions(workers: 3, over: .memory)
    options.arguments = arguments("worker")
    let pool = try WorkerPool<String, String>(options)
    let workers = pool.workerProcesses.values.sorted()
    say("coordinator", "three workers are ready: \(workers.map(String.init).joined(separator: ", "))")
    let watch = Stopwatch()
    Thread.detachNewThread {
      usleep(30_000)
      say("coordinator", "kills \(workers[0]) after \(watch.milliseconds) ms")
      kill(workers[0], SIGKILL)
    }
    pool.process(["one", "two", "three"]) { outcome in
      let tries = outcome.attempts > 1 ? ", which had been another's" : ""
      switch outcome.result {
      case .success(let words): say("coordinator", "\(words) after \(watch.milliseconds) ms\(tries)")
      case .failure(let failure): say("coordinator", "\"\(outcome.job)\" failed: \(failure)")
      }
      return []
    }
    pool.close()
    say("coordinator", "all three were done")
  }

  static func other(_ role: String) throws {
    try WorkerPool<String, String>.serve { job in
      say("  worker", "takes \"\(job)\", which takes 60 ms")
      usleep(60_000)
      return "\"\(job)\" was done by \(getpid())"
    }
  }
}
