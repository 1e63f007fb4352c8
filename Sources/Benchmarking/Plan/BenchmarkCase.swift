package import IPC
import Measurement

/// How messages are sent.
package enum SendMode: String, CaseIterable, Codable, Sendable {
  /// One message per call.
  case each
  /// As many messages per call as fit 64 KiB, or the mechanism's limit.
  case batched
  /// Written and read in shared memory without a copy; only the first and last bytes are touched.
  case inPlace = "in-place"
}

/// One measurement: a row of the report.
package struct BenchmarkCase: Hashable, Sendable {
  package var workload: Workload
  package var mechanism: Mechanism
  package var wait: WaitStrategy
  /// Bytes of a message, framing not included.
  package var size: Int
  package var mode: SendMode
  /// Senders of a fan-in, receivers of a fan-out, workers of a pool; 2 for the other workloads.
  package var processes: Int
  /// Messages per second that are meant to be sent; nil: as fast as possible.
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
    var words = [workload.name, mechanism.name, wait.rawValue, Figure.size(size)]
    if mode != .each { words.append(mode.rawValue) }
    return words.joined(separator: " ")
  }

  /// Whether messages go both ways.
  var isTwoWay: Bool { workload.isRoundTrip && rate == nil }

  /// How many processes run at once.
  package var processCount: Int { workload.takesProcesses ? processes + 1 : 2 }

  /// How many processes send, and how many receive.
  var counts: (senders: Int, receivers: Int) {
    switch workload.topology {
    case .manySenders: (processes, 1)
    case .manyReceivers: (1, processes)
    case .pair, .workerPool: (1, 1)
    }
  }
}

extension BenchmarkCase {
  package static let largestSize = 16 << 20
  /// The sizes that show how a mechanism scales.
  package static let comparedSizes = [64, 1024, 65536, 1 << 20]
  /// A message of a workload with several processes carries its sender and its number: as many bytes.
  private static let numberBytes = 8
  /// What the plain C exchange writes at once where others write too, and the mechanism sets no limit.
  private static let sharedWriteBytes = 4096

  /// Why a mechanism can't do this; nil if it can.
  package var obstacle: String? {
    let traits = mechanism.traits
    let name = mechanism.name
    if traits.peerIsCommand {
      return "\(name) exchanges lines with a command: there is no pair of processes to measure"
    }
    guard traits.anonymous else { return "\(name) has no channel without a name" }
    if size < 0 || size > Self.largestSize {
      return "a message of \(Figure.size(size)): choose a size from 0 to \(Figure.size(Self.largestSize))"
    }
    switch traits.carries {
    case .messages: break
    case .tokens where size > 0:
      return "\(name) carries messages of no bytes: use --size 0"
    case .integers where size != MemoryLayout<Int32>.size:
      return "\(name) carries messages of four bytes: use --size 4"
    case .tokens, .integers: break
    }
    if mode == .inPlace, !traits.writesInPlace {
      let able = (Mechanism.all + Mechanism.variants).filter(\.traits.writesInPlace).map(\.name)
      return "\(name) can't be written in place: choose \(able.joined(separator: " or "))"
    }
    if mode == .batched, traits.carries != .messages || !traits.coalesces {
      return "\(name) can't send several messages in one call"
    }
    if workload.needsSleepingReceiver, wait == .spin {
      return "\(workload.name) measures receivers that sleep: use --wait block or adaptive"
    }
    if let obstacle = topologyObstacle { return obstacle }
    if rate != nil {
      if !workload.takesRate {
        let able = Workload.all.filter(\.takesRate).map(\.name)
        return
          "--rate is for \(able.joined(separator: " and ")): the other workloads send as fast as possible"
      }
      if mode != .each { return "--rate sends one message per call: leave --mode out" }
    }
    return nil
  }

  /// Why a mechanism can't connect the workload's processes.
  private var topologyObstacle: String? {
    let (traits, name) = (mechanism.traits, mechanism.name)
    switch workload.topology {
    case .pair: return nil
    case .manySenders where !traits.manySenders:
      return "\(name) has one sender: \(workload.name) needs a mechanism that has several, such as queue"
    case .manyReceivers where !traits.manyReceivers:
      return "\(name) has one receiver: \(workload.name) needs a mechanism that has several, such as queue"
    case .manySenders, .manyReceivers, .workerPool:
      if traits.carries != .messages { return "\(name) carries no messages, which \(workload.name) needs" }
      if size < Self.numberBytes {
        return "\(workload.name) numbers its messages: use --size \(Self.numberBytes) bytes or more"
      }
      return nil
    }
  }

  /// Whether there is the same exchange in plain C.
  package var hasBaseline: Bool {
    guard mechanism.traits.baseline != nil, workload.inPlainC != nil else { return false }
    let fits = size + FrameHeader.size <= mechanism.traits.atomicWriteBytes ?? Self.sharedWriteBytes
    return switch workload.topology {
    case .pair: true
    // The baseline has one descriptor, and not a connection per sender.
    case .manySenders: fits && !mechanism.traits.connectsEachSender
    case .manyReceivers: fits
    case .workerPool: false
    }
  }
}
