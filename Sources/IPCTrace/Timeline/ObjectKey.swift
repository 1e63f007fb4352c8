/// Names of kernel objects that all processes of a machine share.
enum ObjectKey {
  /// What a call works on.
  struct Object {
    /// As an endpoint lists it: `fd:5`, `queue:3`.
    let token: String
    /// As all processes call it: `pipe:[1234]`, `queue 3`.
    let name: String
    /// The same, and for a word of memory where it lies in there: what a sleeper and its waker have in common.
    let place: String
  }

  /// The name of an object that an endpoint lists; nil: it isn't known.
  static func name(_ token: String, _ descriptors: [Int32: String]) -> String? {
    guard let colon = token.firstIndex(of: ":") else { return nil }
    let id = token[token.index(after: colon)...]
    switch token[..<colon] {
    case "fd": return Int32(id).flatMap { descriptors[$0] }.map(short)
    case "queue": return "queue \(id)"
    case "semaphores": return "semaphore set \(id)"
    case "segment": return "segment \(id)"
    default: return nil
    }
  }

  /// The process behind `process:[1234]`, a pidfd; nil: another object.
  static func process(_ object: String) -> Int32? {
    guard object.hasPrefix("process:[") else { return nil }
    return Int32(object.dropFirst("process:[".count).prefix { $0 != "]" })
  }

  /// Without the path behind it.
  static func short(_ object: String) -> String { String(object.prefix { $0 != " " }) }

  /// Where memory lies; nil: the token is none of memory.
  static func memory(_ token: String) -> (start: UInt64, bytes: UInt64)? {
    guard token.hasPrefix("memory:") else { return nil }
    let words = token.dropFirst("memory:".count).split(separator: "+")
    guard words.count == 2, let start = UInt64(words[0]), let bytes = UInt64(words[1]) else { return nil }
    return (start, bytes)
  }

  static func of(_ call: TraceEvent.Call, _ process: TimelineBuilder.Process) -> Object? {
    func object(_ token: String) -> Object? {
      name(token, process.objects).map { Object(token: token, name: $0, place: $0) }
    }
    switch call.subject {
    case .none, .process: return nil
    case .descriptor(let number): return object("fd:\(number)")
    case .queue(let id): return object("queue:\(id)")
    case .semaphores(let id): return object("semaphores:\(id)")
    case .segment(let id): return object("segment:\(id)")
    case .word(let address, _):
      guard let memory = process.memory.first(where: { $0.start <= address && address - $0.start < $0.bytes })
      else { return nil }
      return Object(
        token: memory.object, name: memory.object, place: "\(memory.object)+\(address - memory.start)")
    }
  }
}

/// How a lane is called.
enum LaneName {
  private static let demoRole = "--demo-role"
  private static let mostWords = 3

  /// "ipc demo pipe"; for the other process of a demo "pipe reader"; for a process of the tool its role.
  static func text(_ command: [String]) -> String {
    guard let program = command.first else { return "process" }
    let name = String(program.split(separator: "/").last ?? "process")
    let words = Array(command.dropFirst())
    if words.first == demoRole {
      // Without the addresses and paths that a role may have behind its name.
      return words.dropFirst().flatMap { $0.split(separator: " ") }.prefix {
        !$0.contains("/") && !$0.contains(":")
      }
      .joined(separator: " ")
    }
    if let first = words.first, first.hasPrefix("--") { return String(first.dropFirst(2)) }
    let telling = words.prefix { !$0.hasPrefix("-") }.prefix(mostWords - 1)
    return ([name] + telling).joined(separator: " ")
  }
}
