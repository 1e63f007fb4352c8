import IPC

enum CommandLineTool {
  static let version = "0.1.0"

  static let help = """
    example: ipc crawl                      the same crawl over every mechanism, and what each costs
             ipc crawl --work slow --model all --workers 10     the same in every model of concurrency
             ipc demo pipe                  what a pipe is

    usage: ipc COMMAND [options]

    Channels between processes, over every mechanism of the system.

    \(HelpText.list(Commands.all))

    ipc COMMAND --help explains a command.
    """

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
      let isWrongCall = [.invalidAddress, .unknownMechanism, .notSupported].contains(error.code)
      return (isWrongCall ? Failure.Kind.call : .work).rawValue
    } catch {
      Terminal.error("\(error)")
      return Failure.Kind.work.rawValue
    }
  }

  private static func dispatch(_ list: [String]) throws {
    guard let first = list.first else {
      Terminal.print(help)
      throw Failure(kind: .call, message: "")
    }
    switch first {
    case "--help", "-h", "help": return Terminal.print(help)
    case "--version": return Terminal.print("ipc \(version)")
    default: break
    }
    let rest = Array(list.dropFirst())
    if let process = Commands.processes.first(where: { $0.argument == first }) {
      return try process.run(rest)
    }
    guard let command = Commands.all.first(where: { $0.name == first }) else {
      throw Failure.call(
        "unknown command \"\(first)\": choose from \(Commands.all.map { $0.name }.joined(separator: ", ")); ipc --help explains them"
      )
    }
    try run(command, called: first, rest)
  }

  /// Runs a command, or the subcommand that its first argument chooses.
  private static func run(_ command: any Command.Type, called name: String, _ list: [String]) throws {
    if let first = list.first, let subcommand = command.subcommands.first(where: { $0.name == first }) {
      return try run(subcommand, called: "\(name) \(first)", Array(list.dropFirst()))
    }
    var arguments = Arguments(command: name, list)
    if arguments.wantsHelp { return Terminal.print(command.help) }
    try command.run(&arguments)
  }
}
