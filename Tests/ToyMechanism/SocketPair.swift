package import IPC
import SystemCalls

/// A mechanism outside of the catalogue: packets over a socketpair(2). It implements what a mechanism has to implement,
/// and no more.
///
/// - Opening: socketpair(2) with SOCK_SEQPACKET makes both ends. An endpoint goes to a child when posix_spawn(3) starts it.
/// - Sending: sendmsg(2) sends header and message as one packet; with MSG_DONTWAIT it fails with EAGAIN while the socket
///   is full. A message of more than 32 KiB goes in fragments.
/// - Receiving: recvmsg(2) takes one packet.
/// - Waiting with a deadline: ppoll(2).
/// - Dying: recvmsg(2) returns 0 when the last sender has closed; sendmsg(2) fails with EPIPE when the last receiver has.
///   The kernel closes the sockets of a process that dies.
package enum SocketPairMechanism: MechanismImplementation {
  package static let mechanism = Mechanism("socketpair")

  package static let traits = MechanismTraits(
    summary: "packets between related processes",
    addressForm: "socketpair:",
    systemCalls: MechanismTraits.SystemCalls(
      open: ["socketpair"], send: ["sendmsg"], receive: ["recvmsg"], wait: ["ppoll"], close: ["close"]),
    manySenders: true, manyReceivers: false, named: false)

  /// The most bytes of a packet. A socket's buffer holds several.
  static let packetBytes = 1 << 15

  package static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair {
    guard options.capacityBytes == nil else {
      throw ChannelError(
        .notSupported, .open, mechanism, "a socketpair has a fixed capacity: leave out ?capacity=")
    }
    let ends = try translating(.open, mechanism) { () throws(SystemError) in try Sockets.socketpair(.packet) }
    return ends.take { sending, receiving in
      TransportPair(
        SocketPairWriter(sending).framed(mechanism, options),
        SocketPairReader(receiving).framed(mechanism, options))
    }
  }

  package static func openSender(
    _ address: Address, until deadline: Deadline
  ) throws(ChannelError) -> any SenderTransport {
    throw withoutName
  }

  package static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport {
    throw withoutName
  }

  private static var withoutName: ChannelError {
    ChannelError(
      .notSupported, .open, mechanism,
      "a socketpair has no name: make a channel with Channel.make and pass an endpoint, or use a unix:/path")
  }

  package static func adoptSender(
    _ inherited: InheritedEndpoint
  ) throws(ChannelError) -> any SenderTransport {
    SocketPairWriter(Descriptor(owning: try inherited.descriptor(0))).framed(mechanism, inherited.options)
  }

  package static func adoptReceiver(
    _ inherited: InheritedEndpoint
  ) throws(ChannelError) -> any ReceiverTransport {
    SocketPairReader(Descriptor(owning: try inherited.descriptor(0))).framed(mechanism, inherited.options)
  }

  package static func limits() -> [MechanismLimit] { [MechanismLimit("packet", packetBytes, "bytes")] }
}

/// A socket, which sending and receiving close and pass in the same way.
class SocketPairEnd {
  final let unitBytes = SocketPairMechanism.packetBytes
  private var socket: Descriptor?
  /// The socket's number; -1 once it is closed.
  private final var number: Int32

  init(_ socket: consuming Descriptor) {
    number = socket.raw
    self.socket = consume socket
  }

  /// The socket's number, for a call.
  final func raw(_ operation: ChannelError.Operation) throws(ChannelError) -> Int32 {
    guard number >= 0 else { throw .closed(operation, SocketPairMechanism.mechanism) }
    return number
  }

  final var readiness: Readiness { .descriptors(number >= 0 ? [number] : [], nil) }
  final package var objects: [String] { number >= 0 ? ["fd:\(number)"] : [] }

  func close() {
    socket = nil
    number = -1
  }

  func transfer() throws(ChannelError) -> EndpointTransfer { EndpointTransfer(descriptors: [try raw(.pass)]) }

  func finishTransfer() -> AnyObject? {
    close()
    return nil
  }
}

/// Sends packets.
final class SocketPairWriter: SocketPairEnd, ByteWriter {
  let isStream = false
  /// Other senders' packets come between those of one message.
  let interleavesFragments = true

  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Int {
    let socket = try raw(.send)
    while true {
      do throws(SystemError) {
        return unsafe try Sockets.sendmsg(socket, head, body, wait: deadline.isNever)
      } catch {
        guard error.wouldBlock else { throw ChannelError(error, .send, SocketPairMechanism.mechanism) }
      }
      if deadline.isNow { return 0 }
      let hasRoom = try translating(.send, SocketPairMechanism.mechanism) { () throws(SystemError) in
        try ppoll(socket, write: true, nanoseconds: deadline.remaining)
      }
      if !hasRoom { return 0 }
    }
  }
}

/// Receives packets.
final class SocketPairReader: SocketPairEnd, ByteReader {
  func read(
    into buffer: UnsafeMutableRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> ReadOutcome {
    let socket = try raw(.receive)
    while true {
      var truncated = false
      do throws(SystemError) {
        let count = unsafe try Sockets.recvmsg(
          socket, into: buffer, wait: deadline.isNever, truncated: &truncated)
        if !truncated { return count == 0 ? .ended : .bytes(count) }
      } catch {
        guard error.wouldBlock else {
          let failure = ChannelError(error, .receive, SocketPairMechanism.mechanism)
          // A sender that dies with unread bytes of its own resets the connection.
          if failure.code == .closed { return .ended }
          throw failure
        }
      }
      if truncated {
        throw .violation(SocketPairMechanism.mechanism, "a packet of more than \(unitBytes) bytes")
      }
      if deadline.isNow { return .nothing }
      let hasPacket = try translating(.receive, SocketPairMechanism.mechanism) { () throws(SystemError) in
        try ppoll(socket, read: true, nanoseconds: deadline.remaining)
      }
      if !hasPacket { return .nothing }
    }
  }
}
