import Crawling
import Foundation
import IPC
import SystemCalls

/// `ipc crawl`: the same crawl over each mechanism in turn.
enum CrawlCommand: Command {
  static let name = "crawl"
  static let summary = "the same crawl over every mechanism and in every model, and what each cost"
  static let help = """
    ipc crawl [URL…] [--model NAME,…|all] [--mechanism NAME,…|all] [--workers N] [--work slow|site|nothing]
              [--pages N] [--delay MS] [--depth N] [--limit N] [--seed S] [--output PAGES.jsonl] [--json]

    Worker processes fetch pages; a coordinator hands the work out over one mechanism after the other, and a table
    says what each cost. With --model, the same in one process, in one model of concurrency after the other. Without
    a URL a generated site is started on this machine, and ended again.

      --model       processes (the default), or what fetches many pages in one process:
    \(CrawlModels.all.map { "                " + CommandLineTool.pad($0.name, 12) + $0.summary }.joined(separator: "\n"))
                    Actors are there twice: all in one process, and one in each worker process, over each mechanism.
                    all: all of them, and then the processes

      --mechanism   \(Mechanism.all.map(\.name).joined(separator: ", ")): all of them (all), or those named;
                    also \(Mechanism.variants.filter { $0.traits.carries == .messages && $0.traits.anonymous }.map(\.name).joined(separator: ", "))
      --workers N   worker processes; in the other models, how many pages at once (4)
      --work        slow: ten known pages that each answer after a second; site: a site of linked pages, no delay
                    (the default); nothing: jobs that do nothing, which is coordination alone
      --pages N     how many pages or jobs (slow 10, site 1000, nothing 100000)
      --delay MS    what a page of the generated site takes (slow 1000, site 0)
      --depth N     how many links away from the first page (no limit)
      --limit N     how many pages at most (10000 for a URL, no limit for the generated site)
      --output FILE one JSON object per page; of several crawls, those of the first
      --json        one JSON document instead of the table

    Stays on the sites of the URLs. Exit codes: 0 done, 1 the work failed, 2 the call was wrong, 130 interrupted.

    example: ipc crawl --work site --pages 2000 --workers 4 --mechanism memory,pipe
             ipc crawl --work slow --model all --workers 10
    """

  static let workerArgument = "--crawl-worker"
  static let actorArgument = "--crawl-actor"

  static func run(_ arguments: inout Arguments) throws {
    let options = try CrawlOptions(&arguments)
    let output = try options.output.map { try ReportFile($0, option: "--output") }
    let session = CrawlSession(options)
    do throws(SystemError) {
      try Interrupts.handle { _ in session.interrupt() }
    } catch {
      throw Failure.work("Ctrl-C can't be handled: \(error.description)")
    }
    let outcome = session.run()
    let report = CrawlReport(options, outcome)
    if let output, let first = outcome.pages.first { try output.write(JSONOutput.lines(first)) }
    if options.json {
      try JSONOutput.print(report)
    } else if !outcome.runs.isEmpty {
      Terminal.print(report.table)
    }
    if let failure = outcome.failure { throw failure }
    if let failure = report.failure { throw failure }
  }
}

/// What the caller asked for, checked.
struct CrawlOptions {
  /// What is compared, in this order.
  var entrants: [CrawlEntrant]
  var plan: CrawlPlan
  var isEmbedded: Bool
  var output: String?
  var json: Bool

  init(_ arguments: inout Arguments) throws {
    let chosenMechanisms = try arguments.mechanisms()?.list
    let chosenModels = try arguments.value("--model")
    let mechanisms = chosenMechanisms ?? Mechanism.all
    for mechanism in mechanisms where mechanism.traits.carries != .messages || !mechanism.traits.anonymous {
      throw Failure.call(
        "--mechanism \(mechanism) carries no jobs: choose one that carries messages, such as memory")
    }
    let workers = try arguments.number("--workers", 1...100_000) ?? 4
    let chosen = try arguments.choice("--work", ["slow", "site", "nothing"])
    let pages = try arguments.number("--pages", 1...100_000_000)
    let delay = try arguments.number("--delay", 0...600_000)
    let depth = try arguments.number("--depth", 0...1_000_000)
    let limit = try arguments.number("--limit", 1...100_000_000)
    let seed = try arguments.number("--seed", 0...Int.max) ?? 1
    entrants = try Self.entrants(chosenModels ?? CrawlModels.processes, mechanisms)
    if workers > Self.mostProcesses, entrants.contains(where: \.areProcesses) {
      throw Failure.call(
        "--workers \(workers): at most \(Self.mostProcesses) processes; the other models can have more at once"
      )
    }
    if let chosenModels, chosenMechanisms != nil, !entrants.contains(where: \.areProcesses) {
      throw Failure.call(
        "--mechanism is what carries work between processes, and --model \(chosenModels) has one: leave it out"
      )
    }
    output = try arguments.value("--output")
    json = arguments.flag("--json")
    let urls = try arguments.rest()

    let work: CrawlPlan.Work = urls.isEmpty ? CrawlPlan.Work(rawValue: chosen ?? "site")! : .web
    if let chosen, !urls.isEmpty {
      throw Failure.call(
        "--work \(chosen) is a crawl of the generated site: leave it out to crawl a URL, or leave the URL out"
      )
    }
    if work == .web, pages != nil || delay != nil {
      throw Failure.call("--pages and --delay are of the generated site: use --limit and --depth with a URL")
    }
    let defaultPages =
      switch work {
      case .slow: 10
      case .site, .web: 1000
      case .nothing: 100_000
      }
    isEmbedded = work == .slow || work == .site
    plan = CrawlPlan(
      work: work, workers: workers, pages: pages ?? defaultPages,
      delayMilliseconds: delay ?? (work == .slow ? 1000 : 0), seed: UInt64(seed),
      workerArguments: [CrawlCommand.workerArgument], actorArguments: [CrawlCommand.actorArgument])
    plan.deepest = depth.map { UInt32($0) } ?? .max
    plan.limit = limit ?? (work == .web ? 10_000 : .max)
    plan.seeds = try urls.map { url in
      guard let normalized = HTMLLinks.normalized(url, relativeTo: nil) else {
        throw Failure.call(
          "\"\(url)\" is no URL that can be crawled: write http://host/path or https://host/path")
      }
      return normalized
    }
    if let secure = plan.seeds.first(where: { $0.hasPrefix("https:") }), !entrants.allSatisfy(\.areProcesses)
    {
      throw Failure.call("\(secure) takes TLS, which only --model processes has: leave the other models out")
    }
  }

  private static let mostProcesses = 1000

  private static func entrants(_ models: String, _ mechanisms: [Mechanism]) throws -> [CrawlEntrant] {
    var seen: Set<String> = []
    let names = models.split(separator: ",", omittingEmptySubsequences: false).flatMap { word in
      word == "all" ? CrawlModels.names : [String(word)]
    }.filter { seen.insert($0).inserted }
    // Those in one process first, then those in several.
    let models = try names.filter { $0 != CrawlModels.processes }.map { name -> CrawlEntrant in
      guard let model = CrawlModels.all.first(where: { $0.name == name }) else {
        throw Failure.call(
          "no model \"\(name)\": there are \(CrawlModels.names.joined(separator: ", ")) and all")
      }
      return .model(model)
    }
    let actors = seen.contains(CrawlModels.actors) ? mechanisms.map { CrawlEntrant.actors($0) } : []
    let processes = seen.contains(CrawlModels.processes) ? mechanisms.map { CrawlEntrant.processes($0) } : []
    return models + actors + processes
  }
}

extension CrawlEntrant {
  /// Whether each worker is a process.
  var areProcesses: Bool { if case .model = self { false } else { true } }
}
