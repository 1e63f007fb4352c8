import SystemCalls

/// A lock-free ring between one sender and one receiver, in memory that both have attached.
///
/// The layout, to the byte: 0 a magic number (8 bytes), 8 the capacity (8); 128 the tail, how many bytes were ever
/// written (8); 136 whether the sender has closed (4); 256 the head, how many were ever read (8); 264 whether the
/// receiver has closed (4); 268 whether the
/// receiver calls membarrier(2) before it sleeps, so that a sender whose process is registered for that needs no barrier
/// of its own between the tail and the doorbell (4); 384 the receiver's doorbell (4); 512 the sender's (4); 4096 the data. Everything
/// that one side writes often has its own pair of cache lines.
///
/// A record is the frame header, the part, and padding up to eight bytes; it never wraps. Where it wouldn't fit
/// before the end, a filler record (sender number 0xFFFFFFFF) takes the rest.
@safe package struct Ring: @unchecked Sendable {
  static let magic: UInt64 = 0x676E_6972_2D63_7069  // "ipc-ring"
  static let dataOffset = 4096
  static let fillerStream = UInt32.max

  let capacity: Int
  let tail: SharedCounter
  let head: SharedCounter
  let senderClosed: SharedWord
  let receiverClosed: SharedWord
  let receiverPassesBarriers: SharedWord
  /// Rung by the sender.
  let messages: EventCount
  /// Rung by the receiver.
  let room: EventCount
  let data: UnsafeMutableRawPointer

  static func bytes(capacity: Int) -> Int { dataOffset + capacity }

  /// The ring's size for a wish: a power of two, 4 KiB at least.
  static func capacity(for wish: Int) -> Int {
    var capacity = 4096
    while capacity < wish, capacity < 1 << 40 { capacity *= 2 }
    return capacity
  }

  /// Writes the head of a new ring into zeroed memory.
  static func format(_ memory: UnsafeMutableRawBufferPointer, capacity: Int) {
    unsafe memory.storeBytes(of: UInt64(capacity), toByteOffset: 8, as: UInt64.self)
    unsafe memory.storeBytes(of: magic, as: UInt64.self)
  }

  /// The ring in this memory; nil when the memory doesn't hold one of the size it claims.
  package init?(_ memory: UnsafeMutableRawBufferPointer) {
    guard memory.count >= Self.dataOffset, unsafe memory.load(as: UInt64.self) == Self.magic else {
      return nil
    }
    let claimed = unsafe memory.load(fromByteOffset: 8, as: UInt64.self)
    guard claimed >= 4096, claimed <= 1 << 40, claimed.nonzeroBitCount == 1,
      Self.bytes(capacity: Int(claimed)) <= memory.count
    else { return nil }
    capacity = Int(claimed)
    tail = unsafe SharedCounter(memory, at: 128)
    senderClosed = unsafe SharedWord(memory, at: 136)
    head = unsafe SharedCounter(memory, at: 256)
    receiverClosed = unsafe SharedWord(memory, at: 264)
    messages = unsafe EventCount(SharedWord(memory, at: 384))
    room = unsafe EventCount(SharedWord(memory, at: 512))
    receiverPassesBarriers = unsafe SharedWord(memory, at: 268)
    unsafe data = memory.baseAddress! + Self.dataOffset
  }

  @inline(__always) func pointer(_ position: UInt64) -> UnsafeMutableRawPointer {
    unsafe data + Int(position & UInt64(capacity - 1))
  }
}

/// What keeps a ring's memory, and tells when the other side is gone.
package final class RingLink: @unchecked Sendable {
  let mechanism: Mechanism
  let ring: Ring
  let liveness: LivenessPipe
  private let keep: AnyObject
  private let parameters: [(key: String, value: String)]
  private let extraDescriptors: [Int32]

  /// - Parameter keep: owns the mapping; the ring's memory is valid as long as it lives.
  package init(
    _ mechanism: Mechanism, _ ring: Ring, _ liveness: LivenessPipe, keep: AnyObject,
    parameters: [(key: String, value: String)] = [], descriptors: [Int32] = []
  ) throws(ChannelError) {
    self.mechanism = mechanism
    self.ring = ring
    self.liveness = liveness
    self.keep = keep
    self.parameters = parameters
    extraDescriptors = descriptors
    let bell = liveness.side == .sender ? ring.room : ring.messages
    try translating(.open, mechanism) { () throws(SystemError) in try liveness.start { bell.wake() } }
    liveness.keep(self, parameters)
  }

  deinit { close() }

  func close() { liveness.leave(self, parameters) }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    if !liveness.isAnonymous { throw .named(mechanism) }
    return EndpointTransfer(parameters: parameters, descriptors: liveness.descriptors + extraDescriptors) {
      self.liveness.surrender(self, self.parameters)
    }
  }
}
