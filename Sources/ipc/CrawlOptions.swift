import Crawling
import IPC
import SystemCalls

/// The options of `ipc crawl`, checked.
struct CrawlOptions {
  /// What is compared, in this order.
  var configurations: [CrawlConfiguration]
  /// The same crawl in one process, which is measured beside them where nothing else was asked for.
  var baselines: [CrawlConfiguration] = []
  var plan: CrawlPlan
  var isEmbedded: Bool
  /// How often each crawl is measured.
  var repeats: Int
  /// How many repeats of their own time the system calls; 0: each repeat does.
  var timedRepeats: Int
  var output: String?
  var html: String?
  var json: Bool
  /// The only mechanism of a crawl of a real site, where none was named; nil if several are compared.
  private(set) var onlyMechanism: String?
  /// Whether certificates of https servers aren't checked.
  private let isInsecure: Bool

  init(_ arguments: inout Arguments) throws {
    let chosenMechanisms = try arguments.mechanisms(keepsAll: true, offering: { $0.carriesJobs })?.list
    let chosenModels = try arguments.value("--model")
    var mechanisms = chosenMechanisms ?? Mechanism.all
    for mechanism in mechanisms where !mechanism.carriesJobs {
      throw Failure.call(
        "--mechanism \(mechanism) can't carry jobs: choose one that carries messages, such as memory")
    }
    let workers = try arguments.number("--workers", 1...100_000) ?? 4
    let chosen = try arguments.choice("--work", CrawlPlan.Workload.generated.map(\.rawValue))
    let pages = try arguments.number("--pages", 1...100_000_000)
    let delay = try arguments.number("--delay", 0...600_000)
    let depth = try arguments.number("--depth", 0...1_000_000)
    let limit = try arguments.number("--limit", 1...100_000_000)
    let seed = try arguments.number("--seed", 0...Int.max) ?? 1
    let chosenRepeats = try arguments.number("--repeats", 1...10_000)
    let chosenWindow = try Self.window(&arguments)
    configurations = try Self.configurations(chosenModels ?? CrawlModels.processes, mechanisms, [.auto])
    if workers > Self.mostProcesses, configurations.contains(where: \.usesProcesses) {
      throw Failure.call(
        "--workers \(workers): choose at most \(Self.mostProcesses) processes; the other models can fetch more pages at once"
      )
    }
    if let chosenModels, chosenMechanisms != nil, !configurations.contains(where: \.usesProcesses) {
      throw Failure.call(
        "--mechanism is for several processes, and --model \(chosenModels) runs in one: leave it out"
      )
    }
    output = try arguments.value("--output")
    html = try arguments.value("--html")
    json = arguments.flag("--json")
    isInsecure = arguments.flag("--insecure")
    let urls = try arguments.rest()

    let work: CrawlPlan.Workload = urls.isEmpty ? CrawlPlan.Workload(rawValue: chosen ?? "site")! : .web
    if let chosen, !urls.isEmpty {
      throw Failure.call(
        "--work \(chosen) is for the generated site: leave out either it or the URL"
      )
    }
    if work == .web, pages != nil || delay != nil {
      throw Failure.call("--pages and --delay are for the generated site: use --limit and --depth with a URL")
    }
    // Somebody else's server is read once, unless more is asked for.
    if work == .web, chosenMechanisms == nil { mechanisms = [Self.mechanismOfSite] }
    let (defaultPages, defaultRepeats) =
      switch work {
      case .slow: (10, 3)
      case .site: (600, 12)
      case .web: (1000, 1)
      case .nothing: (20_000, 12)
      }
    repeats = chosenRepeats ?? defaultRepeats
    timedRepeats =
      work == .site || work == .nothing
      ? min(Self.mostTimedRepeats, max(1, repeats / Self.repeatsPerTimed)) : 0
    // Pages that take a second, or somebody else's server, show nothing of a window.
    let windows =
      chosenWindow.map { [$0] } ?? (work == .site || work == .nothing ? [.jobs(1), .auto] : [.auto])
    configurations = try Self.configurations(chosenModels ?? CrawlModels.processes, mechanisms, windows)
    if chosenModels == nil, chosenMechanisms == nil, work != .web {
      // Ten pages of a second each, one after the other, would show their own time only.
      baselines = CrawlModels.baselines.filter { work != .slow || $0.most > 1 }.map { .model($0) }
    }
    if chosenWindow != nil, !configurations.contains(where: { $0.window != nil }) {
      throw Failure.call("--window is for worker processes: leave it out, or add --model processes")
    }
    isEmbedded = work == .slow || work == .site
    plan = CrawlPlan(
      work: work, workers: workers, pages: pages ?? defaultPages,
      delayMilliseconds: delay ?? (work == .slow ? 1000 : 0), seed: UInt64(seed),
      workerArguments: [CrawlWorkerProcess.argument], actorArguments: [CrawlActorProcess.argument])
    plan.deepest = depth.map { UInt32($0) } ?? .max
    plan.limit = limit ?? (work == .web ? 10_000 : .max)
    for url in urls { plan.add(seed: try CrawlAddress.read(url)) }
    if work == .web, chosenMechanisms == nil, configurations.contains(where: \.usesProcesses) {
      onlyMechanism = Self.mechanismOfSite.name
    }
    if let secure = plan.seeds.first(where: { $0.hasPrefix("https:") }) {
      guard configurations.allSatisfy(\.usesProcesses) else {
        throw Failure.call("\(secure) needs TLS, which only worker processes have: use --model processes")
      }
      try useSecureWorkers(&plan, for: secure)
    }
  }

  static let mechanismOfSite = Mechanism.pipe

  /// Lets the workers be those that have TLS.
  func useSecureWorkers(_ plan: inout CrawlPlan, for url: String) throws {
    plan.workerProgram = try HTTPSWorker.path(for: url)
    plan.workerArguments = isInsecure ? [HTTPSWorker.insecureArgument] : []
  }

  /// What a coordinator has by itself, and while a worker's process starts.
  private static let descriptorsOfCoordinator = 40
  /// What it has for a worker: the ends of two channels, and of the pipe that ends the worker with it.
  private static let descriptorsPerWorker = 9

  /// Fails where a coordinator can't have the descriptors of so many workers, before anything is measured.
  func checkDescriptors() throws(Failure) {
    guard configurations.contains(where: \.usesProcesses) else { return }
    let needed = Self.descriptorsOfCoordinator + plan.workers * Self.descriptorsPerWorker
    let limit = Processes.descriptorLimit
    guard needed > limit else { return }
    throw .call(
      "--workers \(plan.workers) needs up to \(needed) descriptors, and ulimit -n allows \(limit): raise it (ulimit -n \(needed)), or use fewer workers"
    )
  }

  private static let mostProcesses = 1000
  /// Shares of a time are steadier than the time: few repeats measure them.
  private static let mostTimedRepeats = 3
  private static let repeatsPerTimed = 4

  private static func window(_ arguments: inout Arguments) throws -> CrawlWindow? {
    guard let text = try arguments.value("--window") else { return nil }
    if text == CrawlWindow.auto.description { return .auto }
    guard let count = Int(text), (1...65_536).contains(count) else {
      throw Failure.call(
        "--window \(text): choose a number from 1 to 65536, or auto; ipc crawl --help explains the options")
    }
    return .jobs(count)
  }

  private static func configurations(
    _ models: String, _ mechanisms: [Mechanism], _ windows: [CrawlWindow]
  ) throws -> [CrawlConfiguration] {
    var seen: Set<String> = []
    let names = models.split(separator: ",", omittingEmptySubsequences: false).flatMap { word in
      word == "all" ? CrawlModels.names : [String(word)]
    }.filter { seen.insert($0).inserted }
    // The models in one process first, then those in several.
    let models = try names.filter { $0 != CrawlModels.processes }.map { name -> CrawlConfiguration in
      guard let model = CrawlModels.all.first(where: { $0.name == name }) else {
        throw Failure.unknown("model", name, CrawlModels.names + ["all"])
      }
      return .model(model)
    }
    let actors = seen.contains(CrawlModels.actors) ? mechanisms.map { CrawlConfiguration.actors($0) } : []
    let processes =
      seen.contains(CrawlModels.processes)
      ? windows.flatMap { window in mechanisms.map { CrawlConfiguration.processes($0, window) } } : []
    return models + actors + processes
  }
}
