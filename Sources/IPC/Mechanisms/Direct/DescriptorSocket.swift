import SystemCalls

/// One end of a Unix socket pair over which open files travel: the other process gets a descriptor of the same open
/// file, whatever its own permissions on the path are.
///
/// System calls: socketpair(2), sendmsg(2) and recvmsg(2) with SCM_RIGHTS (unix(7)).
public struct DescriptorSocket: ~Copyable, Sendable {
  let descriptor: Descriptor

  fileprivate static let role = "descriptors"

  private init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  /// Both sockets.
  @frozen public struct Pair: ~Copyable, Sendable {
    /// One socket.
    public var one: DescriptorSocket
    /// The other socket.
    public var other: DescriptorSocket
  }

  /// A new pair of sockets.
  public static func pair() throws(ChannelError) -> Pair {
    do throws(SystemError) {
      let ends = try Sockets.socketpair(.stream)
      return ends.take { one, other in Pair(one: DescriptorSocket(one), other: DescriptorSocket(other)) }
    } catch {
      throw ChannelError(error, .open, .unix)
    }
  }

  /// The socket that the parent process passed under this name.
  public static func inherited(_ name: String) throws(ChannelError) -> DescriptorSocket {
    let endpoint = try Inheritance.endpoint(name, role: role)
    return DescriptorSocket(Descriptor(owning: try endpoint.descriptor(0)))
  }

  /// Opens a file for reading, and sends its descriptor.
  public func send(opening path: String) throws(ChannelError) {
    try translating(.send, .unix, path) { () throws(SystemError) in
      let file = try Files.open(path, .read)
      try Sockets.sendmsg(descriptor: file, over: descriptor)
    }
  }

  /// Receives an open file, and reads its contents as text, at most 4 MiB.
  public func receiveText() throws(ChannelError) -> String {
    let text = try translating(.receive, .unix) { () throws(SystemError) -> String? in
      guard let file = try Sockets.recvmsgDescriptor(over: descriptor) else { return nil }
      return try Files.readText(file)
    }
    guard let text else { throw .closed(.receive, .unix) }
    return text
  }
}

extension Spawn {
  /// Passes a socket to the child: it is closed here once the child has it.
  public mutating func pass(_ socket: consuming DescriptorSocket, as name: String) throws(ChannelError) {
    let passed = Passed(socket)
    try add(name, DescriptorSocket.role, .unix, ChannelOptions(), EndpointTransfer(descriptors: [passed.raw]))
    {
      passed.socket = nil
      return nil
    }
  }

  /// Keeps the socket open until the child has it.
  private final class Passed {
    var socket: DescriptorSocket?
    let raw: Int32
    init(_ socket: consuming DescriptorSocket) {
      raw = socket.descriptor.raw
      self.socket = consume socket
    }
  }
}
