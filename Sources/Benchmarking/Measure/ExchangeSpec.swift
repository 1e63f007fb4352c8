import IPC

/// What a process does in an exchange.
enum ExchangeRole: String, Codable {
  /// Sends, and begins round trips.
  case sender
  /// Receives, and answers round trips.
  case receiver
  /// Runs a worker pool.
  case pool
  /// Copies memory: no stream through memory is faster.
  case copier
}

/// What a process of an exchange is started with.
struct ExchangeSpec: Codable {
  var role: ExchangeRole
  var workload: Workload
  var mechanism: String
  var wait: String
  var size: Int
  var mode: SendMode
  /// The number of a sender of a fan-in, or of a receiver of a fan-out.
  var index = 0
  /// How many senders, receivers or workers.
  var processes: Int
  /// Whether messages go both ways.
  var isTwoWay: Bool
  var cpu: Int?
  /// The shared memory segment of the page.
  var page: Int32
  /// The endpoints of the plain C exchange; nil: the library's, passed by name.
  var raw: RawEnds?
  /// Where a named channel is opened.
  var address: String?

  struct RawEnds: Codable {
    var sending: RawEnd?
    var receiving: RawEnd?
  }

  /// The kernel objects of an endpoint.
  struct RawEnd: Codable {
    /// A descriptor of the process, a queue or a semaphore set.
    var id: Int32
    var segment: Int32?
    var slots: Int
    var unit: Int
    var isStream: Bool
    var stream: UInt32
  }

  init(_ benchmark: BenchmarkCase, _ role: ExchangeRole, page: Int32, cpu: Int?) {
    self.role = role
    workload = benchmark.workload
    mechanism = benchmark.mechanism.name
    wait = benchmark.wait.rawValue
    size = benchmark.size
    mode = benchmark.mode
    processes = benchmark.processes
    isTwoWay = benchmark.isTwoWay
    self.page = page
    self.cpu = cpu
  }
}

/// A command to a process: one line of JSON.
enum ExchangeCommand: Codable {
  /// Exchange `count` messages, the first of which has this number. `verifies`: write and check every byte.
  case exchange(first: UInt64, count: UInt64, verifies: Bool, paced: Pace?)
  /// Send the receivers of a fan-out their stop messages.
  case stop(receivers: Int)
  /// Measure round trips of a cache line.
  case probe(rounds: UInt64)
  case quit

  struct Pace: Codable {
    /// When the first message is meant to be sent (CLOCK_MONOTONIC, in nanoseconds).
    var start: UInt64
    /// Nanoseconds between two messages.
    var interval: Double
  }
}

/// A process's reply: one line of JSON.
struct ExchangeReply: Codable {
  var failure: String?
  var begin: UInt64 = 0
  var end: UInt64 = 0
  var user: UInt64 = 0
  var system: UInt64 = 0
  var voluntary = 0
  var involuntary = 0
  var received: UInt64 = 0
  var sum: UInt64 = 0
  /// The histogram of the samples: the count of each bucket, by its index.
  var samples: [Int: UInt32]?
  var slowest: UInt64 = 0
  var fastest: UInt64 = 0
  /// The round trip of a cache line, in nanoseconds.
  var probe: Double?
}
