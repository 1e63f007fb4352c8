import IPC

/// The arguments of a command. It takes its options one by one, then what is left.
struct Arguments {
  private static let secondsRange = 0.01...600.0

  private let command: String
  private var list: [String]
  /// The options that the command has asked for, which are all of its own once it asks for the rest.
  private var known = Self.help

  private static let help = ["--help"]

  /// What stands behind `--`: another program's arguments; nil without `--`, and once the command has taken them.
  private var behindDashes: [String]?

  init(command: String, _ list: [String]) {
    self.command = command
    let dashes = list.firstIndex(of: "--")
    self.list = Array(list[..<(dashes ?? list.endIndex)])
    behindDashes = dashes.map { Array(list[($0 + 1)...]) }
  }

  /// The words behind `--`; nil: there is none.
  mutating func programAndArguments() -> [String]? {
    defer { behindDashes = nil }
    return behindDashes
  }

  var wantsHelp: Bool { list.contains("--help") || list.contains("-h") }

  /// A wrong call, with a hint at the help.
  func wrong(_ what: String) -> Failure {
    let isQuestion = what.hasSuffix("?")
    return .call("\(what)\(isQuestion ? " " : "; ")ipc \(command) --help explains the options")
  }

  /// Whether `--name` is there.
  mutating func flag(_ name: String) -> Bool {
    known.append(name)
    guard let index = list.firstIndex(of: name) else { return false }
    list.remove(at: index)
    return true
  }

  /// The value of `--name VALUE` or `--name=VALUE`.
  mutating func value(_ name: String) throws -> String? {
    known.append(name)
    if let index = list.firstIndex(where: { $0.hasPrefix(name + "=") }) {
      return String(list.remove(at: index).dropFirst(name.count + 1))
    }
    guard let index = list.firstIndex(of: name) else { return nil }
    guard index + 1 < list.count, !list[index + 1].hasPrefix("--") else {
      throw wrong("\(name) needs a value")
    }
    list.remove(at: index)
    return list.remove(at: index)
  }

  /// A number of seconds, which may have a fraction.
  mutating func seconds(_ name: String) throws -> Double? {
    guard let text = try value(name) else { return nil }
    guard let seconds = Double(text), Self.secondsRange.contains(seconds) else {
      throw wrong(
        "\(name) \(text): choose from \(Self.secondsRange.lowerBound) to \(Int(Self.secondsRange.upperBound)) seconds"
      )
    }
    return seconds
  }

  /// A whole number in a range.
  mutating func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
    guard let text = try value(name) else { return nil }
    guard let number = Int(text) else { throw wrong("\(name) \(text): expected a whole number") }
    guard range.contains(number) else {
      throw wrong("\(name) \(text): choose a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// The mechanisms of `--mechanism pipe,memory`, each once. `areNamed`: they were named one by one.
  ///
  /// - Parameters:
  ///   - keepsAll: whether one that is named twice is in the list twice.
  ///   - isOffered: whether one can do what the command needs: those that an unknown word may have meant.
  mutating func mechanisms(
    keepsAll: Bool = false, offering isOffered: (Mechanism) -> Bool = { _ in true }
  ) throws -> (list: [Mechanism], areNamed: Bool)? {
    guard let text = try value("--mechanism") else { return nil }
    var seen: Set<Mechanism> = []
    let list = try text.split(separator: ",", omittingEmptySubsequences: false).flatMap {
      name -> [Mechanism] in
      if name == "all" { return Mechanism.all }
      do throws(ChannelError) {
        return [try Mechanism(named: String(name))]
      } catch {
        let offered = (Mechanism.all + Mechanism.variants).filter(isOffered).map { $0.name }
        throw Failure.unknown("mechanism", name, offered + ["all"])
      }
    }
    return (list.filter { seen.insert($0).inserted || keepsAll }, text != "all")
  }

  /// One of a few words.
  mutating func choice(_ name: String, _ words: [String]) throws -> String? {
    guard let text = try value(name) else { return nil }
    guard words.contains(text) else {
      throw wrong("\(name) \(text): \(Suggestion.choice(for: text, among: words))")
    }
    return text
  }

  /// What is left, in which no option may be.
  mutating func rest() throws -> [String] {
    if behindDashes != nil { throw wrong("unexpected argument \"--\"") }
    if let option = list.first(where: { $0.hasPrefix("-") && $0 != "-" }) {
      // Without the value of "--name=VALUE".
      let name = option.prefix { $0 != "=" }
      if let meant = Suggestion.nearest(to: name, among: known) {
        throw wrong("unknown option \(name): did you mean \(meant)?")
      }
      throw wrong("unknown option \(option)")
    }
    defer { list = [] }
    return list
  }

  /// Nothing may be left.
  mutating func end() throws {
    if let extra = try rest().first { throw wrong("unexpected argument \"\(extra)\"") }
  }
}

extension Mechanism {
  /// Whether it carries messages between a process and another one that it starts.
  var carriesJobs: Bool { traits.carries == .messages && traits.anonymous }
}
