import SystemCalls
import Testing

@testable import IPC

/// A ring in memory of this process: both endpoints, and its raw bytes for a test to overwrite.
final class TestRing {
  /// Owns the memory; both endpoints keep it.
  @safe final class Memory: AttachedMemory, @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(count: Int) {
      unsafe bytes = .allocate(byteCount: count, alignment: 4096)
      unsafe bytes.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit { unsafe bytes.deallocate() }
  }

  enum Offset {
    static let magic = 0, capacity = 8, tail = 128, senderClosed = 136, head = 256, receiverClosed = 264,
      data = 4096
  }

  let memory: Memory
  let capacity: Int
  private let senderEndpoint: RingEndpoint
  private let receiverEndpoint: RingEndpoint
  private let options: ChannelOptions

  init(capacity: Int = 4096, maximum: Int = 1 << 20, wait: WaitStrategy = .block) throws {
    self.capacity = capacity
    memory = Memory(count: Ring.bytes(capacity: capacity))
    unsafe Ring.format(memory.bytes, capacity: capacity)
    let ring = try #require(try unsafe Ring(memory.bytes, .memory))
    let livenessPipes = try LivenessPipe.pair()
    senderEndpoint = try RingEndpoint(.memory, ring, livenessPipes.sender, attachments: memory)
    receiverEndpoint = try RingEndpoint(.memory, ring, livenessPipes.receiver, attachments: memory)
    var options = ChannelOptions()
    options.maximumMessageBytes = maximum
    options.wait = wait
    self.options = options
  }

  /// The endpoints, which read the memory as it is when they are made.
  func sender() throws(ChannelError) -> RingSender { try RingSender(senderEndpoint, options) }
  func receiver() throws(ChannelError) -> RingReceiver { try RingReceiver(receiverEndpoint, options) }

  /// Writes a word that the peer could write.
  func overwrite(_ offset: Int, _ value: UInt64) {
    unsafe memory.bytes.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
  }

  func word(_ offset: Int) -> UInt64 { unsafe memory.bytes.load(fromByteOffset: offset, as: UInt64.self) }

  func overwriteRecord(at position: Int, _ header: FrameHeader) {
    overwrite(Offset.data + position, header.bits)
  }
}
