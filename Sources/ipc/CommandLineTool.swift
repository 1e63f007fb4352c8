import IPC
import SystemCalls

enum CommandLineTool {
  static let help = """
    example: ipc crawl                      the same crawl over every mechanism, and what each costs
             ipc crawl --work slow --model all --workers 10     the same in every model of concurrency
             ipc demo pipe                  what a pipe is

    usage: ipc COMMAND [options]
           ipc help [COMMAND…]
           ipc --version

    Channels between processes, over every mechanism of the system.

    \(HelpText.list(Commands.all))

    ipc COMMAND --help, or ipc help COMMAND, explains a command.
    """

  /// Runs a command; returns the exit code.
  static func run(_ list: [String]) -> Int32 {
    if let process = list.first.flatMap({ word in Commands.processes.first { $0.argument == word } }) {
      return code { try process.runQuietly(Array(list.dropFirst())) }
    }
    Interruption.begin()
    defer { Interruption.removeLeftovers() }
    return code {
      try dispatch(list)
      try Terminal.checkOutput()
    }
  }

  private static func code(_ body: () throws -> Void) -> Int32 {
    do {
      try body()
      return 0
    } catch let failure as Failure {
      if !failure.message.isEmpty { Terminal.error(failure.message) }
      return failure.exitCode
        ?? (failure.kind == .interrupted ? Interruption.exitCode : failure.kind.rawValue)
    } catch let error as ChannelError {
      Terminal.error(error.description)
      let isWrongCall = [.invalidAddress, .unknownMechanism, .notSupported].contains(error.code)
      return (isWrongCall ? Failure.Kind.call : .work).rawValue
    } catch let error as SystemError {
      // With the call that failed, and the limit behind it: a thread that can't start.
      Terminal.error(ChannelError(error, .open, nil).description)
      return Failure.Kind.work.rawValue
    } catch {
      Terminal.error("\(error)")
      return Failure.Kind.work.rawValue
    }
  }

  private static func dispatch(_ list: [String]) throws {
    guard let first = list.first else {
      Terminal.note(help)
      throw Failure(kind: .call, message: "")
    }
    switch first {
    case "--help", "-h": return Terminal.print(help)
    case "help": return try explain(Array(list.dropFirst()))
    case "--version": return Terminal.print("ipc \(packageVersion)")
    default: break
    }
    let rest = Array(list.dropFirst())
    try run(try command(named: first), called: first, rest)
  }

  private static func command(named name: String) throws -> any Command.Type {
    if let command = Commands.all.first(where: { $0.name == name }) { return command }
    guard name.hasPrefix("-") else {
      let words = Commands.all.map { $0.name } + ["help"]
      throw Failure.call("\(Suggestion.unknown("command", name, among: words)); ipc --help explains them")
    }
    throw Failure.call(
      "\(Suggestion.unknown("option", name, among: ["--help", "--version"])); a command's options come after it"
    )
  }

  /// `ipc help bench steps`: what `ipc bench steps --help` prints.
  private static func explain(_ words: [String]) throws {
    guard let first = words.first, !["--help", "-h", "help"].contains(first) else {
      return Terminal.print(help)
    }
    var chosen = try command(named: first)
    for (index, word) in words.enumerated().dropFirst() where !["--help", "-h"].contains(word) {
      guard let subcommand = chosen.subcommands.first(where: { $0.name == word }) else {
        let called = words[..<index].joined(separator: " ")
        guard !chosen.subcommands.isEmpty else {
          throw Failure.call("\(called) has no subcommands, such as \"\(word)\": write ipc help \(called)")
        }
        throw Failure.unknown("subcommand of \(called)", word, chosen.subcommands.map { $0.name })
      }
      chosen = subcommand
    }
    Terminal.print(chosen.help())
  }

  /// Runs a command, or the subcommand that its first argument chooses.
  private static func run(_ command: any Command.Type, called name: String, _ list: [String]) throws {
    if let first = list.first, let subcommand = command.subcommands.first(where: { $0.name == first }) {
      return try run(subcommand, called: "\(name) \(first)", Array(list.dropFirst()))
    }
    var arguments = Arguments(command: name, list)
    if arguments.wantsHelp { return Terminal.print(command.help(for: list)) }
    if command.removesLeftovers { Leftovers.areRemoved }
    try command.run(&arguments)
  }
}
