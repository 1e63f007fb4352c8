import Synchronization
import SystemCalls

/// Where the one sender of a `memfd:/path` gets the memory: a thread that accepts, checks whose process it is, and
/// sends the descriptors. Who comes later finds the place taken.
final class MemfdDoor: Sendable {
  /// Not the kernel's: the other side is another user.
  static let otherUser = SystemError(-1, .connect)

  private let listener: Descriptor
  private let path: String
  private let inode: UInt64?
  private struct Place {
    var sender: LivenessPipe?
    var isClosed = false
  }
  private let place: Mutex<Place>
  private let memory: Int32
  // The descriptor is the mapping's; it must live while the door is open.
  private let keep: any AnyObject & Sendable

  init(
    _ path: String, sender: LivenessPipe, _ memory: Int32, keep: any AnyObject & Sendable
  ) throws(ChannelError) {
    self.path = path
    self.memory = memory
    self.keep = keep
    place = Mutex(Place(sender: sender))
    do throws(SystemError) {
      let socket = try Sockets.socket(unix: .stream)
      try UnixPaths.bind(socket, path)
      try Sockets.listen(socket)
      inode = (try? Files.stat(path))?.inode
      listener = socket
    } catch {
      if error.meansTaken {
        try Self.checkSocket(path)
        throw ChannelError(
          .busy, .open, MemfdVariant.mechanism,
          "\(path) has its one receiver already: close it, or use another path")
      }
      throw Self.explain(error, path)
    }
    try translating(.open, MemfdVariant.mechanism) { () throws(SystemError) in
      try Threads.start(name: "ipc-memfd-door") { [weak self] in
        while let self, self.admitOne() {}
      }
    }
  }

  static func explain(_ error: SystemError, _ path: String) -> ChannelError {
    ChannelError(error, .open, MemfdVariant.mechanism, path)
  }

  static func checkSocket(_ path: String) throws(ChannelError) {
    if let status = try? Files.stat(path), status.kind != .socket {
      throw ChannelError(
        .wrongKind, .open, MemfdVariant.mechanism,
        "\(path) is no socket: name another path, or remove what is there")
    }
  }

  /// False: the door is closed.
  private func admitOne() -> Bool {
    do throws(SystemError) {
      let socket = try Sockets.accept(listener)
      guard !place.withLock({ $0.isClosed }) else { return false }
      guard try Sockets.getsockopt(peerUser: socket) == CurrentProcess.user else { return true }
      // A sender says that it is one; whoever only looked is gone by then.
      guard try Acceptor.knock(socket, until: .within(.seconds(1))) == .admitted else { return true }
      guard
        let sender = place.withLock({ place in
          defer { place.sender = nil }
          return place.sender
        })
      else { return true }
      for raw in [memory] + sender.descriptors { try Sockets.sendmsg(raw: raw, over: socket) }
      sender.surrender()
    } catch {
      if place.withLock({ $0.isClosed }) { return false }
    }
    return true
  }

  func close() {
    let wasOpen = place.withLock { place in
      defer {
        place.isClosed = true
        place.sender = nil
      }
      return !place.isClosed
    }
    guard wasOpen else { return }
    // Wakes accept(2) on the other thread.
    Sockets.shutdown(reading: listener.raw)
    if (try? Files.stat(path))?.inode == inode { try? Files.unlink(path) }
  }
}
