package import IPC
package import SystemCalls

/// What coordinator and worker say to each other, beside the jobs and outputs themselves.
enum PoolProtocol {
  static let jobs = "pool-jobs"
  static let results = "pool-results"

  enum Status: UInt8 {
    case done = 0
    case failed = 1
    /// The worker's first word: what it had used before any job.
    case ready = 2
  }

  /// In front of a job: its number, and when it was sent.
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

    init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
      id = try reader.integer(bytes)
      sentAt = try reader.integer(bytes)
    }
  }

  /// In front of an output, or of the words of a failure.
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

    init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
      id = try reader.integer(bytes)
      let raw: UInt8 = try reader.integer(bytes)
      guard let status = Status(rawValue: raw) else { throw .invalid("a result of status \(raw)") }
      self.status = status
      dispatchNanoseconds = try reader.integer(bytes)
      workNanoseconds = try reader.integer(bytes)
    }
  }
}

/// What a process has used, as it says itself; without the peak, which only its parent learns.
extension Processes.Usage: Message {
  package func encode(to writer: inout MessageWriter) {
    writer.write(userNanoseconds)
    writer.write(systemNanoseconds)
    writer.write(voluntarySwitches)
    writer.write(involuntarySwitches)
  }

  package init(from reader: inout MessageReader, _ bytes: Span<UInt8>) throws(ChannelError) {
    self.init()
    userNanoseconds = try reader.integer(bytes)
    systemNanoseconds = try reader.integer(bytes)
    voluntarySwitches = try reader.integer(bytes)
    involuntarySwitches = try reader.integer(bytes)
  }
}
