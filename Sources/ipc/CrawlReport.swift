import Benchmarking
import Crawling
import Measurement

/// The results of the crawls, as a table and as JSON.
struct CrawlReport: Encodable {
  struct Workload: Encodable {
    let kind: String
    let pages: Int
    let delayMilliseconds: Int
    let workers: Int
    let seed: UInt64

    enum CodingKeys: String, CodingKey {
      case kind, pages
      case delayMilliseconds = "delay_ms"
      case workers, seed
    }
  }

  let workload: Workload
  let machine = MachineDescription()
  let runs: [CrawlRun]
  /// Whether every crawl found the same pages, each once; nil where a limit or Ctrl-C left some out.
  let samePages: Bool?
  private let firstFailure: PageRecord?
  private let allFailed: Bool

  enum CodingKeys: String, CodingKey {
    case workload, machine, runs
    case samePages = "same_pages"
  }

  init(_ options: CrawlOptions, _ outcome: CrawlSession.Outcome) {
    let (runs, pages) = (outcome.runs, outcome.pages)
    let plan = options.plan
    workload = Workload(
      kind: plan.work.rawValue, pages: plan.work == .web ? (pages.first?.count ?? 0) : plan.pages,
      delayMilliseconds: plan.delayMilliseconds, workers: plan.workers, seed: plan.seed)
    self.runs = runs
    let sets = pages.map { Set($0.map(\.url)) }
    samePages =
      outcome.isCutOff || outcome.failure != nil
      ? nil
      : plan.work == .nothing
        || (zip(sets, pages).allSatisfy { $0.count == $1.count }
          && sets.dropFirst().allSatisfy { $0 == sets[0] })
    firstFailure = pages.lazy.flatMap { $0 }.first { $0.hasFailed }
    allFailed = !runs.isEmpty && runs.allSatisfy { $0.pages > 0 && $0.failed == $0.pages }
  }

  /// Why the crawls failed as a whole; nil if they didn't.
  var failure: Failure? {
    if allFailed, let page = firstFailure {
      return .work("every page failed; the first: \(page.url): \(page.failure ?? "status \(page.status)")")
    }
    if samePages == false {
      return .work("the crawls didn't find the same pages, each once: this is a bug, please report it")
    }
    return nil
  }

  private var haveModels: Bool { runs.contains { $0.mechanism == nil } }

  /// The name of a run in the table; among models, a mechanism's name alone would be unclear.
  private func name(_ run: CrawlRun) -> String {
    run.mechanism.map { haveModels ? "\(run.model), \($0)" : $0 } ?? run.model
  }

  var table: String {
    let largest = runs.map(\.coordinationMicroseconds).max() ?? 0
    let unit = workload.kind == "nothing" ? "jobs" : "pages"
    // Leaves out the columns of kinds of crawl that didn't run.
    let haveProcesses = runs.contains { $0.mechanism != nil }
    var table = Table(
      [
        (haveModels ? "model" : "mechanism", .left), (unit, .right), ("wall", .right), ("\(unit)/s", .right),
        ("cost each", .right), ("", .left), ("CPU", .right), ("switches", .right),
      ] + (haveModels ? [("processes", .right), ("threads", .right)] : [])
        + (haveProcesses ? [("dispatch p50", .right), ("p99", .right), ("channel", .right)] : [])
        + [("memory", .right)] + (haveModels ? [("grown", .right)] : []))
    for run in runs {
      table.add(
        [
          name(run), Figure.grouped(run.pages), Figure.time(microseconds: run.wallSeconds * 1e6),
          Figure.short(run.pagesPerSecond), Figure.time(microseconds: run.coordinationMicroseconds),
          Figure.bar(run.coordinationMicroseconds, of: largest, width: 10),
          Figure.time(microseconds: (run.cpuUserSeconds + run.cpuSystemSeconds) * 1e6),
          Figure.grouped(run.voluntarySwitches + run.involuntarySwitches),
        ] + (haveModels ? [Figure.grouped(run.processes), Figure.grouped(run.threads)] : [])
          + (haveProcesses
            ? [
              run.dispatch.map { Figure.time(microseconds: $0.p50) } ?? "",
              run.dispatch.map { Figure.time(microseconds: $0.p99) } ?? "",
              run.channelBytes.map { Figure.bytes($0) } ?? "",
            ] : []) + [Figure.bytes(run.peakKilobytes * 1024)]
          + (haveModels ? [Figure.bytes(run.grownKilobytes * 1024)] : []))
    }
    return "\(heading)\n\n\(table.text)\n\n\(columns(haveProcesses))\n\(conclusion)"
  }

  private var heading: String {
    let what =
      switch workload.kind {
      case "slow": "\(workload.pages) pages that each answer after \(workload.delayMilliseconds) ms"
      case "site": "a site of \(Figure.grouped(workload.pages)) linked pages"
      case "nothing": "\(Figure.grouped(workload.pages)) jobs that do nothing"
      default: "a real site"
      }
    return
      "\(what), \(workload.workers) \(runs.contains { $0.mechanism == nil } ? "at once" : "worker processes"), \(machine.cpus) CPUs (\(machine.cpu)), Linux \(machine.kernel)"
  }

  /// What the columns mean.
  private func columns(_ haveProcesses: Bool) -> String {
    let unit = workload.kind == "nothing" ? "job" : "page"
    var lines = [
      "wall: the time from the first \(unit) to the last.",
      "cost each: the coordination cost per \(unit): how much longer the crawl took than the work itself.",
      "CPU, switches: CPU time and context switches of all processes; memory: their peak.",
    ]
    if haveModels {
      lines.append("threads: the most that were seen; grown: the part of the memory that the crawl added.")
    }
    if haveProcesses {
      lines.append(
        "dispatch p50, p99: from the coordinator's send until a worker has the job; channel: bytes that were carried."
      )
    }
    return lines.joined(separator: "\n")
  }

  /// The main result, in a sentence.
  private var conclusion: String {
    let requeued = runs.reduce(0) { $0 + $1.requeued }
    let failed = runs.map(\.failed).max() ?? 0
    var text: String
    if let least = runs.min(by: { $0.coordinationMicroseconds < $1.coordinationMicroseconds }),
      let most = runs.max(by: { $0.coordinationMicroseconds < $1.coordinationMicroseconds }), runs.count > 1
    {
      let cheap = Figure.time(microseconds: least.coordinationMicroseconds)
      let dear = Figure.time(microseconds: most.coordinationMicroseconds)
      switch workload.kind {
      case "slow":
        let quick = runs.min { $0.wallSeconds < $1.wallSeconds } ?? least
        let slow = runs.max { $0.wallSeconds < $1.wallSeconds } ?? most
        let fastest = Figure.time(microseconds: quick.wallSeconds * 1e6)
        let slowest = Figure.time(microseconds: slow.wallSeconds * 1e6)
        text =
          "The crawl took \(fastest) (\(name(quick))) to \(slowest) (\(name(slow))); coordination cost \(cheap) (\(name(least))) to \(dear) (\(name(most))) per page."
      case "nothing":
        text =
          "A job that does nothing costs \(cheap) (\(name(least))) to \(dear) (\(name(most))): coordination alone."
      default:
        text =
          "Coordination cost \(cheap) (\(name(least))) to \(dear) (\(name(most))) per page."
      }
    } else {
      text = ""
    }
    if failed > 0, let page = firstFailure {
      text +=
        "\n\(Figure.grouped(failed)) failed; the first: \(page.url): \(page.failure ?? "status \(page.status)")."
    }
    if requeued > 0 {
      text += "\n\(Figure.grouped(requeued)) jobs of workers that died were given to others."
    }
    return text
  }
}
