import SystemCalls

/// One end of a Unix socket pair over which open files travel: the other process gets a descriptor of the same open
/// file, whatever its own permissions on the path are.
///
/// System calls: socketpair(2), sendmsg(2) and recvmsg(2) with SCM_RIGHTS (unix(7)).
public struct DescriptorSocket: ~Copyable, Sendable {
  /// Nil once it is closed, or passed to a child.
  private var descriptor: Descriptor?

  private init(_ descriptor: consuming Descriptor) { self.descriptor = consume descriptor }

  /// Closes the socket now; closing it again does nothing. Going out of scope does the same.
  public mutating func close() { descriptor = nil }

  fileprivate mutating func take() throws(ChannelError) -> Descriptor {
    guard let taken = descriptor.take() else { throw Self.closed(.pass) }
    return taken
  }

  private static func closed(_ operation: ChannelError.Operation) -> ChannelError {
    ChannelError(
      .closed, operation, .unix, "closed: this process has closed this socket, or passed it to a child")
  }

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
  public init(inherited name: String) throws(ChannelError) {
    let endpoint = try Inheritance.endpoint(name, .descriptors, nil)
    self.init(Descriptor(owning: try endpoint.descriptor(0)))
  }

  /// Opens a file for reading, and sends its descriptor.
  public func send(opening path: String) throws(ChannelError) {
    switch descriptor {
    case .some(let socket):
      do throws(SystemError) {
        let file = try Files.open(path, .read)
        try Sockets.sendmsg(descriptor: file, over: socket)
      } catch {
        throw ChannelError(error, .send, .unix, path)
      }
    case .none: throw Self.closed(.send)
    }
  }

  /// Receives an open file, and reads its contents as text, at most 4 MiB.
  public func receiveText() throws(ChannelError) -> String {
    switch descriptor {
    case .some(let socket):
      do throws(SystemError) {
        if let file = try Sockets.recvmsgDescriptor(over: socket) { return try Files.readText(file) }
      } catch {
        throw ChannelError(error, .receive, .unix)
      }
      throw .closed(.receive, .unix)
    case .none: throw Self.closed(.receive)
    }
  }
}

extension Spawn {
  /// Passes a socket to the child: it is closed here.
  public mutating func pass(_ socket: inout DescriptorSocket, as name: String) throws(ChannelError) {
    let passed = Passed(try socket.take())
    try add(name, .descriptors, .unix, ChannelOptions(), EndpointTransfer(descriptors: [passed.raw])) {
      passed.descriptor = nil
      return nil
    }
  }

  /// Keeps the socket open until the child has it.
  private final class Passed {
    var descriptor: Descriptor?
    let raw: Int32
    init(_ descriptor: consuming Descriptor) {
      raw = descriptor.raw
      self.descriptor = consume descriptor
    }
  }
}
