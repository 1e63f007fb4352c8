import FoundationEssentials

/// One JSON document on standard output, and nothing else there.
enum JSONOutput {
  static func print(_ value: some Encodable) throws {
    Terminal.printExactly(String(decoding: try data(value), as: UTF8.self))
  }

  /// The document.
  static func data(_ value: some Encodable) throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(value)
  }

  /// One object per line.
  static func lines(_ values: [some Encodable]) throws -> [String] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return try values.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
  }
}
