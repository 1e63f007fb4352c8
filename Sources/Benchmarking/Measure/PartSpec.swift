import IPC

/// Which side of an exchange a process is.
enum PartRole: String, Codable {
  /// Begins a round trip, or sends.
  case sender
  /// Answers, or receives.
  case receiver
  /// Runs a worker pool.
  case pool
  /// Copies memory: the floor under a stream through memory.
  case copier
}

/// What a process of a measurement is told when it is started.
struct PartSpec: Codable {
  var role: PartRole
  var workload: Workload
  var mechanism: String
  var wait: String
  var size: Int
  var mode: SendMode
  /// Which sender of a fan-in, which receiver of a fan-out.
  var index = 0
  /// How many senders, receivers or workers.
  var processes: Int
  /// Whether messages go both ways.
  var isTwoWay: Bool
  var cpu: Int?
  /// The segment of the board.
  var board: Int32
  /// The ends of the baseline; nil: ours, handed over by name.
  var raw: RawEnds?
  /// Where a named channel is opened.
  var address: String?

  struct RawEnds: Codable {
    var sending: RawEnd?
    var receiving: RawEnd?
  }

  /// What the kernel has for an end.
  struct RawEnd: Codable {
    /// A descriptor of this process, a queue or a semaphore set.
    var id: Int32
    var segment: Int32?
    var slots: Int
    var unit: Int
    var isStream: Bool
    var stream: UInt32
  }

  init(_ benchmark: BenchmarkCase, _ role: PartRole, board: Int32, cpu: Int?) {
    self.role = role
    workload = benchmark.workload
    mechanism = benchmark.mechanism.name
    wait = benchmark.wait.rawValue
    size = benchmark.size
    mode = benchmark.mode
    processes = benchmark.processes
    isTwoWay = benchmark.isTwoWay
    self.board = board
    self.cpu = cpu
  }
}

/// What a process is told to do next: one line each.
enum PartCommand: Codable {
  /// Exchange `count` messages, the first with this number; every byte is written and checked when `verifies`.
  case exchange(first: UInt64, count: UInt64, verifies: Bool, paced: Pace?)
  /// The receivers of a fan-out stop.
  case stop(receivers: Int)
  /// Cache-line round trips.
  case probe(rounds: UInt64)
  case quit

  struct Pace: Codable {
    /// When the first is meant to be sent.
    var start: UInt64
    var interval: Double
  }
}

/// What a process answers: one line each.
struct PartReply: Codable {
  var failure: String?
  var begin: UInt64 = 0
  var end: UInt64 = 0
  var user: UInt64 = 0
  var system: UInt64 = 0
  var voluntary = 0
  var involuntary = 0
  var received: UInt64 = 0
  var sum: UInt64 = 0
  /// Nanoseconds, and how often, by bucket.
  var samples: [Int: UInt32]?
  var slowest: UInt64 = 0
  var fastest: UInt64 = 0
  /// Nanoseconds of one cache-line round trip.
  var probe: Double?
}
