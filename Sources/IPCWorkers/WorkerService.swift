import IPC
import SystemCalls

/// A worker of a pool: receives jobs, executes them, sends outputs.
enum WorkerService<Job: Message, Output: Message> {
  /// The output of a job that took longer than this is sent at once. Outputs of shorter jobs are sent together, at the
  /// latest when there is no further job.
  private static var longJobNanoseconds: UInt64 { 20_000 }
  /// Outputs are held back no longer than this.
  private static var maximumDelayNanoseconds: UInt64 { 10 * longJobNanoseconds }

  static func run(_ work: (Job) throws -> Output) throws(ChannelError) {
    let type = try PoolProtocol.type(Job.self, Output.self)
    var jobs = try jobs(type)
    var results = try ByteSender(inherited: PoolProtocol.results, type: type)
    var writer = MessageWriter()
    PoolProtocol.ResultHeader(id: 0, status: .ready, dispatchNanoseconds: 0, workNanoseconds: 0).encode(
      to: &writer)
    Processes.getrusage().encode(to: &writer)
    try results.send(writer.bytes.span)
    results.coalesces = true
    var flushed = Clock.now()
    do throws(ChannelError) {
      while true {
        let (header, job) = try next(&jobs)
        let start = Clock.now()
        let dispatch = start > header.sentAt ? start - header.sentAt : 0
        writer.removeAll()
        let (status, took) = try perform(job, work, header.id, dispatch, start, &writer)
        do throws(ChannelError) {
          try results.send(writer.bytes.span)
        } catch {
          // An output over the channel's limit fails the job, not the worker.
          guard error.code == .messageTooLong else { throw error }
          writer.removeAll()
          PoolProtocol.ResultHeader(
            id: header.id, status: .failed, dispatchNanoseconds: dispatch, workNanoseconds: took
          ).encode(to: &writer)
          writer.append(error.description.utf8)
          try results.send(writer.bytes.span)
        }
        let end = start &+ took
        if status == .failed || took > longJobNanoseconds || end &- flushed > maximumDelayNanoseconds {
          try results.flush()
          flushed = end
        }
      }
    } catch {
      // The coordinator has closed the pool, or died.
      if error.code != .closed { throw error }
    }
  }

  /// The receiver of the jobs.
  private static func jobs(_ type: MessageType) throws(ChannelError) -> ByteReceiver {
    do throws(ChannelError) {
      return try ByteReceiver(inherited: PoolProtocol.jobs, type: type)
    } catch {
      if error.code == .typeMismatch { try? reportOtherTypes(type) }
      throw error
    }
  }

  /// Tells the coordinator what this process serves.
  private static func reportOtherTypes(_ type: MessageType) throws(ChannelError) {
    var results = try ByteSender(inherited: PoolProtocol.results)
    var writer = MessageWriter()
    PoolProtocol.ResultHeader(id: 0, status: .otherTypes, dispatchNanoseconds: 0, workNanoseconds: 0).encode(
      to: &writer)
    writer.append(type.text.utf8)
    try results.send(writer.bytes.span)
    try results.close()
  }

  /// Receives a job.
  private static func next(
    _ jobs: inout ByteReceiver
  ) throws(ChannelError) -> (PoolProtocol.JobHeader, Result<Job, ChannelError>) {
    let received: Result<(PoolProtocol.JobHeader, Result<Job, ChannelError>), ChannelError> = try jobs.receive
    {
      bytes in
      do throws(ChannelError) {
        var reader = MessageReader(bytes)
        let header = try PoolProtocol.JobHeader(from: &reader)
        do throws(ChannelError) {
          let rest = reader.rest()
          return .success((header, .success(try Job(decoding: rest))))
        } catch {
          return .success((header, .failure(error)))
        }
      } catch {
        return .failure(error)
      }
    }
    return try received.get()
  }

  /// Executes a job, and writes its output or failure to the writer.
  private static func perform(
    _ job: Result<Job, ChannelError>, _ work: (Job) throws -> Output, _ id: UInt64, _ dispatch: UInt64,
    _ start: UInt64, _ writer: inout MessageWriter
  ) throws(ChannelError) -> (PoolProtocol.Status, UInt64) {
    var took: UInt64 = 0
    do {
      let output = try work(try job.get())
      took = Clock.now() &- start
      PoolProtocol.ResultHeader(
        id: id, status: .done, dispatchNanoseconds: dispatch, workNanoseconds: took
      ).encode(to: &writer)
      try output.encode(to: &writer)
      return (.done, took)
    } catch {
      writer.removeAll()
      PoolProtocol.ResultHeader(
        id: id, status: .failed, dispatchNanoseconds: dispatch, workNanoseconds: Clock.now() &- start
      ).encode(to: &writer)
      writer.append(String(describing: error).utf8)
      return (.failed, took)
    }
  }
}
