import CBaseline
import IPC
import Measurement
import SystemCalls

/// What one process of an exchange does, over a channel or in plain C.
protocol Exchange: ~Copyable {
  /// Sends or receives the messages of a run. Returns 0, or a code of CBaseline's.
  mutating func run(_ context: ExchangeContext, _ run: ExchangeRun) throws -> Int32
  /// Tells the receivers of a fan-out to stop.
  mutating func stop(_ receivers: Int) throws
  mutating func close()
  /// Adds what processes of its own used, over all messages.
  func addUsage(to reply: inout ExchangeReply)
}

extension Exchange where Self: ~Copyable {
  func addUsage(to reply: inout ExchangeReply) {}
}

/// Why an exchange failed.
struct ExchangeFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// What a process of an exchange has besides its endpoints: what it received, and the times.
@safe final class ExchangeContext {
  let spec: ExchangeSpec
  let page: SharedPage
  let tally: UnsafeMutablePointer<baseline_tally>
  /// The samples that aren't in the histogram yet.
  let samples: UnsafeMutablePointer<UInt64>
  /// How many samples are taken before they are recorded: recording them is a short pause.
  private static let chunk: UInt64 = 1024
  var histogram = Histogram()

  init(_ spec: ExchangeSpec, _ page: SharedPage) {
    self.spec = spec
    self.page = page
    unsafe tally = .allocate(capacity: 1)
    unsafe tally.initialize(to: baseline_tally())
    unsafe tally.pointee.gaps = spec.workload.topology == .manyReceivers
    unsafe samples = .allocate(capacity: Int(Self.chunk))
    unsafe samples.initialize(repeating: 0, count: Int(Self.chunk))
  }

  deinit {
    unsafe tally.deallocate()
    unsafe samples.deallocate()
  }

  var isSender: Bool { spec.role == .sender }

  func record(_ count: UInt64) {
    for index in 0..<Int(count) { unsafe histogram.record(samples[index]) }
  }

  /// What was wrong with the message that failed its check.
  var damage: String {
    let (expected, found) = unsafe (tally.pointee.expected, tally.pointee.found)
    let at = unsafe tally.pointee.received
    return "message \(at) is lost, doubled or damaged: expected \(expected), found \(found)"
  }
}

extension ExchangeContext {
  /// Runs `body` for a limited number of samples at a time, and records them after each.
  func chunks(_ count: UInt64, _ body: (_ done: UInt64, _ count: UInt64) throws -> Int32) rethrows -> Int32 {
    var done: UInt64 = 0
    while done < count {
      let part = min(Self.chunk, count - done)
      let result = try body(done, part)
      if result != 0 { return result }
      record(part)
      done += part
    }
    return 0
  }
}
