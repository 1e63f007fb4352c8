import CSystem
import Glibc
import Synchronization

/// The events of this process, in a file that the process maps and a reader follows: a bounded ring.
///
/// Every thread writes; it claims records, fills them, and marks each as whole. Nothing waits for the reader: what finds no room
/// is counted. The file is allocated when it is made, so that a disk that fills up can't end the process (SIGBUS).
@safe final class TraceRing: @unchecked Sendable {
  /// Where the header's fields lie, and how long the header is. `Tracing.md` has the format.
  enum Layout {
    static let magic = Array("IPCTRACE".utf8)
    static let version: UInt32 = 1
    static let versionOffset = 8
    static let recordBytesOffset = 12
    static let capacityOffset = 16
    static let processOffset = 24
    static let parentOffset = 28
    static let startOffset = 32
    static let wallOffset = 40
    static let callsOffset = 48
    static let flagsOffset = 52
    static let stoppedOffset = 56
    static let headOffset = 64
    static let tailOffset = 128
    static let droppedOffset = 192
    static let commandLengthOffset = 200
    static let commandOffset = 208
    static let commandBytes = 2048
    static let headerBytes = 4096
  }

  static let defaultCapacity = 1 << 15
  static let capacities = 64...(1 << 24)
  private static let mostPopulated = 8 << 20

  let generation: UInt32
  private let base: UnsafeMutableRawPointer
  private let mask: UInt64
  private let head: UnsafeMutablePointer<Atomic<UInt64>>
  private let tail: UnsafeMutablePointer<Atomic<UInt64>>
  private let dropped: UnsafeMutablePointer<Atomic<UInt64>>
  /// Which descriptors the trace knows: a bit for each.
  private let known: UnsafeMutablePointer<Atomic<UInt64>>
  private static let knownWords = 1024
  let path: String

  /// Makes the file of this process in a folder, which is made if it is missing.
  ///
  /// System calls: mkdir(2), open(2) with O_EXCL and O_NOFOLLOW, fallocate(2), mmap(2).
  /// - Throws: the errno, and the call.
  init(folder: String, capacity: Int, payloadBytes: Int, generation: UInt32) throws(SystemError) {
    // A power of two, at least as large.
    let records = 1 << (Int.bitWidth - max(capacity - 1, 1).leadingZeroBitCount)
    let bytes = Layout.headerBytes + records * TraceRecord.bytes
    _ = unsafe Glibc.mkdir(folder, 0o700)
    let start = Clock.now()
    let path = "\(folder)/\(getpid())-\(start).trace"
    let file = unsafe Glibc.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard file >= 0 else { throw SystemError(errno, .open) }
    defer { close(file) }
    // A file beyond `ulimit -f` would end this process (SIGXFSZ).
    var number = MemoryFile.isAllowed(bytes: bytes) ? posix_fallocate(file, 0, off_t(bytes)) : EFBIG
    if number == 0 {
      // Small enough, it is mapped with its pages, so that no event waits for one.
      let populate = bytes <= Self.mostPopulated ? MAP_POPULATE : 0
      let memory = unsafe mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | populate, file, 0)
      if let memory = unsafe memory, unsafe memory != MAP_FAILED {
        unsafe base = memory
        unsafe head = Self.counter(memory, Layout.headOffset)
        unsafe tail = Self.counter(memory, Layout.tailOffset)
        unsafe dropped = Self.counter(memory, Layout.droppedOffset)
        unsafe known = .allocate(capacity: Self.knownWords)
        for index in 0..<Self.knownWords { unsafe (known + index).initialize(to: Atomic(0)) }
        mask = UInt64(records - 1)
        self.path = path
        self.generation = generation
        writeHeader(records, start, payloadBytes)
        return
      }
      number = errno
    }
    unsafe unlink(path)
    throw SystemError(number, .mmap)
  }

  private static func counter(
    _ memory: UnsafeMutableRawPointer, _ offset: Int
  ) -> UnsafeMutablePointer<Atomic<UInt64>> {
    unsafe (memory + offset).assumingMemoryBound(to: Atomic<UInt64>.self)
  }

  private func writeHeader(_ records: Int, _ start: UInt64, _ payloadBytes: Int) {
    func store<Value: BitwiseCopyable>(_ value: Value, at offset: Int) {
      unsafe base.storeBytes(of: value, toByteOffset: offset, as: Value.self)
    }
    store(Layout.version.littleEndian, at: Layout.versionOffset)
    store(UInt32(TraceRecord.bytes), at: Layout.recordBytesOffset)
    store(UInt64(records), at: Layout.capacityOffset)
    store(UInt32(getpid()), at: Layout.processOffset)
    store(UInt32(getppid()), at: Layout.parentOffset)
    store(start, at: Layout.startOffset)
    store(Clock.realtime(), at: Layout.wallOffset)
    store(UInt32(SystemCall.allCases.count), at: Layout.callsOffset)
    store(UInt32(payloadBytes), at: Layout.flagsOffset)
    let command = Self.commandLine()
    for (index, byte) in command.enumerated() { store(byte, at: Layout.commandOffset + index) }
    store(UInt32(command.count), at: Layout.commandLengthOffset)
    // The magic last: a reader that finds it finds the rest.
    atomicMemoryFence(ordering: .releasing)
    for (index, byte) in Layout.magic.enumerated() { store(byte, at: index) }
  }

  /// The words of the command line, each with a zero byte behind it: `/proc/self/cmdline` (proc(5)). By calls that no hook sees.
  private static func commandLine() -> [UInt8] {
    let file = unsafe Glibc.open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: Layout.commandBytes)
    let count = unsafe Glibc.read(file, &bytes, bytes.count)
    return Array(bytes.prefix(max(0, count)))
  }

  // MARK: Writing

  /// Records an event.
  @inline(__always) func write(_ record: TraceRecord) {
    if let position = claim(1) { fill(position, record) }
  }

  /// Records an event, and text that belongs to it.
  func write(_ record: TraceRecord, _ text: Span<UInt8>) {
    var record = record
    let pieces = (text.count + TraceRecord.textBytes - 1) / TraceRecord.textBytes
    guard let first = claim(UInt64(1 + pieces)) else { return }
    if pieces > 0 { record.flags |= TraceRecord.Flags.text.rawValue }
    fill(first, record)
    var offset = 0
    for piece in 0..<pieces {
      let count = min(TraceRecord.textBytes, text.count - offset)
      fillText(
        first &+ UInt64(1 + piece), record, text.extracting(offset..<(offset + count)),
        hasMore: piece + 1 < pieces)
      offset += count
    }
  }

  /// The position of the first of `count` records; nil, and counted: the ring is full.
  private func claim(_ count: UInt64) -> UInt64? {
    var position = unsafe head.pointee.load(ordering: .relaxed)
    while true {
      let used = unsafe position &- tail.pointee.load(ordering: .acquiring)
      guard used &+ count <= mask &+ 1 else {
        _ = unsafe dropped.pointee.add(count, ordering: .relaxed)
        return nil
      }
      let (exchanged, original) = unsafe head.pointee.weakCompareExchange(
        expected: position, desired: position &+ count, ordering: .relaxed)
      if exchanged { return position }
      position = original
    }
  }

  private func slot(_ position: UInt64) -> UnsafeMutableRawPointer {
    unsafe base + (Layout.headerBytes + Int(position & mask) * TraceRecord.bytes)
  }

  @inline(__always) private func fill(_ position: UInt64, _ record: TraceRecord) {
    let slot = unsafe slot(position)
    // With a state of 0: it is whole when that is its position.
    unsafe slot.storeBytes(of: record, as: TraceRecord.self)
    unsafe publish(slot, position)
  }

  private func fillText(_ position: UInt64, _ of: TraceRecord, _ bytes: Span<UInt8>, hasMore: Bool) {
    let slot = unsafe slot(position)
    var record = TraceRecord()
    record.time = of.time
    record.thread = of.thread
    record.kind = TraceKind.text.rawValue
    record.call = UInt8(bytes.count)
    record.flags = hasMore ? TraceRecord.Flags.text.rawValue : 0
    unsafe slot.storeBytes(of: record, as: TraceRecord.self)
    for index in bytes.indices {
      unsafe slot.storeBytes(of: bytes[index], toByteOffset: TraceRecord.textOffset + index, as: UInt8.self)
    }
    unsafe publish(slot, position)
  }

  @inline(__always) private func publish(_ slot: UnsafeMutableRawPointer, _ position: UInt64) {
    unsafe slot.assumingMemoryBound(to: Atomic<UInt64>.self).pointee.store(
      position &+ 1, ordering: .releasing)
  }

  /// The process stops recording: its reader doesn't wait for its end.
  func stop() { unsafe base.storeBytes(of: UInt32(1), toByteOffset: Layout.stoppedOffset, as: UInt32.self) }

  // MARK: Descriptors

  /// Notes that the trace knows what a descriptor is. Returns false if it did.
  func learn(_ descriptor: Int32) -> Bool {
    guard let (word, bit) = unsafe place(descriptor) else { return false }
    return unsafe word.pointee.bitwiseOr(bit, ordering: .relaxed).oldValue & bit == 0
  }

  /// Whether the trace knows what a descriptor is.
  @inline(__always) func knows(_ descriptor: Int32) -> Bool {
    guard let (word, bit) = unsafe place(descriptor) else { return true }
    return unsafe word.pointee.load(ordering: .relaxed) & bit != 0
  }

  /// A descriptor is closed: its number will be another file's.
  func forget(_ descriptor: Int32) {
    guard let (word, bit) = unsafe place(descriptor) else { return }
    _ = unsafe word.pointee.bitwiseAnd(~bit, ordering: .relaxed)
  }

  /// Nil for a number that no ordinary process has.
  @inline(__always) private func place(
    _ descriptor: Int32
  ) -> (UnsafeMutablePointer<Atomic<UInt64>>, UInt64)? {
    guard descriptor >= 0, descriptor < Self.knownWords * 64 else { return nil }
    return unsafe (known + Int(descriptor >> 6), 1 << UInt64(descriptor & 63))
  }
}
