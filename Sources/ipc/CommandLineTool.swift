import Benchmarking
import Crawling
import IPC
import SystemCalls

/// A command of the tool.
protocol Command: SendableMetatype {
  static var name: String { get }
  static var summary: String { get }
  /// What `--help` prints, with an example.
  static var help: String { get }
  static func run(_ arguments: inout Arguments) throws
}

/// Why the tool ends without having done what it was asked: one line, and an exit code.
struct Failure: Error {
  enum Kind: Int32 {
    /// The work failed.
    case work = 1
    /// The call was wrong.
    case call = 2
    case interrupted = 130
  }

  let kind: Kind
  let message: String

  static func call(_ message: String) -> Failure { Failure(kind: .call, message: message) }
  static func work(_ message: String) -> Failure { Failure(kind: .work, message: message) }
  static let interrupted = Failure(kind: .interrupted, message: "")
}

enum CommandLineTool {
  static let version = "0.1.0"
  static let commands: [any Command.Type] = [
    CrawlCommand.self, BenchCommand.self, MechanismsCommand.self, DemoCommand.self, SiteCommand.self,
  ]

  static let help = """
    ipc: channels between processes, over every mechanism that the system has

    usage: ipc COMMAND [options]

    \(commands.map { "  " + pad($0.name, 12) + $0.summary }.joined(separator: "\n"))

    ipc COMMAND --help says more, with an example. To begin with:
      ipc crawl                      the same crawl over every mechanism, and what each cost
      ipc crawl --work slow --model all --workers 10     the same in every model of concurrency
      ipc demo pipe                  what a pipe is
    """

  static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }

  /// Runs a command; returns the exit code.
  static func run(_ list: [String]) -> Int32 {
    do {
      try dispatch(list)
      return 0
    } catch let failure as Failure {
      if !failure.message.isEmpty { Terminal.error(failure.message) }
      return failure.kind.rawValue
    } catch let error as ChannelError {
      Terminal.error(error.description)
      // What the caller wrote was wrong, or what the machine did.
      return [.invalidAddress, .unknownMechanism, .notSupported].contains(error.code) ? 2 : 1
    } catch {
      Terminal.error("\(error)")
      return 1
    }
  }

  private static func dispatch(_ list: [String]) throws {
    guard let first = list.first else {
      Terminal.print(help)
      throw Failure(kind: .call, message: "")
    }
    switch first {
    case "--help", "-h", "help": Terminal.print(help)
    case "--version": Terminal.print("ipc \(version)")
    case CrawlCommand.workerArgument: try Crawl.serve()
    case CrawlCommand.actorArgument: try ActorCrawl.serve()
    case BenchCommand.partArgument where list.count == 2: BenchmarkPart.serve(list[1])
    case BenchmarkPart.workerArgument: try BenchmarkPart.work()
    case BenchmarkPart.actorArgument: try BenchmarkPart.hostActor()
    case SelectRun.senderArgument: try SelectRun.send()
    default:
      guard let command = commands.first(where: { $0.name == first }) else {
        let names = commands.map { $0.name }.joined(separator: ", ")
        throw Failure.call("no command \"\(first)\": there are \(names); ipc --help says what they do")
      }
      var arguments = Arguments(command: first, Array(list.dropFirst()))
      if arguments.wantsHelp { return Terminal.print(command.help) }
      try command.run(&arguments)
    }
  }
}
