import CProbe
import Glibc
import IPC

/// What lies in shared memory and in semaphores, and what the registry says of it.
extension GoldenDump {
  static func memory(_ places: Places) throws -> [String] {
    var dump = GoldenDump()
    try dump.ring(places)
    try dump.boundedBuffer(places)
    try dump.queueObjects(places)
    try dump.tokens(places)
    try dump.signals(places)
    try dump.eventCounters()
    return dump.lines
  }

  /// A segment, attached.
  @safe private final class Attached {
    let memory: UnsafeMutableRawBufferPointer
    let mode: Int32

    init(_ id: String?) throws {
      var (bytes, mode) = (0, Int32(0))
      guard let id = id.flatMap({ Int32($0) }), let start = unsafe probe_attach(id, &bytes, &mode) else {
        throw ProbeFailure("segment")
      }
      unsafe memory = UnsafeMutableRawBufferPointer(start: start, count: bytes)
      self.mode = mode
    }

    deinit { unsafe probe_detach(memory.baseAddress) }

    var size: String { unsafe "a segment of \(memory.count) bytes, mode \(String(mode, radix: 8))" }
    var bytes: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(memory) }

    func word(_ offset: Int) -> UInt32 {
      unsafe memory.baseAddress!.load(fromByteOffset: offset, as: UInt32.self)
    }
    func counter(_ offset: Int) -> Int {
      Int(unsafe memory.baseAddress!.load(fromByteOffset: offset, as: UInt64.self))
    }
  }

  /// The words of the first page that aren't 0; of the word that says what the kernel can do, only that it is there.
  mutating func words(_ memory: UnsafeRawBufferPointer, except: [Int] = [], ring: Bool = true) {
    for offset in stride(from: 0, to: min(4096, memory.count), by: 4) where !except.contains(offset) {
      let word = unsafe memory.load(fromByteOffset: offset, as: UInt32.self)
      if ring, offset == 268, word <= 1 {
        line("  268: 0 or 1")
      } else if word != 0 {
        line("  \(offset): \(Self.hex(UInt64(word), digits: 8))")
      }
    }
  }

  // MARK: The ring

  private mutating func ring(_ places: Places) throws {
    title("memory?capacity=4096")
    let receiver = HeldReceiver(try ByteReceiver(at: "memory:golden?capacity=4096"))
    let attached = try Attached(Self.registered("memory.golden", places)["segment"])
    line(attached.size)
    unsafe words(attached.bytes)
    let sender = HeldSender(try ByteSender(to: "memory:golden?capacity=4096"))
    line("with a sender")
    unsafe words(attached.bytes)
    for sizes in [[0, 1, 5, 8, 100], [2000], [1500], [600], [3000], [7]] {
      let before = attached.counter(128)
      line("send \(sizes.map(String.init).joined(separator: ", ")) bytes")
      let work = BackgroundWork {
        try sender.use { sender in for size in sizes { try sender.send(Self.message(size).span) } }
      }
      line("  error: \(work.join() ?? "none")")
      records(attached, from: before, to: attached.counter(128))
      unsafe words(attached.bytes)
      try receiver.takeAll()
      line("taken")
      unsafe words(attached.bytes)
    }
    line("a receiver sleeps")
    let taking = BackgroundWork { try receiver.take() }
    wait { attached.word(384) & 1 != 0 }
    unsafe words(attached.bytes)
    line("send 5 bytes")
    try sender.use { try $0.send(Self.message(5).span) }
    line("  error: \(taking.join() ?? "none")")
    try receiver.takeAll()
    unsafe words(attached.bytes)
    line("a sender sleeps")
    try sender.use { while try $0.trySend(Self.message(1016).span) {} }
    let sending = BackgroundWork { try sender.use { try $0.send(Self.message(1016).span) } }
    wait { attached.word(512) & 1 != 0 }
    unsafe words(attached.bytes)
    try receiver.takeAll()
    line("  error: \(sending.join() ?? "none")")
    try receiver.takeAll()
    unsafe words(attached.bytes)
    // How often the bells are rung from here on depends on when each side sees the other's end.
    line("the sender closes: \(attached.word(136)), \(attached.word(264))")
    sender.close()
    line("closed: \(attached.word(136)), \(attached.word(264))")
    receiver.close()
    line("the receiver closed: \(attached.word(136)), \(attached.word(264))")
  }

  private mutating func records(_ attached: Attached, from start: Int, to end: Int) {
    var position = start
    let capacity = attached.counter(8)
    while position < end {
      let offset = 4096 + position % capacity
      let count = Int(attached.word(offset + 4) & 0x3FFF_FFFF)
      // Nothing is promised of a filler's bytes.
      let isFiller = attached.word(offset) == .max
      let bytes = unsafe Array(attached.bytes[offset..<(offset + 8 + (isFiller ? 0 : count))])
      line("  at \(position % capacity)")
      frames(bytes)
      position += (count + 8 + 7) & ~7
    }
  }

  // MARK: Semaphores

  private static func values(_ set: Int32) -> String {
    var mode: Int32 = 0
    let count = unsafe probe_semaphores(set, &mode)
    return (0..<max(0, count)).map { String(probe_semaphore(set, $0)) }.joined(separator: " ")
      + ", mode \(String(mode, radix: 8))"
  }

  private mutating func boundedBuffer(_ places: Places) throws {
    title("semaphore?capacity=16384")
    let receiver = HeldReceiver(try ByteReceiver(at: "semaphore:golden?capacity=16384"))
    let entry = try Self.registered("semaphore.golden", places)
    let attached = try Attached(entry["segment"])
    let set = try entry["set"].flatMap { Int32($0) }.unwrapped("set")
    line(attached.size)
    line("semaphores \(Self.values(set))")
    let sender = HeldSender(try ByteSender(to: "semaphore:golden"))
    unsafe words(attached.bytes, ring: false)
    let batches: [(what: String, body: @Sendable (inout ByteSender) throws -> Void)] = [
      ("send 0 and 5 bytes", { for size in [0, 5] { try $0.send(Self.message(size).span) } }),
      (
        "gather 3, 0 and 5 bytes, and flush",
        {
          $0.coalesces = true
          for size in [3, 0, 5] { try $0.send(Self.message(size).span) }
          try $0.flush()
          $0.coalesces = false
        }
      ),
      ("send 10000 bytes", { try $0.send(Self.message(10_000).span) }),
      ("send 4088 bytes", { try $0.send(Self.message(4088).span) }),
    ]
    for (what, body) in batches {
      let before = Int(probe_semaphore(set, 4))
      line(what)
      try sender.use(body)
      slots(attached, from: before, to: Int(probe_semaphore(set, 4)))
      line("semaphores \(Self.values(set))")
      unsafe words(attached.bytes, ring: false)
      try receiver.takeAll()
      line("taken, semaphores \(Self.values(set))")
      unsafe words(attached.bytes, ring: false)
    }
    line("send 20000 bytes: the buffer is full before its end")
    let work = BackgroundWork { try sender.use { try $0.send(Self.message(20_000).span) } }
    wait { probe_semaphore(set, 3) == 4 }
    line("semaphores \(Self.values(set))")
    try receiver.take()
    line("  error: \(work.join() ?? "none")")
    line("taken, semaphores \(Self.values(set))")
    sender.close()
    receiver.close()
  }

  private mutating func slots(_ attached: Attached, from first: Int, to end: Int) {
    var slot = first
    repeat {
      let start = 4096 + slot * (4096 + 8)
      let count = Int(attached.word(start))
      line("  slot \(slot): \(count) bytes")
      frames(unsafe Array(attached.bytes[(start + 8)..<(start + 8 + min(count, 4096))]))
      slot = (slot + 1) % 4
    } while slot != end
  }

  private mutating func queueObjects(_ places: Places) throws {
    title("queue?capacity=4096: the objects beside it")
    let receiver = HeldReceiver(try ByteReceiver(at: "queue:golden?capacity=4096"))
    let entry = try Self.registered("queue.golden", places)
    let attached = try Attached(entry["segment"])
    let set = try entry["mutexes"].flatMap { Int32($0) }.unwrapped("mutexes")
    let queue = try entry["queue"].flatMap { Int32($0) }.unwrapped("queue")
    line("a queue of mode \(String(probe_queue_mode(queue), radix: 8))")
    line(attached.size)
    line("semaphores \(Self.values(set))")
    let sender = HeldSender(try ByteSender(to: "queue:golden"))
    unsafe words(attached.bytes, ring: false)
    line("a receiver sleeps")
    let taking = BackgroundWork { try receiver.take() }
    wait { attached.word(128) & 1 != 0 }
    unsafe words(attached.bytes, ring: false)
    try sender.use { try $0.send(Self.message(5).span) }
    line("woken by a message; error: \(taking.join() ?? "none")")
    unsafe words(attached.bytes, ring: false)
    line("semaphores \(Self.values(set))")
    line("a sender sleeps between two parts")
    let work = BackgroundWork { try sender.use { try $0.send(Self.message(10_000).span) } }
    wait { attached.word(256) & 1 != 0 }
    unsafe words(attached.bytes, ring: false)
    line("semaphores \(Self.values(set))")
    try receiver.take()
    line("taken; error: \(work.join() ?? "none")")
    line("semaphores \(Self.values(set))")
    sender.close()
    receiver.close()
  }

  private mutating func tokens(_ places: Places) throws {
    title("semaphore?type=tokens")
    let receiver = HeldReceiver(try ByteReceiver(at: "semaphore:golden?type=tokens"))
    let sender = HeldSender(try ByteSender(to: "semaphore:golden?type=tokens"))
    let set = try Self.registered("semaphore.golden", places)["set"].flatMap { Int32($0) }.unwrapped("set")
    line("semaphores \(Self.values(set))")
    try sender.use { for _ in 0..<3 { try $0.send(Token()) } }
    line("three sent: \(Self.values(set))")
    try receiver.take()
    line("one taken: \(Self.values(set))")
    sender.close()
    receiver.close()

    title("posix-semaphore")
    let posixReceiver = HeldReceiver(try ByteReceiver(at: "posix-semaphore:golden"))
    let posixSender = HeldSender(try ByteSender(to: "posix-semaphore:golden"))
    let attached = try Attached(Self.registered("posix-semaphore.golden", places)["segment"])
    line(attached.size)
    unsafe words(attached.bytes, ring: false)
    try posixSender.use { for _ in 0..<3 { try $0.send(Token()) } }
    line("three sent")
    unsafe words(attached.bytes, ring: false)
    try posixReceiver.take()
    line("one taken")
    unsafe words(attached.bytes, ring: false)
    posixSender.close()
    posixReceiver.close()
  }

  // MARK: Signals

  private mutating func signals(_ places: Places) throws {
    title("signal")
    let receiver = HeldReceiver(try ByteReceiver(at: "signal:golden"))
    let attached = try Attached(Self.registered("signal.golden", places)["segment"])
    line(attached.size)
    let (thread, process) = (attached.word(0), attached.word(4))
    var status = stat()
    let isThread = unsafe stat("/proc/self/task/\(thread)", &status) == 0
    line(
      "  0: \(isThread ? "a thread" : "no thread"), \(process == UInt32(getpid()) ? "the process" : "other")")
    unsafe words(attached.bytes, except: [0, 4], ring: false)
    let sender = HeldSender(try ByteSender(to: "signal:golden"))
    // From here on the signals come to this thread.
    probe_signals_block(1)
    unsafe attached.memory.baseAddress!.storeBytes(of: UInt32(probe_thread_id()), as: UInt32.self)
    for value in [Int32(1), -2, 0x0102_0304] {
      let work = BackgroundWork { try sender.use { try $0.send(value) } }
      var (code, number) = (Int32(0), Int32(0))
      let signal = unsafe probe_signal(&code, &number, 5000)
      line(
        "send \(value): SIGRTMIN+\(signal), code \(code), value \(number); error: \(work.join() ?? "none")")
    }
    unsafe words(attached.bytes, except: [0, 4], ring: false)
    unsafe attached.memory.baseAddress!.storeBytes(of: thread, as: UInt32.self)
    probe_signals_block(0)
    sender.close()
    receiver.close()
  }

  // MARK: Eventfd

  private mutating func eventCounters() throws {
    title("eventfd")
    // The one that the directory was read with is closed by now.
    let before = Set(Self.names(in: "/proc/self/fd").filter { !Self.target("/proc/self/fd/\($0)").isEmpty })
    var channel = try ByteChannel(over: Mechanism(named: "eventfd"))
    let new = Self.names(in: "/proc/self/fd").filter { !before.contains($0) }
    let counters = new.filter { Self.target("/proc/self/fd/\($0)").contains("[eventfd]") }
    func counts() -> String {
      counters.map { number in
        let lines = ((try? Self.contents("/proc/self/fdinfo/\(number)")) ?? []).split(separator: 10)
        return lines.map { String(decoding: $0, as: UTF8.self) }.first { $0.hasPrefix("eventfd-count") }
          .map { String($0.split(separator: " ").last ?? "") } ?? "-"
      }.sorted().joined(separator: " ")
    }
    line("counters \(counts())")
    for _ in 0..<3 { try channel.sender.send(Token()) }
    line("three sent: \(counts())")
    try channel.receiver.receive { _ in }
    line("one taken: \(counts())")
  }

  // MARK: The registry

  static func registry(_ places: Places) throws -> [String] {
    var dump = GoldenDump()
    let addresses = [
      "queue:golden", "semaphore:golden", "semaphore:golden?type=tokens", "memory:golden",
      "posix-queue:golden", "posix-semaphore:golden", "signal:golden",
    ]
    for address in addresses {
      dump.title(address)
      let prefix = address.prefix { $0 != ":" } + ".golden"
      let receiver = HeldReceiver(try ByteReceiver(at: address))
      dump.entry(String(prefix), places)
      let sender = HeldSender(try ByteSender(to: address))
      dump.line("with a sender")
      dump.entry(String(prefix), places)
      sender.close()
      dump.line("the sender has closed")
      dump.entry(String(prefix), places)
      receiver.close()
      dump.line("both have closed")
      dump.entry(String(prefix), places)
    }
    dump.title("queue:golden, of String")
    let receiver = HeldReceiver(try ByteReceiver(at: typed("queue:golden", String.self)))
    dump.entry("queue.golden", places)
    receiver.close()
    return dump.lines
  }

  private mutating func entry(_ prefix: String, _ places: Places) {
    for name in Self.names(in: places.registry).sorted() where name.hasPrefix(prefix) {
      let path = places.registry + "/" + name
      var status = stat()
      guard unsafe lstat(path, &status) == 0 else { continue }
      line("  \(Self.withoutNamespace(name)): mode \(String(status.st_mode, radix: 8))")
      guard status.st_mode & S_IFMT == S_IFREG, let bytes = try? Self.contents(path) else { continue }
      var lines = bytes.split(separator: 10, omittingEmptySubsequences: false)
      if lines.last?.isEmpty == true { lines.removeLast() } else { line("    no newline at the end") }
      for text in lines { line("    \(Self.withoutNumbers(String(decoding: text, as: UTF8.self)))") }
    }
  }

  /// A line of an entry, with a name for each number of the kernel's or of the run.
  private static func withoutNumbers(_ text: String) -> String {
    let words = text.split(separator: " ").map(String.init)
    guard words.count == 2 else { return text }
    switch words[0] {
    case "queue", "mutexes", "segment", "set": return Int32(words[1]) == nil ? text : "\(words[0]) ID"
    case "run": return UInt64(words[1], radix: 16) == nil ? text : "run HEX"
    case "boot": return words[1].count == 36 ? "boot UUID" : text
    case "namespace": return UInt64(words[1]) == nil ? text : "namespace INODE"
    case "key": return (Int32(words[1]) ?? 0) > 0 ? "key KEY" : text
    case "queue-made", "mutexes-made", "segment-made", "set-made":
      return (Int(words[1]) ?? 0) > 1_700_000_000 ? "\(words[0]) SECONDS" : text
    case "name": return "name " + withoutDigits(words[1])
    default: return text
    }
  }

  /// Digits at the end, which are random.
  static func withoutDigits(_ text: String) -> String {
    let digits = text.reversed().prefix { $0.isNumber }.count
    return digits == 0 ? text : text.dropLast(digits) + "NUMBER"
  }

  /// A file's name without the number of an IPC namespace that isn't the machine's own.
  private static func withoutNamespace(_ name: String) -> String {
    guard let at = name.firstIndex(of: "@") else { return name }
    return String(name[..<at] + name[at...].dropFirst().drop { $0.isNumber })
  }

  /// The parameters in an entry of the registry.
  static func registered(_ name: String, _ places: Places) throws -> [String: String] {
    let file = names(in: places.registry).first { withoutNamespace($0) == name } ?? name
    let text = String(decoding: try contents(places.registry + "/" + file), as: UTF8.self)
    var found: [String: String] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 1)
      if words.count == 2 { found[String(words[0])] = String(words[1]) }
    }
    return found
  }

  // MARK: Files

  static func contents(_ path: String) throws -> [UInt8] {
    let file = try checked(path, unsafe open(path, O_RDONLY | O_CLOEXEC))
    defer { close(file) }
    var (bytes, part) = ([UInt8](), [UInt8](repeating: 0, count: 1 << 16))
    while true {
      let count = unsafe read(file, &part, part.count)
      guard count > 0 else { return bytes }
      bytes += part[..<count]
    }
  }

  static func target(_ path: String) -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    return String(decoding: bytes[..<max(0, unsafe readlink(path, &bytes, bytes.count))], as: UTF8.self)
  }

  static func names(in path: String) -> [String] {
    guard let directory = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(directory) }
    var found: [String] = []
    while let entry = unsafe readdir(directory) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { found.append(name) }
    }
    return found
  }
}
