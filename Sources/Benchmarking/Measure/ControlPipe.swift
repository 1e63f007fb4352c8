import FoundationEssentials
import SystemCalls

/// How a process of an exchange takes commands and sends replies: one line of JSON each.
struct ControlPipe {
  static let newline = UInt8(ascii: "\n")
  private static let readBytes = 4096

  private let reading: Int32
  private let writing: Int32
  private var buffer: [UInt8] = []

  init(reading: Int32, writing: Int32) {
    self.reading = reading
    self.writing = writing
  }

  /// The next command; nil when the benchmark has ended.
  mutating func next() -> ExchangeCommand? {
    while true {
      if let newline = buffer.firstIndex(of: Self.newline) {
        let line = Data(buffer[..<newline])
        buffer.removeFirst(newline + 1)
        return try? JSONDecoder().decode(ExchangeCommand.self, from: line)
      }
      guard read() > 0 else { return nil }
    }
  }

  private mutating func read() -> Int {
    let descriptor = reading
    return unsafe withUnsafeTemporaryAllocation(byteCount: Self.readBytes, alignment: 16) { room in
      let count = (try? unsafe Streams.read(descriptor, into: room)) ?? 0
      if count > 0 { unsafe buffer.append(contentsOf: room[..<count]) }
      return count
    }
  }

  func send(_ reply: ExchangeReply) {
    guard var line = try? JSONEncoder().encode(reply) else { return }
    line.append(Self.newline)
    Self.write(Array(line), to: writing)
  }

  /// Writes all bytes. False if the other process has ended.
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
