package import IPC
package import SystemCalls

/// The messages between coordinator and worker: each job and each output has a header in front.
enum PoolProtocol {
  /// The names under which the endpoints are passed to a worker. A shell keeps only variables whose names are words: with a
  /// hyphen, a script that starts the worker would lose them.
  static let jobs = "pool_jobs"
  static let results = "pool_results"

  enum Status: UInt8 {
    /// The output follows.
    case done = 0
    /// The description of the failure follows.
    case failed = 1
    /// The worker's first message, before any job: what the process has used so far follows.
    case ready = 2
    /// The worker's only message: it serves other types, and what follows is its ``type(_:_:)`` as text.
    case otherTypes = 3
  }

  /// What both processes compare: the types of jobs and outputs.
  static func type<Job: Message, Output: Message>(
    _ job: Job.Type, _ output: Output.Type
  ) throws(ChannelError) -> MessageType {
    let job = try MessageType(of: job)
    let output = try MessageType(of: output)
    return MessageType(
      coding: "pool \(job.fingerprint) \(output.fingerprint)", size: 0,
      name: "WorkerPool<\(job.name), \(output.name)>")
  }

  /// The header of a job: its number, and the time at which it was sent.
  struct JobHeader {
    var id: UInt64
    var sentAt: UInt64

    func encode(to writer: inout MessageWriter) {
      writer.write(id)
      writer.write(sentAt)
    }

    init(id: UInt64, sentAt: UInt64) {
      self.id = id
      self.sentAt = sentAt
    }

    init(from reader: inout MessageReader) throws(ChannelError) {
      id = try reader.integer()
      sentAt = try reader.integer()
    }
  }

  /// The header of an output or a failure.
  struct ResultHeader {
    var id: UInt64
    var status: Status
    /// From the coordinator's send to the worker's receive.
    var dispatchNanoseconds: UInt64
    var workNanoseconds: UInt64

    init(id: UInt64, status: Status, dispatchNanoseconds: UInt64, workNanoseconds: UInt64) {
      self.id = id
      self.status = status
      self.dispatchNanoseconds = dispatchNanoseconds
      self.workNanoseconds = workNanoseconds
    }

    func encode(to writer: inout MessageWriter) {
      writer.write(id)
      writer.write(status.rawValue)
      writer.write(dispatchNanoseconds)
      writer.write(workNanoseconds)
    }

    /// Room for a header that ``overwrite(_:)`` fills in.
    static let none = ResultHeader(id: 0, status: .done, dispatchNanoseconds: 0, workNanoseconds: 0)

    /// Writes the header over the first one of a writer.
    func overwrite(_ writer: inout MessageWriter) {
      writer.overwrite(id, at: 0)
      writer.overwrite(status.rawValue, at: 8)
      writer.overwrite(dispatchNanoseconds, at: 9)
      writer.overwrite(workNanoseconds, at: 17)
    }

    init(from reader: inout MessageReader) throws(ChannelError) {
      id = try reader.integer()
      let raw: UInt8 = try reader.integer()
      guard let status = Status(rawValue: raw) else {
        throw .invalid("a result with the unknown status \(raw)")
      }
      self.status = status
      dispatchNanoseconds = try reader.integer()
      workNanoseconds = try reader.integer()
    }
  }
}

/// What a process has used, as it reports it itself. Its peak of memory is left out: only its parent can read that.
extension Processes.Usage: Message {
  package func encode(to writer: inout MessageWriter) {
    writer.write(userNanoseconds)
    writer.write(systemNanoseconds)
    writer.write(voluntarySwitches)
    writer.write(involuntarySwitches)
  }

  package init(from reader: inout MessageReader) throws(ChannelError) {
    self.init()
    userNanoseconds = try reader.integer()
    systemNanoseconds = try reader.integer()
    voluntarySwitches = try reader.integer()
    involuntarySwitches = try reader.integer()
  }
}
