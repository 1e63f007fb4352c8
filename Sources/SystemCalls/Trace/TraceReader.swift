import CSystem
import Glibc
import Synchronization

/// Reads the events of one process from its file, while the process writes them or later. By calls that no hook sees: a process
/// may follow itself.
///
/// The file is another process's, which may have written anything: nothing that it says is believed beyond what the file has.
package struct TraceReader: Sendable {
  /// What the file's header says.
  package struct Header: Sendable, Hashable {
    package let process: Int32
    package let parent: Int32
    package let start: UInt64
    package let wallStart: UInt64
    package let command: [String]
    let capacity: UInt64
  }

  /// An event with its text.
  package struct Entry: Sendable {
    package let record: TraceRecord
    package let text: [UInt8]
  }

  /// Why a file can't be read.
  package enum Failure: Error, Sendable, Hashable {
    /// The process has just made it.
    case notReady
    case notATrace
    /// Of another version of this library.
    case version(UInt32)
    case system(Int32)
  }

  package let path: String
  package let header: Header
  /// The position of the next record.
  private var position: UInt64
  /// How many records the process claimed and never finished: it was killed in the middle.
  package private(set) var unfinished: UInt64 = 0
  /// How many events found no room.
  package private(set) var dropped: UInt64 = 0
  /// The process has stopped recording.
  package private(set) var isStopped = false
  /// The file is shorter than its header says.
  package private(set) var isCut = false
  /// Whether the process may reuse the room of what was read.
  private let takes: Bool

  private typealias Layout = TraceRing.Layout
  private static let recordsAtOnce = 1024

  /// Opens a file.
  /// - Parameter takes: whether what is read is taken, so that the process has room again.
  package init(path: String, takes: Bool) throws(Failure) {
    let file = try Self.open(path, writing: false)
    defer { close(file) }
    var status = stat()
    guard unsafe fstat(file, &status) == 0 else { throw .system(errno) }
    guard status.st_mode & S_IFMT == S_IFREG, status.st_uid == geteuid() else { throw .notATrace }
    let bytes = Self.read(file, at: 0, count: Layout.headerBytes)
    guard bytes.count >= Layout.magic.count else { throw .notReady }
    if bytes.prefix(Layout.magic.count).allSatisfy({ $0 == 0 }) { throw .notReady }
    guard bytes.prefix(Layout.magic.count).elementsEqual(Layout.magic), bytes.count == Layout.headerBytes
    else { throw .notATrace }
    func number<Value: FixedWidthInteger>(_ offset: Int, as: Value.Type) -> Value {
      (0..<MemoryLayout<Value>.size).reduce(0) {
        $0 | Value(truncatingIfNeeded: bytes[offset + $1]) << ($1 * 8)
      }
    }
    let version = number(Layout.versionOffset, as: UInt32.self)
    guard version == Layout.version,
      number(Layout.recordBytesOffset, as: UInt32.self) == TraceRecord.bytes,
      number(Layout.callsOffset, as: UInt32.self) == SystemCall.allCases.count
    else { throw .version(version) }
    let capacity = number(Layout.capacityOffset, as: UInt64.self)
    guard capacity.nonzeroBitCount == 1, capacity <= UInt64(TraceRing.capacities.upperBound) else {
      throw .notATrace
    }
    isCut = Int(status.st_size) < Layout.headerBytes + Int(capacity) * TraceRecord.bytes
    let length = min(
      Int(number(Layout.commandLengthOffset, as: UInt32.self) & 0xFFFF), Layout.commandBytes)
    let command = bytes[Layout.commandOffset..<(Layout.commandOffset + length)]
      .split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    header = Header(
      process: Int32(bitPattern: number(Layout.processOffset, as: UInt32.self)),
      parent: Int32(bitPattern: number(Layout.parentOffset, as: UInt32.self)),
      start: number(Layout.startOffset, as: UInt64.self),
      wallStart: number(Layout.wallOffset, as: UInt64.self), command: command, capacity: capacity)
    position = number(Layout.tailOffset, as: UInt64.self)
    self.path = path
    self.takes = takes
  }

  /// The names of the files in a folder of traces.
  package static func names(in folder: String) throws(SystemError) -> [String] {
    try Files.namesUnobserved(in: folder)
  }

  private static func open(_ path: String, writing: Bool) throws(Failure) -> Int32 {
    let file = unsafe Glibc.open(path, (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard file >= 0 else { throw .system(errno) }
    return file
  }

  /// pread(2).
  private static func read(_ file: Int32, at offset: Int, count: Int) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      let found = unsafe pread(file, buffer.baseAddress, count, off_t(offset))
      filled = max(0, found)
    }
  }

  private static func counter(_ file: Int32, at offset: Int) -> UInt64 {
    let bytes = read(file, at: offset, count: 8)
    return bytes.count < 8 ? 0 : (0..<8).reduce(0) { $0 | UInt64(bytes[$1]) << ($1 * 8) }
  }

  // MARK: Reading

  /// Reads the events that are whole.
  ///
  /// - Parameters:
  ///   - isOver: the process is gone: what it never finished is skipped.
  ///   - most: how many records at most.
  /// - Returns: how many records were read.
  @discardableResult package mutating func read(
    isOver: Bool, most: Int = .max, _ body: (Entry) -> Void
  ) throws(Failure) -> Int {
    let file = try Self.open(path, writing: takes)
    defer { close(file) }
    let head = Self.counter(file, at: Layout.headOffset)
    dropped = Self.counter(file, at: Layout.droppedOffset)
    isStopped = Self.read(file, at: Layout.stoppedOffset, count: 1).first == 1
    var total = 0
    // A head that is further than the ring is long can't be.
    while position != head, head &- position <= header.capacity, total < most {
      let taken = readSome(file, Int(min(head &- position, UInt64(Self.recordsAtOnce))), isOver, body)
      if taken == 0 { break }
      position &+= UInt64(taken)
      total += taken
      if takes {
        var tail = position.littleEndian
        _ = unsafe pwrite(file, &tail, 8, off_t(Layout.tailOffset))
      }
    }
    return total
  }

  /// Reads up to `count` records from the position on; returns how many.
  private mutating func readSome(_ file: Int32, _ count: Int, _ isOver: Bool, _ body: (Entry) -> Void) -> Int
  {
    let index = Int(position & (header.capacity - 1))
    let inRow = min(count, Int(header.capacity) - index)
    let offset = Layout.headerBytes + index * TraceRecord.bytes
    // Twice: what was whole at the first reading is whole, all of it, at the second.
    let first = Self.read(file, at: offset, count: inRow * TraceRecord.bytes)
    var whole = 0
    var skipped: Set<Int> = []
    while whole < first.count / TraceRecord.bytes {
      if Self.state(first, whole) != position &+ UInt64(whole) &+ 1 {
        guard isOver else { break }
        skipped.insert(whole)
      }
      whole += 1
    }
    guard whole > 0 else {
      // What the header promises isn't there.
      if first.isEmpty { isCut = true }
      return 0
    }
    atomicMemoryFence(ordering: .acquiring)
    let bytes = Self.read(file, at: offset, count: whole * TraceRecord.bytes)
    var entry = 0
    while entry < bytes.count / TraceRecord.bytes {
      if skipped.contains(entry) {
        unfinished += 1
        entry += 1
        continue
      }
      let record = Self.record(bytes, entry)
      var next = entry + 1
      var text: [UInt8] = []
      var hasMore = record.flags & TraceRecord.Flags.text.rawValue != 0
      while hasMore {
        guard next < whole else {
          // The rest of the text follows: with the next reading, unless the ring's end or the file's is between.
          if entry > 0 { return entry }
          guard let rest = restOfText(file, from: position &+ UInt64(next), isOver) else { return 0 }
          text += rest.text
          next += rest.records
          break
        }
        guard !skipped.contains(next), bytes[next * TraceRecord.bytes + 20] == TraceKind.text.rawValue else {
          break
        }
        text += Self.text(bytes, next)
        hasMore = Self.flags(bytes, next) & TraceRecord.Flags.text.rawValue != 0
        next += 1
      }
      body(Entry(record: record, text: text))
      entry = next
    }
    return entry
  }

  /// The pieces of a text from a position on; nil: not all are whole yet.
  private func restOfText(_ file: Int32, from start: UInt64, _ isOver: Bool) -> (text: [UInt8], records: Int)?
  {
    var text: [UInt8] = []
    var records = 0
    while records <= Tracer.longestText / TraceRecord.textBytes {
      let place = start &+ UInt64(records)
      let offset = Layout.headerBytes + Int(place & (header.capacity - 1)) * TraceRecord.bytes
      let bytes = Self.read(file, at: offset, count: TraceRecord.bytes)
      guard bytes.count == TraceRecord.bytes, Self.state(bytes, 0) == place &+ 1,
        bytes[20] == TraceKind.text.rawValue
      else { return isOver ? (text, records) : nil }
      text += Self.text(bytes, 0)
      records += 1
      if Self.flags(bytes, 0) & TraceRecord.Flags.text.rawValue == 0 { break }
    }
    return (text, records)
  }

  private static func state(_ bytes: [UInt8], _ index: Int) -> UInt64 {
    unsafe bytes.withUnsafeBytes {
      unsafe $0.loadUnaligned(fromByteOffset: index * TraceRecord.bytes, as: UInt64.self)
    }
  }

  private static func record(_ bytes: [UInt8], _ index: Int) -> TraceRecord {
    unsafe bytes.withUnsafeBytes {
      unsafe $0.loadUnaligned(fromByteOffset: index * TraceRecord.bytes, as: TraceRecord.self)
    }
  }

  private static func flags(_ bytes: [UInt8], _ index: Int) -> UInt16 { record(bytes, index).flags }

  private static func text(_ bytes: [UInt8], _ index: Int) -> ArraySlice<UInt8> {
    let start = index * TraceRecord.bytes
    let count = min(Int(bytes[start + 21]), TraceRecord.textBytes)
    return bytes[(start + TraceRecord.textOffset)..<(start + TraceRecord.textOffset + count)]
  }

  /// Whether the process that wrote the file is gone: it has ended, is a zombie, or its id is another process's by now.
  /// `/proc/PID/stat` (proc(5)).
  package var processIsGone: Bool {
    guard header.process != getpid() else { return false }
    let file = unsafe Glibc.open("/proc/\(header.process)/stat", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return errno == ENOENT || errno == ESRCH }
    defer { close(file) }
    let text = String(decoding: Self.read(file, at: 0, count: 1024), as: UTF8.self)
    // The name, in parentheses, may have spaces.
    guard let end = text.lastIndex(of: ")") else { return true }
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return true }
    // In ticks since the boot; a process that began after the recording isn't the one.
    guard let started = UInt64(fields[19]) else { return false }
    let tick = 1_000_000_000 / UInt64(max(1, sysconf(Int32(_SC_CLK_TCK))))
    // In this order: whatever comes between the two makes the recording look later, and never the process another one.
    let now = Clock.now()
    var time = timespec()
    unsafe clock_gettime(CLOCK_BOOTTIME, &time)
    let boot = UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    let recorded = boot &- (now &- header.start)
    return started &* tick > recorded &+ tick
  }
}
