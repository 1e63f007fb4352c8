import CProbe
import Glibc
import IPC
import Synchronization

/// What a format looks like from outside, as lines of text: frame by frame, word by word. What is random or a number
/// of the kernel's is replaced by a name.
struct GoldenDump {
  /// Where the files of a dump go, and where the library keeps its registry.
  struct Places {
    let files: String
    let registry: String

    func path(_ name: String) -> String { "\(files)/golden-\(name)" }
  }

  private(set) var lines: [String] = []
  /// Random sender numbers, by the order in which they came.
  private var streams: [UInt32] = []

  mutating func title(_ text: String) {
    if !lines.isEmpty { lines.append("") }
    lines.append("## \(text)")
    streams = []
  }

  mutating func line(_ text: String) { lines.append(text) }

  // MARK: Bytes

  static func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { hex(UInt64($0), digits: 2) }.joined()
  }

  static func hex(_ value: UInt64, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  /// Bytes of no importance, none of them 0, so that zeros show.
  static func message(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(1 + ($0 * 7 + count) % 251) } }

  /// All of a short body; how many bytes a long one has and their 64-bit FNV-1a hash; zeros at the end counted.
  private static func body(_ bytes: ArraySlice<UInt8>) -> String {
    if bytes.isEmpty { return "-" }
    if bytes.count <= 32 { return hex(bytes) }
    let zeros = bytes.reversed().prefix { $0 == 0 }.count
    if zeros == bytes.count { return "\(zeros) zeros" }
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in bytes.dropLast(zeros) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let text = "\(bytes.count - zeros) bytes \(hex(hash, digits: 16))"
    return zeros == 0 ? text : text + " and \(zeros) zeros"
  }

  private mutating func name(ofStream stream: UInt32) -> String {
    if stream <= 1 || stream == .max { return Self.hex(UInt64(stream), digits: 8) }
    let index = streams.firstIndex(of: stream) ?? streams.count
    if index == streams.count { streams.append(stream) }
    return "random-\(index + 1)"
  }

  /// Frames, each with its eight header bytes as they are, but for a random sender number.
  mutating func frames(_ bytes: [UInt8]) {
    var start = 0
    while start < bytes.count {
      guard bytes.count - start >= 8 else { return line("  rest \(Self.hex(bytes[start...]))") }
      let header = bytes[start..<start + 8]
      let stream = header.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      let word = header.suffix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      let count = Int(word & 0x3FFF_FFFF)
      let end = min(start + 8 + count, bytes.count)
      var text = "  \(name(ofStream: stream)) \(Self.hex(header.suffix(4))): length \(count)"
      if word >> 30 & 1 != 0 { text += ", continues" }
      if word >> 31 & 1 != 0 { text += ", more" }
      if end < start + 8 + count { text += ", cut off" }
      let body = bytes[(start + 8)..<end]
      line("\(text): \(stream == 1 ? hello(body) : Self.body(body))")
      start = end
    }
  }

  /// A hello contains its sender's number, which is random.
  private mutating func hello(_ body: ArraySlice<UInt8>) -> String {
    guard body.count > 6 else { return Self.body(body) }
    let number = body.dropFirst(2).prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return "\(Self.hex(body.prefix(2))) \(name(ofStream: number)) \(Self.hex(body.dropFirst(6)))"
  }

  mutating func text(_ bytes: [UInt8]) {
    for part in bytes.split(separator: 10, omittingEmptySubsequences: false).dropLast() {
      line("  \(Self.body(part)) 0a")
    }
    if let last = bytes.split(separator: 10, omittingEmptySubsequences: false).last, !last.isEmpty {
      line("  \(Self.body(last))")
    }
  }

  // MARK: Sending

  /// What arrives, and whether each of its units is one message of the kernel's.
  enum Arrivals {
    case stream(Int32)
    case text(Int32)
    case writes(Int32)
    case packets(Int32)
    case queue(Int32)
    case posixQueue(Int32)

    /// Nil: nothing came in time, or nothing comes any more.
    func next(_ milliseconds: Int32) -> (unit: String, bytes: [UInt8])? {
      var type = 0
      var bytes = [UInt8](repeating: 0, count: 1 << 20)
      let count =
        switch self {
        case .stream(let number), .text(let number), .writes(let number), .packets(let number):
          unsafe probe_read(number, &bytes, bytes.count, milliseconds)
        case .queue(let number): unsafe probe_message(number, &type, &bytes, bytes.count, milliseconds)
        case .posixQueue(let number): unsafe probe_mq_receive(number, &bytes, bytes.count, milliseconds)
        }
      guard count > 0 else { return nil }
      let unit =
        switch self {
        case .stream, .text: ""
        case .writes: "write"
        case .packets: "packet"
        case .queue: "message of type \(type)"
        case .posixQueue: "message"
        }
      return (unit, Array(bytes[..<count]))
    }
  }

  /// Does something with a sender, and writes down all that arrives of it.
  mutating func send(
    _ what: String, _ sender: HeldSender, _ arrivals: Arrivals,
    _ body: @escaping @Sendable (inout ByteSender) throws -> Void
  ) {
    line(what)
    let work = BackgroundWork { try sender.use(body) }
    var stream: [UInt8] = []
    while true {
      let isDone = work.isDone
      guard let found = arrivals.next(isDone ? 50 : 10) else {
        if isDone { break }
        continue
      }
      switch arrivals {
      case .stream, .text: stream += found.bytes
      default:
        line("  \(found.unit), \(found.bytes.count) bytes")
        frames(found.bytes)
      }
    }
    if let error = work.error { line("  error: \(error)") }
    if case .text = arrivals { text(stream) } else { frames(stream) }
  }

  mutating func send(sizes: [Int], _ sender: HeldSender, _ arrivals: Arrivals) {
    for size in sizes {
      send("send \(size) bytes", sender, arrivals) { try $0.send(Self.message(size).span) }
    }
  }

  mutating func sendGathered(_ sender: HeldSender, _ arrivals: Arrivals) {
    send("gather 3, 0 and 5 bytes, and flush", sender, arrivals) { sender in
      sender.coalesces = true
      for size in [3, 0, 5] { try sender.send(Self.message(size).span) }
      try sender.flush()
      sender.coalesces = false
    }
  }
}

/// A sender that two threads hold: one at a time uses it.
final class HeldSender: @unchecked Sendable {
  private var sender: ByteSender?
  init(_ sender: consuming ByteSender) { self.sender = consume sender }
  func use(_ body: (inout ByteSender) throws -> Void) throws { try body(&sender!) }
  func close() { sender = nil }
}

/// A receiver that two threads hold: one at a time uses it.
final class HeldReceiver: @unchecked Sendable {
  private var receiver: ByteReceiver?
  init(_ receiver: consuming ByteReceiver) { self.receiver = consume receiver }
  func take() throws { try receiver!.receive { _ in } }
  func takeAll() throws { while try receiver!.tryReceive({ _ in true }) != nil {} }
  func close() { receiver = nil }
}

/// Work on a thread of its own, for calls that wait.
final class BackgroundWork: @unchecked Sendable {
  private let body: @Sendable () throws -> Void
  private let done = Atomic<Bool>(false)
  private var failure: String?

  init(_ body: @escaping @Sendable () throws -> Void) {
    self.body = body
    var thread = pthread_t()
    let context = unsafe Unmanaged.passRetained(self).toOpaque()
    let created = unsafe pthread_create(
      &thread, nil,
      { context in
        unsafe Unmanaged<BackgroundWork>.fromOpaque(context!).takeRetainedValue().run()
        return nil
      }, context)
    precondition(created == 0, "no thread")
    pthread_detach(thread)
  }

  private func run() {
    do {
      try body()
    } catch let error as ChannelError {
      failure = error.code.rawValue
    } catch {
      failure = "\(error)"
    }
    done.store(true, ordering: .releasing)
  }

  var isDone: Bool { done.load(ordering: .acquiring) }

  /// What it threw; asked when it is done.
  var error: String? { failure }

  /// Waits for its end: the watchdog of the test is the limit.
  func join() -> String? {
    wait { isDone }
    return failure
  }
}

/// Waits until another thread or process has done something: the watchdog of the test is the limit.
func wait(until condition: () -> Bool) {
  while !condition() { usleep(500) }
}
