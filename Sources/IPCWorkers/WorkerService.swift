public import IPC
import SystemCalls

/// The worker process of a pool: receives jobs, has them executed, sends outputs. It isn't generic: jobs are bytes here.
@usableFromInline struct WorkerService {
  /// The output of a job that took longer than this is sent at once. Outputs of shorter jobs are sent together, at the
  /// latest when there is no further job.
  private static let longJobNanoseconds: UInt64 = 20_000
  /// Outputs are held back no longer than this.
  private static let maximumDelayNanoseconds = 10 * longJobNanoseconds

  private let type: MessageType

  init(_ type: MessageType) { self.type = type }

  /// Receives jobs until the pool closes.
  /// - Parameter perform: decodes a job, executes it, and writes the answer.
  @usableFromInline func run(
    _ perform: (Span<UInt8>, inout JobAnswer) throws(ChannelError) -> Void
  ) throws(ChannelError) {
    let jobs = try jobs()
    let board = WorkerBoard.inherited()
    var results = try ByteSender(inherited: PoolProtocol.results, type: type)
    var answer = JobAnswer()
    PoolProtocol.ResultHeader(id: 0, status: .ready, dispatchNanoseconds: 0, workNanoseconds: 0).encode(
      to: &answer.writer)
    Processes.getrusage().encode(to: &answer.writer)
    try results.send(answer.writer.bytes.span)
    results.coalesces = true
    let receiver = jobs.transport
    let sender = results.transport
    var flushed = Clock.now()
    var job: [UInt8] = []
    do throws(ChannelError) {
      while true {
        guard let bytes = unsafe try receiver.take(until: .never) else { continue }
        // Copied: its room in the channel is free while the work runs, and nothing changes it meanwhile.
        job.removeAll(keepingCapacity: true)
        unsafe job.append(contentsOf: bytes)
        receiver.release()
        var reader = MessageReader(job.span)
        let header = try PoolProtocol.JobHeader(from: &reader)
        answer.reset(header)
        if board?.begins(header.id) == false {
          answer.withdraw()
        } else {
          Tracer.record(.jobBegins, value: Int64(truncatingIfNeeded: header.id))
          try perform(reader.rest(), &answer)
          Tracer.record(.jobEnds, value: Int64(truncatingIfNeeded: header.id))
        }
        answer.finish()
        do throws(ChannelError) {
          _ = unsafe try answer.writer.bytes.span.withUnsafeBytes { bytes throws(ChannelError) in
            unsafe try sender.send(bytes, until: .never)
          }
        } catch {
          // An output over the channel's limit fails the job, not the worker.
          guard error.code == .messageTooLong else { throw error }
          answer.fail(error)
          answer.finish()
          try results.send(answer.writer.bytes.span)
        }
        if answer.hasFailed || answer.took > Self.longJobNanoseconds
          || answer.ended &- flushed > Self.maximumDelayNanoseconds
        {
          try results.flush()
          flushed = answer.ended
        }
      }
    } catch {
      // The coordinator has closed the pool, or died.
      if error.code != .closed { throw error }
    }
  }

  /// The receiver of the jobs.
  private func jobs() throws(ChannelError) -> ByteReceiver {
    do throws(ChannelError) {
      return try ByteReceiver(inherited: PoolProtocol.jobs, type: type)
    } catch {
      if error.code == .typeMismatch { try? reportOtherTypes() }
      throw error
    }
  }

  /// Tells the coordinator what this process serves.
  private func reportOtherTypes() throws(ChannelError) {
    var results = try ByteSender(inherited: PoolProtocol.results)
    var writer = MessageWriter()
    PoolProtocol.ResultHeader(id: 0, status: .otherTypes, dispatchNanoseconds: 0, workNanoseconds: 0).encode(
      to: &writer)
    writer.append(type.text.utf8)
    try results.send(writer.bytes.span)
    try results.close()
  }
}

/// The answer to one job, in the making.
@usableFromInline struct JobAnswer {
  /// Room for the header, and behind it the output, or the words of a failure.
  @usableFromInline var writer = MessageWriter()
  private(set) var hasFailed = false
  private var header = PoolProtocol.JobHeader(id: 0, sentAt: 0)
  private var started: UInt64 = 0
  /// When the work had ended.
  private(set) var ended: UInt64 = 0

  /// How long the work took, in nanoseconds.
  var took: UInt64 { ended &- started }

  /// Begins the answer to a job.
  mutating func reset(_ header: PoolProtocol.JobHeader) {
    self.header = header
    hasFailed = false
    started = 0
    ended = 0
    writer.removeAll()
    PoolProtocol.ResultHeader.none.encode(to: &writer)
  }

  /// The work begins.
  @usableFromInline mutating func begin() {
    started = Clock.now()
    ended = started
  }

  /// The work has ended; its output follows.
  @usableFromInline mutating func end() { ended = Clock.now() }

  /// The job has failed: what was written is replaced by the error's words.
  @usableFromInline mutating func fail(_ error: any Error) {
    if started == 0 { begin() }
    if ended == started { end() }
    hasFailed = true
    writer.removeAll()
    PoolProtocol.ResultHeader.none.encode(to: &writer)
    writer.append(String(describing: error).utf8)
  }

  /// No caller waits for the job any more, and it wasn't begun.
  mutating func withdraw() {
    started = header.sentAt
    ended = started
    hasFailed = true
  }

  /// Fills in the header.
  mutating func finish() {
    let dispatch = started > header.sentAt ? started &- header.sentAt : 0
    PoolProtocol.ResultHeader(
      id: header.id, status: hasFailed ? .failed : .done, dispatchNanoseconds: dispatch, workNanoseconds: took
    ).overwrite(&writer)
  }
}
