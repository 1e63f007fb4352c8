import Benchmarking
import Crawling
import Demos
import IPC
import SystemCalls

/// A process that the tool starts of itself: this program with an argument that isn't a command.
protocol ToolProcess: SendableMetatype {
  static var argument: String { get }
  /// - Parameter arguments: those after ``argument``.
  static func run(_ arguments: [String]) throws
}

extension ToolProcess {
  /// Runs a worker. One whose coordinator has gone while it began has nothing to say: the tool reports what happened.
  static func quietlyAtTheEnd(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as ChannelError where error.code == .closed {
      throw Failure.work("")
    }
  }

  /// Runs it. Where the process that started it is gone, or about to go, it has nothing to say about what it misses: the tool
  /// reports what happened.
  static func runQuietly(_ arguments: [String]) throws {
    let parent = Processes.parent
    do {
      try run(arguments)
    } catch is ChannelError where isEnding(parent) {
      throw Failure.work("")
    }
  }

  /// How long a parent that cleans up before it ends may take, in nanoseconds.
  private static var endingTime: UInt64 { 500_000_000 }

  private static func isEnding(_ parent: Int32) -> Bool {
    let deadline = Clock.now() + endingTime
    while !Processes.isParentEnding(parent) {
      if Clock.now() > deadline { return false }
      Clock.sleep(nanoseconds: 5_000_000)
    }
    return true
  }
}

/// A worker process of a crawl.
enum CrawlWorkerProcess: ToolProcess {
  static let argument = "--crawl-worker"
  static func run(_ arguments: [String]) throws { try quietlyAtTheEnd { try Crawl.serve() } }
}

/// A process of a crawl that hosts an actor.
enum CrawlActorProcess: ToolProcess {
  static let argument = "--crawl-actor"
  static func run(_ arguments: [String]) throws { try quietlyAtTheEnd { try ActorCrawl.serve() } }
}

/// A process of an exchange that a benchmark measures.
enum BenchmarkExchangeProcess: ToolProcess {
  static let argument = "--bench-part"
  static func run(_ arguments: [String]) throws {
    guard let specification = arguments.first, arguments.count == 1 else {
      throw Failure.call("\(argument) is for the benchmark's own processes: use ipc bench")
    }
    BenchmarkProcess.serve(specification)
  }
}

/// A worker of a pool that a benchmark measures.
enum PoolWorkerProcess: ToolProcess {
  static var argument: String { BenchmarkProcess.workerArgument }
  static func run(_ arguments: [String]) throws { try BenchmarkProcess.work() }
}

/// A process that hosts the actor of a benchmark.
enum ActorHostProcess: ToolProcess {
  static var argument: String { BenchmarkProcess.actorArgument }
  static func run(_ arguments: [String]) throws { try BenchmarkProcess.hostActor() }
}

/// The other process of a demo.
enum DemoRoleProcess: ToolProcess {
  static var argument: String { demoRoleArgument }
  static func run(_ arguments: [String]) throws {
    guard arguments.count == 2 else {
      throw Failure.call("\(argument) is for the demos' own processes: use ipc demo")
    }
    try DemoCommand.demo(named: arguments[0]).other(arguments[1])
  }
}

/// A sender of `ipc bench select`.
enum SelectSenderProcess: ToolProcess {
  static var argument: String { SelectBenchmark.senderArgument }
  static func run(_ arguments: [String]) throws { try SelectBenchmark.send() }
}
