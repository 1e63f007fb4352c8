import IPC
import Measurement

extension BenchmarkReport {
  /// Which mechanism for what, and how sure: the needs that were measured. Every format of the report has these.
  var headlines: [Headline] {
    let all = replies + [wake, fromSmall, batched, fromLarge, inPlace, leastCPU, fanIn, fanOut, jobs]
    let found = all.compactMap { $0 }
    return found.contains { $0.contest.names.count > 1 } ? found.map(\.headline) : []
  }

  /// What is said where nothing was compared.
  static let nothingCompared =
    "Only one mechanism was measured for each need, so nothing is compared: name several, such as --mechanism pipe,unix,memory."

  typealias Finding = (headline: Headline, contest: Contest)

  // MARK: Times

  private var replies: [Finding?] {
    [WaitStrategy.block, .adaptive, .spin].map { wait in reply(wait) }
  }

  /// The round trips with one wait strategy and the size that has the most rows, the smallest of several.
  func roundTrips(_ wait: WaitStrategy) -> [BenchmarkResult] {
    commonestSize(results.filter { $0.workload == .latency && $0.wait == wait })
  }

  private func reply(_ wait: WaitStrategy) -> Finding? {
    let rows = roundTrips(wait)
    let size = Figure.size(rows.first?.size ?? 0)
    if let rate = rows.first?.rate {
      return finding("a message soon, sent at \(Figure.rate(rate)) (\(size), \(wait.rawValue))", rows, time)
    }
    let who =
      switch wait {
      case .spin: "that may spin"
      case .adaptive: "that may spin a little, then block"
      default: "that block"
      }
    return finding("a reply soon, processes \(who) (\(size))", rows, time)
  }

  private var wake: Finding? {
    let rows = commonestSize(results.filter { $0.workload == .wake })
    guard let wait = rows.first?.wait else { return nil }
    return finding(
      "waking a process that sleeps (\(Figure.size(rows[0].size)))", rows.filter { $0.wait == wait }, time)
  }

  // MARK: Rates

  /// A message of at least so many bytes is large.
  private static let large = 32 << 10

  private func streams(_ mode: SendMode) -> [BenchmarkResult] {
    let rows = results.filter { $0.workload == .throughput && $0.mode == mode && $0.size > 0 }
    guard let wait = rows.first?.wait else { return [] }
    return rows.filter { $0.wait == wait }
  }

  private var smallest: [BenchmarkResult] {
    let rows = streams(.each)
    guard let size = rows.map(\.size).min(), size < Self.large else { return [] }
    return rows.filter { $0.size == size }
  }

  private var fromSmall: Finding? {
    finding("a stream of small messages, one per call\(size(smallest))", smallest, messages)
  }

  private var batched: Finding? {
    let rows = streams(.batched)
    guard let size = rows.map(\.size).min(), size < Self.large else { return nil }
    let smallest = rows.filter { $0.size == size }
    return finding("a stream of small messages, batched\(self.size(smallest))", smallest, messages)
  }

  private func largest(_ mode: SendMode) -> [BenchmarkResult] {
    let rows = streams(mode)
    guard let size = rows.map(\.size).max(), size >= Self.large else { return [] }
    return rows.filter { $0.size == size }
  }

  private var fromLarge: Finding? {
    let rows = largest(.each)
    return finding("large messages\(size(rows))", rows, bytes)
  }

  private var inPlace: Finding? {
    let rows = largest(.inPlace)
    return finding("large messages, written in place\(size(rows))", rows, messages)
  }

  /// The small messages of the stream, by CPU time instead of time.
  private var leastCPU: Finding? {
    let rows = smallest.filter { $0.cpuEach?.isEmpty == false }
    guard !rows.isEmpty else { return nil }
    let values = rows.map { $0.cpuEach ?? [] }
    let contest = Contest(rows.map(\.mechanism), values, seed: method.seed)
    let headline = Headline(
      "least CPU time per message, one per call\(size(rows))", contest,
      values.map { Statistics.estimate($0, seed: method.seed) }
    ) { Figure.time(microseconds: $0) }
    return (headline, contest)
  }

  private var fanIn: Finding? {
    let rows = commonestSize(results.filter { $0.workload == .fanIn })
    return finding("\(rows.first?.processes ?? 0) senders, one receiver\(size(rows))", rows, messages)
  }

  private var fanOut: Finding? {
    let rows = commonestSize(results.filter { $0.workload == .fanOut })
    return finding("one sender, \(rows.first?.processes ?? 0) receivers\(size(rows))", rows, messages)
  }

  private var jobs: Finding? {
    let rows = commonestSize(results.filter { $0.workload == .jobs })
    let workers = rows.first?.processes ?? 0
    return finding("jobs over a pool of \(workers) \(workers == 1 ? "worker" : "workers")", rows) { result in
      (result.figures.messagesPerSecond, { Figure.rate($0, " jobs") })
    }
  }

  // MARK: Parts

  private typealias Writer = (BenchmarkResult) -> (estimate: Estimate, write: (Double) -> String)

  private func time(_ result: BenchmarkResult) -> (estimate: Estimate, write: (Double) -> String) {
    (Statistics.estimate(result.each, seed: method.seed), { Figure.time(nanoseconds: $0) })
  }

  private func messages(_ result: BenchmarkResult) -> (estimate: Estimate, write: (Double) -> String) {
    (result.figures.messagesPerSecond, { Figure.rate($0, " messages") })
  }

  private func bytes(_ result: BenchmarkResult) -> (estimate: Estimate, write: (Double) -> String) {
    let (rate, size) = (result.figures.messagesPerSecond, Double(result.size))
    return (
      Estimate(median: rate.median * size, low: rate.low * size, high: rate.high * size),
      { Figure.rate($0, "B") }
    )
  }

  private func size(_ rows: [BenchmarkResult]) -> String {
    rows.first.map { " (\(Figure.size($0.size)))" } ?? ""
  }

  private func finding(_ need: String, _ rows: [BenchmarkResult], _ writer: Writer) -> Finding? {
    let rows = rows.filter { !$0.each.isEmpty }
    guard let first = rows.first else { return nil }
    let contest = contest(rows)
    return (Headline(need, contest, rows.map { writer($0).estimate }, writer(first).write), contest)
  }

  /// The ranking of rows that differ by their mechanism alone.
  func contest(_ rows: [BenchmarkResult]) -> Contest {
    Contest(rows.map(\.mechanism), rows.map(\.each), seed: method.seed)
  }

  /// The rows of the size that has the most of them, the smallest of several.
  func commonestSize(_ rows: [BenchmarkResult]) -> [BenchmarkResult] {
    let sizes = Dictionary(grouping: rows, by: \.size)
    return sizes.max { ($0.value.count, -$0.key) < ($1.value.count, -$1.key) }?.value ?? []
  }
}
