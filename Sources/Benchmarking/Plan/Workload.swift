package import IPC
import Measurement

/// What is exchanged.
package enum Workload: String, CaseIterable, Codable, Sendable {
  /// One message there, one back, the next when the last has come: a closed loop. With a rate: one way, at fixed
  /// instants, whatever came back: an open loop.
  case latency
  /// A stream one way.
  case throughput
  /// Several senders, one receiver.
  case fanIn = "fan-in"
  /// One sender, several receivers, each message to one of them.
  case fanOut = "fan-out"
  /// A worker pool whose jobs do nothing.
  case jobs
  /// What it takes until a receiver that sleeps has the message.
  case wake

  /// Whether its figure is a time (or else a rate).
  package var isTimed: Bool { self == .latency || self == .wake }

  package var summary: String {
    switch self {
    case .latency: "a message there and one back, the round trip"
    case .throughput: "a stream one way"
    case .fanIn: "several senders, one receiver"
    case .fanOut: "one sender, several receivers"
    case .jobs: "a worker pool whose jobs do nothing"
    case .wake: "from the send to the return of a receiver that slept"
    }
  }
}

/// How messages go out.
package enum SendMode: String, CaseIterable, Codable, Sendable {
  /// One message per call.
  case each
  /// As many as fit 64 KiB, or the mechanism's unit, in one call.
  case batched
  /// Written and read where they lie in shared memory; only the first and last bytes are touched.
  case inPlace = "in-place"
}

/// One thing that is measured: a row of the report.
package struct BenchmarkCase: Hashable, Sendable {
  package var workload: Workload
  package var mechanism: Mechanism
  package var wait: WaitStrategy
  /// Bytes of a message, framing not included.
  package var size: Int
  package var mode: SendMode
  /// Senders of a fan-in, receivers of a fan-out, workers of a pool; 2 for the rest.
  package var processes: Int
  /// Messages a second that are meant to be sent; nil: as fast as they go.
  package var rate: Double?

  package init(
    _ workload: Workload, _ mechanism: Mechanism, wait: WaitStrategy, size: Int, mode: SendMode = .each,
    processes: Int = 2, rate: Double? = nil
  ) {
    self.workload = workload
    self.mechanism = mechanism
    self.wait = wait
    self.size = size
    self.mode = mode
    self.processes = processes
    self.rate = rate
  }

  /// `throughput memory block 64 B batched`
  package var label: String {
    var words = [workload.rawValue, mechanism.name, wait.rawValue, Figure.size(size)]
    if mode != .each { words.append(mode.rawValue) }
    return words.joined(separator: " ")
  }

  /// Whether messages go both ways.
  var isTwoWay: Bool { workload == .latency && rate == nil }

  /// How many processes run at once.
  package var parts: Int {
    switch workload {
    case .fanIn, .fanOut, .jobs: processes + 1
    default: 2
    }
  }
}

extension BenchmarkCase {
  package static let largestSize = 16 << 20

  /// Why a mechanism can't do this; nil if it can.
  package var obstacle: String? {
    let traits = mechanism.traits
    let name = mechanism.name
    guard mechanism.name != "popen" else {
      return "popen talks with a shell's program in lines: there is no pair of processes to measure"
    }
    guard traits.anonymous else { return "\(name) has no channel without a name" }
    if size < 0 || size > Self.largestSize {
      return "a message of \(Figure.size(size)): 0 to \(Figure.size(Self.largestSize)) are possible"
    }
    switch traits.carries {
    case .messages: break
    case .tokens where size > 0:
      return "\(name) carries messages of no bytes: ask for --size 0"
    case .integers where size != 4:
      return "\(name) carries messages of four bytes: ask for --size 4"
    case .tokens, .integers: break
    }
    if mode == .inPlace, name != "memory", name != "memfd" {
      return "\(name) can't be written in place: only memory and memfd can"
    }
    if mode == .batched, traits.carries != .messages || !traits.coalesces {
      return "\(name) can't send several messages in one call"
    }
    switch workload {
    case .latency, .throughput: break
    case .wake where wait == .spin:
      return "wake measures receivers that sleep: ask for --wait block or adaptive"
    case .wake: break
    case .fanIn where !traits.manySenders:
      return "\(name) has one sender: a fan-in needs one that has several, such as queue"
    case .fanOut where !traits.manyReceivers:
      return "\(name) has one receiver: a fan-out needs one that has several, such as queue"
    case .fanIn, .fanOut:
      if size < 8 { return "\(workload.rawValue) needs messages of 8 bytes or more, that say whose they are" }
      if traits.carries != .messages { return "\(name) carries no messages" }
    case .jobs:
      if traits.carries != .messages { return "\(name) carries no jobs" }
      if size < 8 { return "jobs are numbered: ask for 8 bytes or more" }
    }
    if rate != nil {
      if workload != .latency { return "--rate is for latency: the other workloads have no instants to keep" }
      if mode != .each { return "--rate sends one message per call" }
    }
    return nil
  }

  /// Whether there is the same in plain C.
  package var hasBaseline: Bool {
    switch workload {
    case .jobs: false
    case .fanIn:
      // A named TCP channel has a connection per sender; the baseline has one descriptor.
      mechanism != .tcp && RawKind(self) != nil && size + 8 <= 4096
    case .fanOut: RawKind(self) != nil && size + 8 <= 4096
    default: RawKind(self) != nil
    }
  }
}
