import IPC

/// Messages that contain their sender's number (four bytes), their sequence number (four bytes), and a pattern. A message
/// of four bytes has one byte of the sender's number and three of the sequence number; an empty one has nothing.
package enum Numbered {
  package static let headerBytes = 8

  /// Message `sequence` of sender `id`: `count` bytes, which is 0, 4, or at least 8.
  package static func bytes(id: Int, _ sequence: Int, _ count: Int) -> [UInt8] {
    var writer = MessageWriter()
    if count == 0 { return [] }
    if count == 4 {
      writer.write(UInt32(id << 24 | sequence))
      return writer.bytes
    }
    writer.write(UInt32(id))
    writer.write(UInt32(sequence))
    writer.append(Pattern.bytes(sequence &+ id, max(0, count - headerBytes)))
    return writer.bytes
  }

  /// The sender's number and the sequence number; nil if the bytes aren't that message.
  package static func read(_ span: Span<UInt8>) -> (id: Int, sequence: Int)? {
    var reader = MessageReader(span)
    if span.count == 4 {
      guard let both = try? reader.integer(as: UInt32.self) else { return nil }
      return (Int(both >> 24), Int(both & 0xFF_FFFF))
    }
    guard let id = try? reader.integer(as: UInt32.self),
      let sequence = try? reader.integer(as: UInt32.self),
      Pattern.matches(span.extracting(droppingFirst: headerBytes), Int(sequence) &+ Int(id))
    else { return nil }
    return (Int(id), Int(sequence))
  }
}

/// What a receiver took: for each sender, the runs of sequence numbers in the order of arrival.
package struct Tally: Sendable, CustomStringConvertible {
  package private(set) var runs: [Int: [ClosedRange<Int>]] = [:]
  package private(set) var tokens = 0
  package private(set) var damaged = 0

  package init() {}

  /// Counts one message.
  package mutating func note(_ span: Span<UInt8>) {
    if span.isEmpty {
      tokens += 1
      return
    }
    guard let found = Numbered.read(span) else {
      damaged += 1
      return
    }
    var list = runs.removeValue(forKey: found.id) ?? []
    if let last = list.last, last.upperBound + 1 == found.sequence {
      list[list.count - 1] = last.lowerBound...found.sequence
    } else {
      list.append(found.sequence...found.sequence)
    }
    runs[found.id] = list
  }

  /// `tokens=2 damaged=0 7=0-99,101-120`.
  package var description: String {
    var words = ["tokens=\(tokens)", "damaged=\(damaged)"]
    for (id, list) in runs.sorted(by: { $0.key < $1.key }) {
      words.append("\(id)=" + list.map { "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ","))
    }
    return words.joined(separator: " ")
  }

  /// Reads what `description` wrote.
  package init(parsing words: some Sequence<Substring>) {
    for word in words {
      let parts = word.split(separator: "=")
      guard parts.count == 2 else { continue }
      switch parts[0] {
      case "tokens": tokens = Int(parts[1]) ?? -1
      case "damaged": damaged = Int(parts[1]) ?? -1
      default:
        runs[Int(parts[0]) ?? -1] = parts[1].split(separator: ",").map { run in
          let ends = run.split(separator: "-").compactMap { Int($0) }
          return ends[0]...ends[1]
        }
      }
    }
  }
}
