import Synchronization
import SystemCalls

/// The receiver transport of a named socket: takes the messages of every sender that its acceptor has let in, in turn.
/// When the last of them has closed, the channel is at its end.
final class ListeningReceiver: ReceiverTransport {
  typealias Reader = DescriptorTransport & ByteReader

  /// One sender's connection.
  private final class Connection {
    let reader: any Reader
    let decoder: FrameDecoder
    /// Whether any byte has come.
    var hasSent = false
    /// Its number in a trace, where each connection is an endpoint of its own.
    var traceNumber: Int32 = 0

    deinit { if traceNumber != 0 { TracedEndpoint.close(traceNumber, passed: false) } }

    init(_ reader: any Reader, _ decoder: FrameDecoder) {
      self.reader = reader
      self.decoder = decoder
    }

    var raw: Int32 { (try? reader.raw(.receive)) ?? -1 }
  }

  let mechanism: Mechanism
  let options: ChannelOptions
  private(set) var bytesCarried = 0
  private let arrivals: ArrivedConnections
  private let acceptor: Acceptor
  private let makeReader: (consuming Descriptor) -> any Reader
  private var connections: [Connection] = []
  /// The connection whose message was returned last: the next search begins behind it, so that every sender gets its
  /// turn.
  private var current: Connection?
  private var turn = 0
  /// How many senders have come, but for those of other messages or versions.
  private var senders = 0
  private var reads = 0
  private var spinPolicy: SpinPolicy
  /// Made when a task waits without a thread.
  private var epoll: Epoll?
  private let onClose: () -> Void
  private var isClosed = false
  private var listenerTraceNumber: Int32 = 0

  private static let bufferBytes = 4096
  /// Every so many reads, a receiver with one sender also looks for others.
  private static let readsBetweenLooks = 32

  /// - Parameters:
  ///   - admits: whether the peer of a connection may send.
  ///   - reader: reads from an accepted socket.
  ///   - onClose: removes the socket's name.
  init(
    _ mechanism: Mechanism, _ listener: consuming Descriptor, _ options: ChannelOptions,
    admits: @escaping @Sendable (borrowing Descriptor) throws(SystemError) -> Bool,
    reader: @escaping (consuming Descriptor) -> any Reader, onClose: @escaping () -> Void = {}
  ) throws(SystemError) {
    self.mechanism = mechanism
    self.options = options
    makeReader = reader
    self.onClose = onClose
    spinPolicy = SpinPolicy(options.wait)
    let arrivals = try ArrivedConnections()
    self.arrivals = arrivals
    acceptor = try Acceptor(listener) { (socket) throws(SystemError) in
      guard try admits(socket) else { return }
      // In the list before it is answered: this receiver must not overlook a sender that was let in.
      if arrivals.add(try socket.duplicate()) { Handshake.send(socket, Handshake.type(options)) }
    }
  }

  func take(until deadline: Deadline) throws(ChannelError) -> UnsafeRawBufferPointer? {
    release()
    while true {
      if let message = unsafe try nextBuffered() { return unsafe message }
      if try acceptAndRead(until: .now) { continue }
      if senders > 0, connections.isEmpty { throw .closed(.receive, mechanism) }
      if deadline.isNow { return nil }
      let changed = try FlushRegistry.waiting(until: deadline) { limit throws(ChannelError) -> Bool? in
        if try spinPolicy.spin(until: limit, { () throws(ChannelError) in try acceptAndRead(until: .now) }) {
          return true
        }
        // Also after a wait that brought nothing: a socket may be readable and have no bytes.
        repeat {
          if try acceptAndRead(until: limit) { return true }
        } while !limit.hasPassed
        return nil
      }
      if changed == nil { return nil }
    }
  }

  /// A whole message that was read already, from the next sender that has one.
  private func nextBuffered() throws(ChannelError) -> UnsafeRawBufferPointer? {
    for step in 0..<connections.count {
      let index = (turn + step) % connections.count
      let connection = connections[index]
      do throws(ChannelError) {
        if let message = unsafe try connection.decoder.next() {
          current = connection
          turn = index + 1
          return unsafe message
        }
      } catch {
        // One sender's garbage ends that sender alone, with one error. One of other messages was none of this channel's.
        connections.remove(at: index)
        if error.code == .typeMismatch || error.code == .versionMismatch { senders -= 1 }
        throw error
      }
    }
    return nil
  }

  /// Accepts and reads what is ready; waits for it until the deadline. Returns true if anything changed.
  private func acceptAndRead(until deadline: Deadline) throws(ChannelError) -> Bool {
    if isClosed { throw .closed(.receive, mechanism) }
    // The usual case: one sender, and it has sent. A second sender must not wait as long as the first keeps sending.
    reads &+= 1
    if connections.count == 1, reads % Self.readsBetweenLooks != 0, try read(connections[0]) { return true }
    var entries =
      [PollEntry(arrivals.pollable, read: true)] + connections.map { PollEntry($0.raw, read: true) }
    let ready = try translating(.receive, mechanism) { () throws(SystemError) in
      try ppoll(&entries, nanoseconds: deadline.remaining)
    }
    guard ready > 0 else { return false }
    var changed = false
    for (connection, entry) in zip(connections, entries.dropFirst()) where entry.readable || entry.hungUp {
      if try read(connection) { changed = true }
    }
    if entries[0].readable, takeArrivals() { changed = true }
    return changed
  }

  /// Reads once from a sender. Returns true if bytes came or the sender is gone.
  private func read(_ connection: Connection) throws(ChannelError) -> Bool {
    do throws(ChannelError) {
      let room = unsafe connection.decoder.room(connection.reader.unitBytes)
      switch unsafe try connection.reader.read(into: room, tries: 1) {
      case .bytes(let count):
        connection.decoder.filled(count)
        connection.hasSent = true
        bytesCarried += count
        return true
      case .nothing: return false
      case .ended:
        // A sender says hello as soon as it is let in. One that didn't has found this receiver to be of another version.
        if !connection.hasSent, options.framing == .frames { senders -= 1 }
        drop(connection)
        // A socket's end doesn't say whether its sender died.
        _ = unsafe try connection.decoder.last { true }
        return true
      }
    } catch {
      drop(connection)
      throw error
    }
  }

  private func drop(_ connection: Connection) { connections.removeAll { $0 === connection } }

  /// The senders that the acceptor has let in meanwhile.
  private func takeArrivals() -> Bool {
    arrivals.rearm()
    var came = false
    while let socket = arrivals.next() {
      let reader = makeReader(socket)
      let decoder = FrameDecoder(
        mechanism: mechanism, options: options, bufferBytes: Self.bufferBytes, readsUnits: reader.readsUnits)
      let connection = Connection(reader, decoder)
      connections.append(connection)
      if Tracer.isOn {
        connection.traceNumber = TracedEndpoint.open(
          mechanism, reader.objects, isReceiver: true, sender: 0)
      }
      watch(connection)
      senders += 1
      came = true
    }
    return came
  }

  func release() {
    current?.decoder.release()
    current = nil
  }

  /// Of the connection whose message was returned last.
  var traceNumber: Int32 {
    get { current?.traceNumber ?? listenerTraceNumber }
    set { listenerTraceNumber = newValue }
  }

  /// One descriptor for all connections, which come and go, with numbers that other files may have by then: an epoll(7)
  /// of its own, from which the kernel removes a socket that closes.
  var readiness: Readiness {
    if isClosed { return .descriptors([], nil) }
    if epoll == nil, let made = try? Epoll() {
      try? made.add(arrivals.pollable, .read, token: 0)
      for connection in connections { try? made.add(connection.raw, .read, token: 0) }
      epoll = consume made
    }
    switch epoll {
    case .some(let epoll): return .descriptors([epoll.raw], nil)
    // No descriptor is left for it: each by itself.
    case .none: return .descriptors([arrivals.pollable] + connections.map { $0.raw }, nil)
    }
  }

  private func watch(_ connection: Connection) {
    switch epoll {
    case .some(let epoll): try? epoll.add(connection.raw, .read, token: 0)
    case .none: break
    }
  }

  deinit { close() }

  func close() {
    if isClosed { return }
    isClosed = true
    // While the socket is bound: no other process can have replaced its file by its own.
    onClose()
    arrivals.close()
    acceptor.close()
    epoll = nil
    connections = []
  }

  func transfer() throws(ChannelError) -> EndpointTransfer {
    throw ChannelError(
      .notSupported, .pass, mechanism,
      "a listening receiver can't be passed: open the address in the other process, or pass an endpoint of a channel without a name"
    )
  }

  func finishTransfer() -> AnyObject? { nil }
}

/// The connections that an acceptor has let in and its receiver hasn't taken yet.
private final class ArrivedConnections: Sendable {
  private struct State {
    var sockets: [Int32] = []
    var isClosed = false
  }

  private let event: Descriptor
  private let state = Locked(State())

  init() throws(SystemError) {
    event = try Events.eventfd()
    try event.setNonblocking(true)
  }

  deinit { close() }

  /// Readable when a connection has arrived.
  var pollable: Int32 { event.raw }

  /// Returns false, and closes the socket, once the receiver has closed.
  func add(_ socket: consuming Descriptor) -> Bool {
    let raw = socket.release()
    let isOpen = state.withLock { state in
      if !state.isClosed { state.sockets.append(raw) }
      return !state.isClosed
    }
    if isOpen { Events.write(event) } else { _ = Descriptor(owning: raw) }
    return isOpen
  }

  /// The next that has arrived.
  func next() -> Descriptor? {
    state.withLock { $0.sockets.isEmpty ? nil : $0.sockets.removeFirst() }.map { Descriptor(owning: $0) }
  }

  /// Clears the event, before the list is read.
  func rearm() { Events.read(event) }

  func close() {
    let left = state.withLock { state in
      defer { state.sockets = [] }
      state.isClosed = true
      return state.sockets
    }
    for raw in left { _ = Descriptor(owning: raw) }
  }
}
