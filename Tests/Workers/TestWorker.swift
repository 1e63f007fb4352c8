package import IPC
import IPCWorkers
import Synchronization
import SystemCalls

/// A job of the tests: a number, a payload, and optionally a port at which the worker waits.
package struct TestJob: Message, Hashable, Sendable {
  package var number: Int
  package var payload: String
  /// A TCP port of this machine to which the worker connects, and where it then waits for the end of the connection.
  package var port: UInt16

  package init(number: Int = 0, payload: String = "", port: UInt16 = 0) {
    self.number = number
    self.payload = payload
    self.port = port
  }

  package func encode(to writer: inout MessageWriter) {
    writer.write(number)
    writer.write(port)
    writer.write(payload)
  }

  package init(from reader: inout MessageReader) throws(ChannelError) {
    number = try reader.integer()
    port = try reader.integer()
    payload = try reader.string()
  }
}

/// The worker process of the tests.
package enum TestWorker {
  /// The argument that makes a program a worker.
  package static let role = "worker"

  private struct NegativeNumber: Error {}

  /// Does jobs: the output of each is its number; a negative one fails.
  package static func serve() throws(ChannelError) {
    try WorkerPool<TestJob, Int>.serve { job in
      if job.number < 0 { throw NegativeNumber() }
      if job.port > 0 { try wait(at: job.port) }
      return job.number
    }
  }

  /// The arguments that make a program a pool of integer jobs, and its worker.
  package static let integersRole = "pool-of-integers"
  package static let integerWorkerRole = "integers"

  /// Answers each integer with the next one.
  package static func serveIntegers() throws(ChannelError) { try WorkerPool<Int, Int>.serve { $0 + 1 } }

  /// Has two workers do so many jobs. Returns the sum of their outputs.
  package static func poolIntegers(_ count: Int, over mechanism: String) throws(ChannelError) -> Int {
    var options = WorkerPoolOptions(workers: 2, over: try Mechanism(named: mechanism))
    options.arguments = [integerWorkerRole]
    let pool = try WorkerPool<Int, Int>(options)
    let sum = Atomic(0)
    // Without optimization, Array(0..<count) allocates for each element.
    var jobs: [Int] = []
    for number in 0..<count { jobs.append(number) }
    pool.process(jobs) { outcome in
      if case .success(let number) = outcome.result { sum.add(number, ordering: .relaxed) }
      return []
    }
    pool.close()
    return sum.load(ordering: .relaxed)
  }

  /// The argument that makes a program a worker that forgets to serve, and builds a pool of its own kind.
  package static let forgetfulRole = "forgetful"

  /// Builds a pool in a process that a pool, or a host of actors, has started. Returns the error.
  package static func forget() -> ChannelError.Code? {
    var options = WorkerPoolOptions(workers: 2, over: .pipe)
    options.arguments = [forgetfulRole]
    do throws(ChannelError) {
      _ = try WorkerPool<TestJob, Int>(options)
      return nil
    } catch {
      return error.code
    }
  }

  private static func wait(at port: UInt16) throws {
    let address = try Internet.getaddrinfo(host: "127.0.0.1", port: Int(port), passive: false)[0]
    let socket = try Internet.socket(address)
    _ = try Internet.connect(socket, address, nanoseconds: nil)
    var entries = [PollEntry(socket.raw, read: true)]
    try ppoll(&entries, nanoseconds: nil)
  }
}
