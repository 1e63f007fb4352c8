import Foundation

/// What `ipc list`, `ipc who` and `ipc clean` print with `--json`. A key that is missing or of another type fails the decoding.
struct ObjectsDocument: Decodable {
  struct Owner: Decodable {
    let uid: UInt32
    let user: String?
    let process: Int32?
    let command: String?
  }

  enum ID: Decodable, Hashable {
    case number(Int)
    case name(String)

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      self =
        if let number = try? container.decode(Int.self) { .number(number) } else {
          .name(try container.decode(String.self))
        }
    }
  }

  struct Holder: Decodable {
    let role: String
    let process: Int32
    let command: String
    let uid: UInt32
    let since: String
    let blockedIn: String?

    enum CodingKeys: String, CodingKey {
      case role, process, command, uid, since
      case blockedIn = "blocked_in"
    }
  }

  struct Object: Decodable {
    let mechanism: String?
    let address: String?
    let name: String
    let ids: [String: ID]
    let bytes: Int?
    let depth: Int?
    let owner: Owner?
    let alive: Bool?
    let attached: [Int32]
    let remarks: [String]
    let state: String?
    let recorded: Bool?
    let removed: Bool?
    let error: String?
    let processes: [Holder]?
    let descriptor: Int32?
    let access: String?

    func id(_ key: String) -> Int32? {
      guard case .number(let number) = ids[key] else { return nil }
      return Int32(number)
    }
  }

  let objects: [Object]

  /// The whole of standard output must be the document.
  init(_ output: String) throws {
    self = try JSONDecoder().decode(ObjectsDocument.self, from: Data(output.utf8))
  }

  func object(_ name: String) -> Object? { objects.first { $0.name == name } }
}
