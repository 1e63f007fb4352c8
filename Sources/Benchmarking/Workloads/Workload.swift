package import IPC

/// What a benchmark exchanges, and how.
///
/// Each workload is a file in this folder and a line in ``all``. The command's options, the plan, the tables and the
/// charts follow from what it declares.
package struct Workload: Sendable {
  /// Which processes take part.
  package enum Topology: Sendable {
    /// One sender and one receiver.
    case pair
    /// Several senders and one receiver.
    case manySenders
    /// One sender and several receivers; each message goes to one of them.
    case manyReceivers
    /// A worker pool.
    case workerPool
  }

  /// The name in the command, in tables and in JSON.
  package let name: String
  /// One line for a person.
  package let summary: String
  package let topology: Topology
  /// Whether its figure is a time, and not a rate.
  package let isTimed: Bool
  /// Whether the receiver answers each message with another.
  let isRoundTrip: Bool
  /// Whether it can send at a fixed rate, which is an open loop.
  package let takesRate: Bool
  /// Whether it can send in each ``SendMode``, and not only one message per call.
  let takesModes: Bool
  /// Whether the receiver has to sleep before each message.
  let needsSleepingReceiver: Bool
  /// Whether the whole set measures it with several sizes and modes.
  package let comparesSizes: Bool
  /// The wait strategies that are measured where the caller names none.
  package let defaultWaits: [WaitStrategy]
  /// Whether the quick set of all workloads includes it.
  let isInQuickSet: Bool
  /// The rows of a mechanism in the quick set.
  let quickCases: @Sendable (QuickRow) -> [BenchmarkCase]
  /// The exchange over the library's channels; nil for a worker pool, which has its own.
  let overChannel: ExchangeLoops<ChannelExchange>?
  /// The same exchange in plain C; nil if there is none.
  let inPlainC: ExchangeLoops<RawExchange>?

  init(
    name: String, summary: String, topology: Topology = .pair, isTimed: Bool = false,
    isRoundTrip: Bool = false,
    takesRate: Bool = false, takesModes: Bool = false, needsSleepingReceiver: Bool = false,
    comparesSizes: Bool = false, defaultWaits: [WaitStrategy] = [.block], isInQuickSet: Bool = true,
    quickCases: @escaping @Sendable (QuickRow) -> [BenchmarkCase],
    overChannel: ExchangeLoops<ChannelExchange>?, inPlainC: ExchangeLoops<RawExchange>? = nil
  ) {
    self.name = name
    self.summary = summary
    self.topology = topology
    self.isTimed = isTimed
    self.isRoundTrip = isRoundTrip
    self.takesRate = takesRate
    self.takesModes = takesModes
    self.needsSleepingReceiver = needsSleepingReceiver
    self.comparesSizes = comparesSizes
    self.defaultWaits = defaultWaits
    self.isInQuickSet = isInQuickSet
    self.quickCases = quickCases
    self.overChannel = overChannel
    self.inPlainC = inPlainC
  }

  /// Every workload, in the order in which reports list them.
  package static let all: [Workload] = [
    latency,
    throughput,
    fanIn,
    fanOut,
    jobs,
    wake,
  ]

  /// The workload with this name; nil if there is none.
  package init?(named name: String) {
    guard let found = Self.all.first(where: { $0.name == name }) else { return nil }
    self = found
  }

  /// Whether the caller chooses how many processes take part.
  package var takesProcesses: Bool { topology != .pair }
}

extension Workload: Hashable, Codable {
  package static func == (one: Workload, other: Workload) -> Bool { one.name == other.name }

  package func hash(into hasher: inout Hasher) { hasher.combine(name) }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let name = try container.decode(String.self)
    guard let found = Workload(named: name) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "unknown workload \(name)")
    }
    self = found
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(name)
  }
}

/// What the two processes of an exchange run.
///
/// Each returns 0, or a code of CBaseline's.
struct ExchangeLoops<Ends: ~Copyable>: Sendable {
  typealias Loop = @Sendable (inout Ends, ExchangeContext, ExchangeRun) throws -> Int32

  let send: Loop
  let receive: Loop
}

/// The messages of one run.
struct ExchangeRun {
  /// The number of the first message.
  var first: UInt64
  var count: UInt64
  /// Whether every byte is written and checked.
  var verifies: Bool
  /// When each message is meant to be sent; nil: as fast as possible.
  var pace: ExchangeCommand.Pace?

  var numbers: Range<UInt64> { first..<(first &+ count) }
}

/// What a workload's rows in the quick set are made from.
struct QuickRow {
  let mechanism: Mechanism
  /// The size of a small message of this mechanism.
  let size: Int
  /// Senders of a fan-in, receivers of a fan-out, workers of a pool.
  let processes: Int

  /// The sizes that show how a mechanism scales: only ``size`` where it carries no messages.
  var sizes: [Int] { mechanism.traits.carries == .messages ? BenchmarkCase.comparedSizes : [size] }
}
