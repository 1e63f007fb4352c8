import Dispatch
import Glibc
import Synchronization
package import SystemCalls

/// A server on this machine that sends bytes as a script says, while this value lives.
package final class ByteServer: Sendable {
  /// What it does with a connection, one step after the other. Behind the last it closes the connection.
  package enum Step: Sendable {
    /// Reads a request.
    case request
    /// Reads a request, and sends what it gets for the request's target.
    case answer(@Sendable (_ target: String) -> [UInt8])
    /// Reads a request, and sends what it gets for it.
    case answerRequest(@Sendable (_ request: String) -> [UInt8])
    case send([UInt8])
    /// Sends the bytes one by one, with a pause behind each; ends early when the client closes.
    case drip([UInt8], milliseconds: UInt64)
    /// Sends the bytes again and again until the client closes.
    case flood([UInt8])
    /// Waits until the client closes.
    case awaitClose
    /// Closes the connection so that the client gets ECONNRESET.
    case reset
  }

  fileprivate struct State: Sendable {
    var connections = 0
    var requests: [String] = []
    /// The descriptors of connections that are open.
    var open: Set<Int32> = []
    var isClosing = false
  }

  /// What its threads use, which may still run while this server is being closed.
  fileprivate final class Shared: Sendable {
    let listener: Descriptor
    let script: @Sendable (_ connection: Int) -> [Step]
    let state = Locked(State())
    let threads = DispatchGroup()

    init(_ listener: consuming Descriptor, _ script: @escaping @Sendable (_ connection: Int) -> [Step]) {
      self.listener = listener
      self.script = script
    }
  }

  private let shared: Shared
  /// Ends with a slash.
  package let url: String

  /// - Parameter script: What happens on the n-th connection, which is counted from 0.
  package init(_ script: @escaping @Sendable (_ connection: Int) -> [Step]) throws(SystemError) {
    let address = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
    let listener = try Internet.socket(address)
    try Internet.bind(listener, address)
    try Sockets.listen(listener)
    url = "http://127.0.0.1:\(try Internet.getsockname(listener).port)/"
    let shared = Shared(listener, script)
    self.shared = shared
    shared.threads.enter()
    do throws(SystemError) {
      try Threads.start(name: "byte server") {
        shared.accept()
        shared.threads.leave()
      }
    } catch {
      shared.threads.leave()
      throw error
    }
  }

  deinit {
    shared.state.withLock { state in
      state.isClosing = true
      for descriptor in state.open { _ = Glibc.shutdown(descriptor, Int32(SHUT_RDWR)) }
    }
    Sockets.shutdown(reading: shared.listener.raw)
    shared.threads.wait()
  }

  /// How many connections were made.
  package var connections: Int { shared.state.withLock { $0.connections } }
  /// The requests of all connections, in the order in which they came.
  package var requests: [String] { shared.state.withLock { $0.requests } }
}

extension ByteServer.Shared {
  fileprivate func accept() {
    while let socket = try? Sockets.accept(listener) {
      try? Sockets.setsockopt(socket, .noDelay, 1)
      let connection = ScriptedConnection(socket)
      let number = state.withLock { state -> Int? in
        if state.isClosing { return nil }
        state.open.insert(connection.raw)
        defer { state.connections += 1 }
        return state.connections
      }
      guard let number else { return }
      threads.enter()
      let started: Void? = try? Threads.start(name: "byte client") {
        self.serve(connection, number)
        self.threads.leave()
      }
      if started == nil { threads.leave() }
    }
  }

  private func serve(_ connection: ScriptedConnection, _ number: Int) {
    for step in script(number) {
      guard run(step, connection) else { break }
    }
    // Under the lock, so that the number isn't another connection's when the server closes.
    state.withLock { state in
      state.open.remove(connection.raw)
      connection.close()
    }
  }

  /// Returns whether the connection goes on.
  private func run(_ step: ByteServer.Step, _ connection: ScriptedConnection) -> Bool {
    switch step {
    case .request: return request(connection) != nil
    case .answer(let answer):
      guard let target = request(connection)?.split(separator: " ").dropFirst().first else { return false }
      return connection.send(answer(String(target)))
    case .answerRequest(let answer):
      guard let request = request(connection) else { return false }
      return connection.send(answer(request))
    case .send(let bytes): return connection.send(bytes)
    case .drip(let bytes, let milliseconds):
      for byte in bytes {
        // The client sends nothing: when it is readable, it has closed.
        guard connection.send([byte]), !connection.isReadable(within: milliseconds * 1_000_000) else {
          return false
        }
      }
      return true
    case .flood(let bytes):
      while connection.send(bytes) {}
      return false
    case .awaitClose:
      while connection.receive() != nil {}
      return false
    case .reset:
      connection.resetsWhenClosed()
      return false
    }
  }

  /// Reads a request; nil if the client closes.
  private func request(_ connection: ScriptedConnection) -> String? {
    var text = ""
    while !text.hasSuffix("\r\n\r\n") {
      guard let more = connection.receive() else { return nil }
      text += String(decoding: more, as: UTF8.self)
    }
    let request = text
    state.withLock { $0.requests.append(request) }
    return request
  }
}

/// A connection in blocking calls. One thread has it, but for the one that shuts it down.
private final class ScriptedConnection: Sendable {
  private let socket: Locked<Descriptor?>
  let raw: Int32

  init(_ socket: consuming Descriptor) {
    raw = socket.raw
    self.socket = Locked(socket)
  }

  func close() { socket.withLock { $0 = nil } }

  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe try? bytes.span.extracting(sent...).withUnsafeBytes { bytes throws(SystemError) in
        unsafe try Sockets.sendmsg(raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: true)
      }
      guard let count else { return false }
      sent += count
    }
    return true
  }

  /// Nil at the end.
  func receive() -> [UInt8]? {
    var room = [UInt8](repeating: 0, count: 4096)
    var truncated = false
    let count = unsafe try? room.withUnsafeMutableBytes { room in
      unsafe try Sockets.recvmsg(raw, into: room, wait: true, truncated: &truncated)
    }
    guard let count, count > 0 else { return nil }
    return Array(room[..<count])
  }

  func isReadable(within nanoseconds: UInt64) -> Bool {
    (try? ppoll(raw, read: true, nanoseconds: nanoseconds)) ?? true
  }

  /// SO_LINGER with a time of zero: close(2) sends a reset.
  func resetsWhenClosed() {
    var option = linger(l_onoff: 1, l_linger: 0)
    unsafe setsockopt(raw, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }
}
