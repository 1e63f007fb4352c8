import SystemCalls

/// A lock-free ring between one sender and one receiver, in memory that both have attached.
///
/// The layout, in bytes from the start:
///
/// | offset | size | |
/// | ---: | ---: | --- |
/// | 0 | 8 | a magic number |
/// | 8 | 8 | the capacity |
/// | 16 | 4 | the version of the wire formats |
/// | 128 | 8 | the tail: how many bytes were ever written |
/// | 136 | 4 | whether the sender has closed |
/// | 256 | 8 | the head: how many bytes were ever read |
/// | 264 | 4 | whether the receiver has closed |
/// | 268 | 4 | whether the receiver calls membarrier(2) before it sleeps: a sender whose process is registered for that needs no fence between storing the tail and looking for a sleeper |
/// | 384 | 4 | the event count that the sender notifies |
/// | 512 | 4 | the event count that the receiver notifies |
/// | 4096 | capacity | the records |
///
/// What one side writes often has a pair of cache lines of its own. A record is a frame header, the frame's bytes,
/// and padding up to eight bytes; it never wraps. Where it doesn't fit before the end, a filler record (sender number
/// 0xFFFFFFFF) takes the rest.
@safe struct Ring: @unchecked Sendable {
  private static let magic: UInt64 = 0x676E_6972_2D63_7069  // "ipc-ring"
  private enum Offset {
    static let capacity = 8, version = 16
    static let tail = 128, senderClosed = 136
    static let head = 256, receiverClosed = 264, receiverHasBarrier = 268
    static let messages = 384, room = 512
    static let data = 4096
  }
  private static let capacityRange = 4096...(1 << 40)
  static let fillerStream = UInt32.max

  let capacity: Int
  let tail: SharedCounter
  let head: SharedCounter
  let senderClosed: SharedWord
  let receiverClosed: SharedWord
  let receiverHasBarrier: SharedWord
  /// The sender notifies it.
  let messages: EventCount
  /// The receiver notifies it.
  let room: EventCount
  private let data: UnsafeMutableRawPointer

  /// The bytes of memory that a ring of `capacity` takes.
  static func bytes(capacity: Int) -> Int { Offset.data + capacity }

  /// The smallest possible capacity for `bytes`: a power of two, at least 4 KiB.
  static func capacity(for bytes: Int) -> Int {
    var capacity = capacityRange.lowerBound
    while capacity < bytes, capacity < capacityRange.upperBound { capacity *= 2 }
    return capacity
  }

  /// Writes the head of a new ring into zeroed memory.
  static func format(_ memory: UnsafeMutableRawBufferPointer, capacity: Int) {
    unsafe memory.storeBytes(of: UInt64(capacity), toByteOffset: Offset.capacity, as: UInt64.self)
    unsafe memory.storeBytes(of: UInt32(WireFormat.version), toByteOffset: Offset.version, as: UInt32.self)
    unsafe memory.storeBytes(of: magic, as: UInt64.self)
  }

  /// The ring in this memory; nil if the memory doesn't hold one of the size it claims.
  /// - Throws: `versionMismatch`.
  init?(_ memory: UnsafeMutableRawBufferPointer, _ mechanism: Mechanism) throws(ChannelError) {
    guard memory.count >= Offset.data, unsafe memory.load(as: UInt64.self) == Self.magic else {
      return nil
    }
    let version = unsafe memory.load(fromByteOffset: Offset.version, as: UInt32.self)
    guard version == WireFormat.version else {
      // Version 1 had no such field.
      throw .versionMismatch(version == 0 ? 1 : Int(version), .open, mechanism)
    }
    let claimed = unsafe memory.load(fromByteOffset: Offset.capacity, as: UInt64.self)
    guard claimed <= UInt64(Self.capacityRange.upperBound), Self.capacityRange.contains(Int(claimed)),
      claimed.nonzeroBitCount == 1, Self.bytes(capacity: Int(claimed)) <= memory.count
    else { return nil }
    capacity = Int(claimed)
    tail = unsafe SharedCounter(memory, at: Offset.tail)
    senderClosed = unsafe SharedWord(memory, at: Offset.senderClosed)
    head = unsafe SharedCounter(memory, at: Offset.head)
    receiverClosed = unsafe SharedWord(memory, at: Offset.receiverClosed)
    receiverHasBarrier = unsafe SharedWord(memory, at: Offset.receiverHasBarrier)
    messages = unsafe EventCount(SharedWord(memory, at: Offset.messages))
    room = unsafe EventCount(SharedWord(memory, at: Offset.room))
    unsafe data = memory.baseAddress! + Offset.data
  }

  @inline(__always) func pointer(_ position: UInt64) -> UnsafeMutableRawPointer {
    unsafe data + Int(position & UInt64(capacity - 1))
  }

  /// The bytes from a position to the end, where the ring begins again.
  @inline(__always) func bytesToEnd(_ position: UInt64) -> Int {
    capacity - Int(position & UInt64(capacity - 1))
  }

  /// The bytes of a record with `count` bytes of message.
  @inline(__always) static func recordBytes(_ count: Int) -> Int { (count + FrameHeader.size + 7) & ~7 }
}

/// One endpoint's ring and kernel objects.
final class RingEndpoint: Sendable {
  let mechanism: Mechanism
  let ring: Ring
  private let owner: KernelObjectOwner

  var liveness: LivenessPipe { owner.liveness }

  /// - Parameter attachments: keeps the ring's memory attached.
  init(
    _ mechanism: Mechanism, _ ring: Ring, _ liveness: LivenessPipe,
    ids: [(key: String, value: String)] = [], descriptors: [Int32] = [],
    attachments: any AttachedMemory
  ) throws(ChannelError) {
    self.mechanism = mechanism
    self.ring = ring
    let eventCount = liveness.side == .sender ? ring.room : ring.messages
    owner = try KernelObjectOwner(
      mechanism, liveness, ids: ids, descriptors: descriptors, attachments: attachments
    ) { eventCount.wake() }
  }

  var objects: [String] { owner.objects }
  func close() { owner.close() }
  func transfer() throws(ChannelError) -> EndpointTransfer { try owner.transfer() }
  func finishTransfer() -> AnyObject? { owner.finishTransfer() }
}
