import Benchmarking
import IPC
import SystemCalls

/// The options of `ipc bench`, checked before anything is measured.
struct BenchOptions {
  enum Format { case table, json, csv, markdown }

  let plan: BenchmarkPlan
  let format: Format
  let html: ReportFile?
  let crawl: CrawlFigures?
  let earlier: BenchmarkReport?

  init(_ arguments: inout Arguments) throws {
    let chosenMechanisms = try arguments.mechanisms(offering: { !$0.traits.peerIsCommand })
    let chosenSizes = try arguments.value("--size")
    let chosenWaits = try arguments.value("--wait")
    let chosenModes = try arguments.value("--mode")
    let processes = try arguments.number("--processes", 1...64)
    let pin = try arguments.value("--pin")
    let repeats = try arguments.number("--repeats", 1...1000)
    let seconds = try arguments.seconds("--seconds")
    let rate = try arguments.number("--rate", 1...10_000_000)
    let wantsRaw = arguments.flag("--raw")
    let isQuick = arguments.flag("--quick")
    let seed = try arguments.number("--seed", 0...Int.max) ?? 1
    format = try Self.format(&arguments)
    let htmlPath = try arguments.value("--html")
    let crawlPath = try arguments.value("--crawl")
    let earlierPath = try arguments.value("--compare")
    let words = try arguments.rest()
    guard words.count <= 1 else {
      throw Failure.call("unexpected argument \"\(words[1])\": name one workload, or all")
    }

    let isWhole = words.isEmpty || words == ["all"] || isQuick
    let workloads = try Self.workloads(words.first)
    let mechanisms = chosenMechanisms?.list ?? Mechanism.all
    let sizes = try (chosenSizes.map { try Self.list($0, "--size") { ChannelOptions.bytes($0) } })
    let waits = try chosenWaits.map { try Self.list($0, "--wait") { WaitStrategy(rawValue: $0) } }
    let modes = try chosenModes.map { try Self.list($0, "--mode") { SendMode(rawValue: $0) } }
    let cpus = try Self.cpus(pin)
    if processes != nil, !workloads.contains(where: \.takesProcesses) {
      throw Failure.call(
        "--processes is for \(Workload.all.filter(\.takesProcesses).map(\.name).joined(separator: ", ")): \(words[0]) has two processes"
      )
    }
    if crawlPath != nil, htmlPath == nil {
      throw Failure.call("--crawl adds to the HTML report: name its file with --html FILE")
    }

    do {
      let found: (cases: [BenchmarkCase], leftOut: [String])
      if words.isEmpty || isQuick, sizes == nil, waits == nil, modes == nil, rate == nil {
        found = QuickSet.cases(workloads, mechanisms, processes: processes ?? 2)
      } else {
        found = try Self.cases(
          workloads, mechanisms, areNamed: chosenMechanisms?.areNamed ?? false, sizes, waits,
          modes,
          processes: processes ?? 2, rate: rate.map(Double.init), isWhole: isWhole)
      }
      guard !found.cases.isEmpty else {
        throw Failure.call(found.leftOut.first ?? "no case is left to measure: name other mechanisms")
      }
      var plan = BenchmarkPlan(
        cases: found.cases, repeats: repeats ?? 10,
        seconds: seconds ?? (isQuick || words.isEmpty ? 0.05 : 0.125), cpus: cpus,
        raw: wantsRaw || isWhole, seed: UInt64(seed), processArguments: [BenchmarkExchangeProcess.argument])
      plan.leftOut = found.leftOut
      plan.pinsAll = pin != nil && pin != "none"
      plan.isQuick = isQuick || words.isEmpty
      self.plan = plan
      crawl = try crawlPath.map { try CrawlFigures.read($0) }
      earlier = try earlierPath.map { try BenchmarkReport.read($0) }
    } catch let error as BenchmarkError {
      throw Failure(error)
    }
    html = try htmlPath.map { try ReportFile($0, option: "--html") }
  }

  /// The cases, with each workload's defaults for what the caller left out.
  private static func cases(
    _ workloads: [Workload], _ mechanisms: [Mechanism], areNamed: Bool, _ sizes: [Int]?,
    _ waits: [WaitStrategy]?,
    _ modes: [SendMode]?, processes: Int, rate: Double?, isWhole: Bool
  ) throws(BenchmarkError) -> (cases: [BenchmarkCase], leftOut: [String]) {
    var cases: [BenchmarkCase] = []
    var leftOut: [String] = []
    for workload in workloads {
      let isWide = isWhole && workload.comparesSizes
      let choice = BenchmarkChoice(
        workloads: [workload], mechanisms: mechanisms, mechanismsAreNamed: areNamed && !isWhole,
        sizes: sizes ?? (isWide ? BenchmarkCase.comparedSizes : [64]),
        sizesAreNamed: sizes != nil && !isWhole,
        waits: waits ?? (rate == nil ? workload.defaultWaits : [.block]),
        modes: modes ?? (isWide ? [.each, .batched] : [.each]), modesAreNamed: modes != nil && !isWhole,
        processes: processes, rate: workload.takesRate || !isWhole ? rate : nil)
      do throws(BenchmarkError) {
        let found = try choice.cases()
        cases += found.cases
        leftOut += found.leftOut
      } catch {
        // Of all workloads, one that none of the mechanisms can do is left out.
        guard isWhole else { throw error }
        leftOut.append(error.description)
      }
    }
    return (cases, leftOut)
  }

  private static func format(_ arguments: inout Arguments) throws -> Format {
    let wanted: [(Format, String)] = [(.json, "--json"), (.csv, "--csv"), (.markdown, "--markdown")].filter {
      arguments.flag($0.1)
    }
    guard wanted.count <= 1 else {
      throw Failure.call("\(wanted.map(\.1).joined(separator: " and ")): choose one output format")
    }
    return wanted.first?.0 ?? .table
  }

  private static func workloads(_ word: String?) throws -> [Workload] {
    guard let word, word != "all" else { return Workload.all }
    guard let workload = Workload(named: word) else {
      let subcommands = BenchCommand.subcommands.map { $0.name }
      guard !subcommands.contains(word) else {
        throw Failure.call("\(word) is a subcommand, which comes before the options: ipc bench \(word) …")
      }
      throw Failure.unknown("workload", word, Workload.all.map(\.name) + ["all"] + subcommands)
    }
    return [workload]
  }

  private static func list<Value: Hashable>(
    _ text: String, _ option: String, _ value: (String) -> Value?
  ) throws -> [Value] {
    var seen: Set<Value> = []
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let found = value(String(word)) else { throw Failure.call(wrong(option, String(word))) }
      return found
    }.filter { seen.insert($0).inserted }
  }

  private static func wrong(_ option: String, _ word: String) -> String {
    let possible =
      switch option {
      case "--size": "expected sizes such as 64,1K,64K,1M"
      case "--wait": Suggestion.choice(for: word, among: WaitStrategy.allCases.map(\.rawValue))
      default: Suggestion.choice(for: word, among: SendMode.allCases.map(\.rawValue))
      }
    return "\(option) \(word): \(possible)"
  }

  /// The CPUs that the caller named, or the first two.
  static func cpus(_ text: String?) throws -> [Int] {
    if text == "none" { return [] }
    guard let text else { return Processes.usableCPUs.count > 1 ? Array(Processes.usableCPUs.prefix(2)) : [] }
    return try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let cpu = Int(word) else {
        throw Failure.call("--pin \(text): expected CPUs such as 0,1, or none")
      }
      guard Processes.usableCPUs.contains(cpu) else {
        let there = Processes.usableCPUs.map(String.init).joined(separator: ", ")
        throw Failure.call("--pin \(text): this process can't run on CPU \(cpu): choose from \(there)")
      }
      return cpu
    }
  }
}
