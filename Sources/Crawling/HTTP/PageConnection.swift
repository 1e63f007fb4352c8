import Synchronization
import SystemCalls

/// A connection to a server, in non-blocking mode. It is closed with this object.
final class PageConnection: Sendable {
  /// The server, as in ``PageAddress/host``.
  let host: String
  private let socket: Descriptor

  /// Begins to connect: connect(2).
  init(_ address: PageAddress) throws(SystemError) {
    host = address.host
    socket = try Internet.socket(address.server)
    try socket.setNonblocking(true)
    try Internet.beginConnecting(socket, address.server)
  }

  var descriptor: Int32 { socket.raw }

  /// Throws why connecting failed, if it did.
  func checkConnected() throws(SystemError) { try Internet.checkConnected(socket) }

  /// Sends what there is room for. Returns how many bytes that is.
  func send(_ bytes: Span<UInt8>) throws(SystemError) -> Int {
    unsafe try bytes.withUnsafeBytes { bytes throws(SystemError) in
      unsafe try Sockets.sendmsg(
        socket.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: false)
    }
  }

  /// Receives what has arrived. Returns how many bytes that is; 0 at the end.
  func receive(into room: UnsafeMutableRawBufferPointer) throws(SystemError) -> Int {
    var truncated = false
    return unsafe try Sockets.recvmsg(socket.raw, into: room, wait: false, truncated: &truncated)
  }

  /// Acknowledges what was received: setsockopt(2) with TCP_QUICKACK.
  func acknowledge() { try? Sockets.setsockopt(socket, .quickAck, 1) }

  /// Whether the server has neither closed the connection nor sent anything for which nothing asked.
  var isQuiet: Bool {
    var byte: UInt8 = 0
    do throws(SystemError) {
      _ = unsafe try withUnsafeMutableBytes(of: &byte) { room throws(SystemError) in
        unsafe try receive(into: room)
      }
      return false
    } catch {
      return error.wouldBlock
    }
  }
}

/// Connections that have served a page and can serve another.
final class PageConnections: Sendable {
  private struct State {
    /// The one that was used last at the end.
    var idle: [PageConnection] = []
    var isClosed = false
  }

  private let most: Int
  private let state = Locked(State())

  /// - Parameter most: How many are kept; of more, that which has waited longest is closed.
  init(most: Int) { self.most = max(1, most) }

  /// How many connections wait for a page.
  var count: Int { state.withLock { $0.idle.count } }

  /// Takes a connection to a server; nil if there is none.
  func take(_ host: String) -> PageConnection? {
    while true {
      let found = state.withLock { state -> PageConnection? in
        guard let index = state.idle.lastIndex(where: { $0.host == host }) else { return nil }
        return state.idle.remove(at: index)
      }
      guard let found else { return nil }
      if found.isQuiet { return found }
    }
  }

  /// Keeps a connection for another page.
  func keep(_ connection: PageConnection) {
    state.withLock { state in
      if state.isClosed { return }
      if state.idle.count == most { state.idle.removeFirst() }
      state.idle.append(connection)
    }
  }

  /// Closes the connections. None is kept from then on.
  func close() {
    state.withLock { state in
      state.idle = []
      state.isClosed = true
    }
  }
}
