import Foundation
import SystemCalls

/// Commands one way and answers the other, one line of JSON each.
struct PartControl {
  private let reading: Int32
  private let writing: Int32
  private var buffer: [UInt8] = []

  init(reading: Int32, writing: Int32) {
    self.reading = reading
    self.writing = writing
  }

  /// The next command; nil: the benchmark is gone.
  mutating func next() -> PartCommand? {
    while true {
      if let newline = buffer.firstIndex(of: 10) {
        let line = Data(buffer[..<newline])
        buffer.removeFirst(newline + 1)
        return try? JSONDecoder().decode(PartCommand.self, from: line)
      }
      guard read() > 0 else { return nil }
    }
  }

  private mutating func read() -> Int {
    let descriptor = reading
    return unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { room in
      let count = (try? unsafe Streams.read(descriptor, into: room)) ?? 0
      if count > 0 { unsafe buffer.append(contentsOf: room[..<count]) }
      return count
    }
  }

  func answer(_ reply: PartReply) {
    guard var line = try? JSONEncoder().encode(reply) else { return }
    line.append(10)
    Self.write(Array(line), to: writing)
  }

  /// All of it; a process that is gone gets nothing.
  @discardableResult static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { all in
        (try? unsafe Streams.writev(
          descriptor, UnsafeRawBufferPointer(rebasing: all[done...]),
          UnsafeRawBufferPointer(start: nil, count: 0))) ?? 0
      }
      if count == 0 { return false }
      done += count
    }
    return true
  }
}
