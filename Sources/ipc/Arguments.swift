import IPC

/// A command's arguments: options taken one by one, then what is left.
struct Arguments {
  private let command: String
  private var list: [String]

  init(command: String, _ list: [String]) {
    self.command = command
    self.list = list
  }

  var wantsHelp: Bool { list.contains("--help") || list.contains("-h") }

  private func wrong(_ what: String) -> Failure { .call("\(what); ipc \(command) --help shows the options") }

  /// Whether `--name` is there.
  mutating func flag(_ name: String) -> Bool {
    guard let index = list.firstIndex(of: name) else { return false }
    list.remove(at: index)
    return true
  }

  /// The value of `--name VALUE` or `--name=VALUE`.
  mutating func value(_ name: String) throws -> String? {
    if let index = list.firstIndex(where: { $0.hasPrefix(name + "=") }) {
      return String(list.remove(at: index).dropFirst(name.count + 1))
    }
    guard let index = list.firstIndex(of: name) else { return nil }
    guard index + 1 < list.count, !list[index + 1].hasPrefix("--") else {
      throw wrong("\(name) wants a value")
    }
    list.remove(at: index)
    return list.remove(at: index)
  }

  /// Takes the first argument if it is this word.
  mutating func takesWord(_ word: String) -> Bool {
    guard list.first == word else { return false }
    list.removeFirst()
    return true
  }

  /// Seconds, also parts of one.
  mutating func seconds(_ name: String) throws -> Double? {
    guard let text = try value(name) else { return nil }
    guard let seconds = Double(text), seconds >= 0.01, seconds <= 600 else {
      throw wrong("\(name) \(text): seconds from 0.01 to 600 are possible")
    }
    return seconds
  }

  /// A whole number in a range.
  mutating func number(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
    guard let text = try value(name) else { return nil }
    guard let number = Int(text) else { throw wrong("\(name) \(text): that is no whole number") }
    guard range.contains(number) else {
      throw wrong("\(name) \(text): a number from \(range.lowerBound) to \(range.upperBound) is possible")
    }
    return number
  }

  /// The mechanisms of `--mechanism pipe,memory`, each once; `areNamed`: not just all of them.
  mutating func mechanisms() throws -> (list: [Mechanism], areNamed: Bool)? {
    guard let text = try value("--mechanism") else { return nil }
    var seen: Set<Mechanism> = []
    let list = try text.split(separator: ",", omittingEmptySubsequences: false).flatMap { name in
      name == "all" ? Mechanism.all : [try Mechanism(named: String(name))]
    }
    return (list.filter { seen.insert($0).inserted }, text != "all")
  }

  /// One of a few words.
  mutating func choice(_ name: String, _ words: [String]) throws -> String? {
    guard let text = try value(name) else { return nil }
    guard words.contains(text) else {
      throw wrong("\(name) \(text): there are \(words.joined(separator: ", "))")
    }
    return text
  }

  /// What is left, which must not look like an option.
  mutating func rest() throws -> [String] {
    if let option = list.first(where: { $0.hasPrefix("-") && $0 != "-" }) {
      throw wrong("no option \(option)")
    }
    defer { list = [] }
    return list
  }

  /// Nothing may be left.
  mutating func end() throws {
    if let extra = try rest().first { throw wrong("\"\(extra)\" is one too many") }
  }
}
