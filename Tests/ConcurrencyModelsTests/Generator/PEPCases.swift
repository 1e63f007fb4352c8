import ConcurrencyModels

/// The generators of the cases: what they yield may be nil, as Python's None, and so may what they return.
typealias PEPGenerator = Generator<Int?, Int, Int?>
typealias PEPYielder = Yielder<Int?, Int>

struct Alarm: Error {}
struct Breakdown: Error {}

/// A generator, or several, and the calls that are made to it: the same as in `pep_cases.py`, which has what Python's
/// generators do.
struct PEPCase: Sendable, CustomStringConvertible {
  let name: String
  let script: String
  let make: @Sendable (PEPLog) -> [PEPGenerator]

  var description: String { name }

  /// These calls, each list a case, to what the function makes.
  static func cases(
    _ scripts: KeyValuePairs<String, String>, _ make: @escaping @Sendable (PEPLog) -> PEPGenerator
  ) -> [PEPCase] {
    several(scripts) { log in [make(log)] }
  }

  static func several(
    _ scripts: KeyValuePairs<String, String>, _ make: @escaping @Sendable (PEPLog) -> [PEPGenerator]
  ) -> [PEPCase] {
    scripts.map { PEPCase(name: $0.key, script: $0.value, make: make) }
  }

  /// The line of this case, without its name: what every call gave, and what the functions said meanwhile.
  func trace() -> String {
    let log = PEPLog()
    var generators: [PEPGenerator?] = make(log)
    var trace = ["made" + log.taken()]
    for call in script.split(separator: ";").map({ $0.drop { $0 == " " } }) {
      let isOther = call.hasPrefix("other.")
      let words = call.drop { isOther && $0 != "." }.drop { $0 == "." }.split(separator: " ")
      if words == ["delete"] {
        generators[0] = nil
        trace.append(call + log.taken())
      } else if let generator = generators[isOther ? 1 : 0] {
        let answer = generator.answer(words[0], words.dropFirst().first ?? "")
        trace.append("\(call) \(answer)" + log.taken())
      }
    }
    let left = generators[0].map { $0.hasEnded ? "left ended" : "left alive" }
    return (trace + [left ?? "gone"]).joined(separator: "; ")
  }
}

/// What the functions of a case say.
final class PEPLog {
  private var words: [String] = []

  func callAsFunction(_ word: String) { words.append(word) }

  fileprivate func taken() -> String {
    defer { words = [] }
    return words.isEmpty ? "" : " [" + words.joined(separator: ", ") + "]"
  }
}

/// A function's way to the generator that runs it, which keeps the function: hence weak.
final class PEPSelf {
  weak var generator: PEPGenerator?
}

/// As Python writes it.
func shown(_ value: Int?) -> String { value.map { "\($0)" } ?? "None" }

/// An error's name in the traces: `pep_trace.py` has what Python's own are called there.
func name(of error: any Error) -> String {
  if let error = error as? GeneratorError { return "\(error.code)" }
  return "\(type(of: error))"
}

extension PEPGenerator {
  /// Makes one call, and says what it gave.
  func answer(_ verb: Substring, _ word: Substring) -> String {
    do {
      let hadEnded = hasEnded
      let value: Int??
      switch verb {
      case "next": value = try next()
      case "send": value = try send(word == "None" ? nil : number(word))
      case "throw": value = try self.throw(error(word))
      case "close":
        try close()
        return "done"
      case "loop":
        let values = map(shown)
        // Thrown once, as by Python, which throws it out of the loop.
        let failed = failure.map { ["failure \(name(of: $0))"] } ?? []
        return (["yields"] + values + failed).joined(separator: " ")
      default: return "isn't a call"
      }
      if let value { return "yields \(shown(value))" }
      if hadEnded { return "ended" }
      guard hasEnded, let result else { return "gave nil, and hasn't returned" }
      return "return \(shown(result))"
    } catch {
      return "raises \(name(of: error))"
    }
  }

  private func number(_ word: Substring) throws -> Int {
    guard let number = Int(word) else { throw UnknownWord() }
    return number
  }

  private func error(_ word: Substring) throws -> any Error {
    switch word {
    case "Alarm": return Alarm()
    case "Breakdown": return Breakdown()
    case "GeneratorExit": return GeneratorExit()
    default: throw UnknownWord()
    }
  }
}

/// A script says something that there isn't.
private struct UnknownWord: Error {}
