import SystemCalls

/// The cost of a crawl in this process.
struct CrawlCost {
  var usage = Processes.Usage()
  /// The peak memory of the process, and how much of it the crawl added.
  var peakKilobytes = 0
  var grownKilobytes = 0
}

/// Measures the cost of a crawl in this process, from its initializer to ``end()``.
struct CrawlMeter {
  private let before: Processes.Usage
  private let resident: Int

  init() {
    // Returns what an earlier crawl left in the heap, and resets the kernel's peak (proc(5), clear_refs).
    Processes.mallocTrim()
    if let file = try? Files.open("/proc/self/clear_refs", .write) { try? Files.writeText(file, "5") }
    resident = Self.status("VmRSS:")
    before = Processes.getrusage()
  }

  mutating func end() -> CrawlCost {
    let peak = Self.status("VmHWM:")
    return CrawlCost(
      usage: Processes.getrusage().since(before), peakKilobytes: peak,
      grownKilobytes: max(0, peak - resident))
  }

  /// How many threads a process has; 0 if there is no such process.
  static func threads(of process: Int32? = nil) -> Int {
    status("Threads:", process.map(String.init) ?? "self")
  }

  /// The proportional set size of this process and of others: of memory that several share, each has its part
  /// (`smaps_rollup`, proc(5)). Processes that have ended have none.
  static func proportionalKilobytes(of others: [Int32] = []) -> Int {
    (["self"] + others.map(String.init)).reduce(0) { $0 + value("Pss:", "/proc/\($1)/smaps_rollup") }
  }

  private static func status(_ key: String, _ process: String = "self") -> Int {
    value(key, "/proc/\(process)/status")
  }

  /// The number behind a key; 0 if there is none.
  private static func value(_ key: String, _ path: String) -> Int {
    guard let text = try? Files.readText(path) else { return 0 }
    for line in text.split(separator: "\n") where line.hasPrefix(key) {
      return line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0
    }
    return 0
  }
}
