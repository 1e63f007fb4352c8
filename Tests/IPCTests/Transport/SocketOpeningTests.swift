import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import IPC
@testable import ipc_peer

extension AllTests {
  /// Opening a named socket while another process is stopped, dies, is silent, or has left its file.
  @Suite(.guarded) struct SocketOpeningTests {
    static let paths = ["unix", "memfd"]
    static let sockets = ["unix", "unix?type=stream", "memfd", "tcp"]

    /// An address that no other test has.
    private func address(_ kind: String) throws -> (text: String, path: String) {
      let parts = kind.split(separator: "?", maxSplits: 1)
      let path = kind == "tcp" ? "127.0.0.1:\(try Workspace.port())" : Workspace.path()
      return ("\(parts[0]):\(path)" + (parts.count > 1 ? "?\(parts[1])" : ""), path)
    }

    /// A listener of the test's own, under the address's name.
    private func listen(_ kind: String, _ path: String) throws -> Descriptor {
      guard kind != "tcp" else {
        let place = try Internet.getaddrinfo(
          host: "127.0.0.1", port: Int(path.split(separator: ":").last!)!, passive: true)[0]
        let listener = try Internet.socket(place)
        try Sockets.setsockopt(listener, .reuseAddress, 1)
        try Internet.bind(listener, place)
        try Sockets.listen(listener)
        return listener
      }
      let listener = try Sockets.socket(unix: kind == "unix" ? .packet : .stream)
      _ = try SocketPath.listen(listener, at: path)
      return listener
    }

    private func connect(_ path: String) throws -> Descriptor {
      let socket = try Sockets.socket(unix: .stream, nonblocking: true)
      try Sockets.connect(socket, path: path)
      return socket
    }

    /// What opening a sender throws, which must not take longer than the deadline and some seconds.
    private func opening(_ address: String, within duration: Duration) -> ChannelError.Code? {
      let start = Clock.now()
      let found = code { () throws(ChannelError) in
        var sender = try ByteSender(to: address, within: duration)
        try sender.close()
      }
      #expect(Clock.now() - start < 4_000_000_000)
      return found
    }

    private func exchange(_ receiver: inout ByteReceiver, _ sender: inout ByteSender) throws {
      try sender.send([1, 2, 3] as [UInt8])
      try receiver.receive(within: .seconds(10)) { #expect($0.count == 3) }
    }

    // MARK: The receiver's turn

    @Test("a lock on the folder, which every user can take, delays no receiver", arguments: paths)
    func lockedFolder(_ mechanism: String) throws {
      let folder = try Files.open(Workspace.directory + "/files", .read, directory: true)
      #expect(try Files.flock(folder, wait: false))
      let start = Clock.now()
      var receiver = try ByteReceiver(at: "\(mechanism):\(Workspace.path())")
      #expect(Clock.now() - start < 3_000_000_000)
      receiver.close()
    }

    @Test("a process that is stopped while it opens the path is told")
    func stoppedOpener() throws {
      let path = Workspace.path()
      let lock = try Files.open(path + ".lock", .readWrite, create: true)
      #expect(try Files.flock(lock, wait: false))
      defer { try? Files.unlink(path + ".lock") }
      let said = sentence { () throws(ChannelError) in _ = try ByteReceiver(at: "unix:\(path)") }
      #expect(said.contains("another process is opening \(path)"), "\(said)")
    }

    @Test("what a killed process leaves is replaced, and the lock's file goes", arguments: paths)
    func leftByAKill(_ mechanism: String) throws {
      let path = Workspace.path()
      do { _ = try Files.open(path + ".lock", .write, create: true) }
      let peer = try PeerProcess()
      try peer.must("open receiver \(mechanism):\(path)")
      #expect(throws: SystemError.self) { try Files.stat(path + ".lock") }
      try peer.kill()
      #expect(try Files.stat(path).kind == .socket)
      var receiver = try ByteReceiver(at: "\(mechanism):\(path)")
      #expect(throws: SystemError.self) { try Files.stat(path + ".lock") }
      var sender = try ByteSender(to: "\(mechanism):\(path)")
      try exchange(&receiver, &sender)
      try sender.close()
      receiver.close()
    }

    @Test("what a killed process leaves beside a path in use goes with that receiver", arguments: paths)
    func leftBesideAReceiver(_ mechanism: String) throws {
      let path = Workspace.path()
      var receiver = try ByteReceiver(at: "\(mechanism):\(path)")
      do { _ = try Files.open(path + ".lock", .write, create: true) }
      receiver.close()
      #expect(throws: SystemError.self) { try Files.stat(path + ".lock") }
    }

    @Test("a lock's file that a process has locked stays", arguments: paths)
    func lockedFile(_ mechanism: String) throws {
      let path = Workspace.path()
      defer { try? Files.unlink(path + ".lock") }
      var receiver = try ByteReceiver(at: "\(mechanism):\(path)")
      let lock = try Files.open(path + ".lock", .readWrite, create: true)
      #expect(try Files.flock(lock, wait: false))
      receiver.close()
      #expect(try Files.stat(path + ".lock").inode == Files.fstat(lock).inode)
      withExtendedLifetime(lock) {}
    }

    @Test("a file with content is another program's, and stays", arguments: paths)
    func othersContent(_ mechanism: String) throws {
      let path = Workspace.path()
      defer { try? Files.unlink(path + ".lock") }
      do {
        let file = try Files.open(path + ".lock", .write, create: true)
        #expect(unsafe Glibc.write(file.raw, "4711\n", 5) == 5)
      }
      var receiver = try ByteReceiver(at: "\(mechanism):\(path)")
      #expect(try Files.readText(path + ".lock") == "4711\n")
      receiver.close()
      #expect(try Files.readText(path + ".lock") == "4711\n")
    }

    @Test("of several processes that find a dead receiver's file, one gets it", arguments: paths)
    func severalSuccessors(_ mechanism: String) throws {
      let path = Workspace.path()
      let peers = [try PeerProcess(), try PeerProcess(), try PeerProcess()]
      for round in 0..<20 {
        Watchdog.at("round \(round)")
        let dead = try PeerProcess()
        try dead.must("open receiver \(mechanism):\(path)")
        try dead.kill()
        for peer in peers { try peer.order("open receiver \(mechanism):\(path)") }
        let answers = try peers.map { try $0.answer() }
        #expect(answers.count { $0 == "ok" } == 1, "\(answers)")
        #expect(answers.count { $0.hasPrefix("error busy") } == peers.count - 1, "\(answers)")
        var sender = try ByteSender(to: "\(mechanism):\(path)")
        try sender.close()
        for peer in peers { try peer.must("close") }
      }
      for peer in peers { try peer.finish() }
    }

    @Test("another user's socket is said to be that user's", OwnerOnly.canBeOther, arguments: paths)
    func anotherUsersFile(_ mechanism: String) throws {
      let path = Workspace.path()
      do { _ = try listen(mechanism, path) }
      defer { try? Files.unlink(path) }
      try #require(unsafe chown(path, 65534, 65534) == 0)
      let said = sentence { () throws(ChannelError) in _ = try ByteReceiver(at: "\(mechanism):\(path)") }
      #expect(said.contains("user 65534's"), "\(said)")
      #expect(
        code { () throws(ChannelError) in _ = try ByteReceiver(at: "\(mechanism):\(path)") } == .notAllowed)
    }

    // MARK: The sender's deadline

    @Test("a listener that says nothing holds no sender past its deadline", arguments: sockets)
    func silentListener(_ kind: String) throws {
      let (address, path) = try address(kind)
      let listener = try listen(kind, path)
      defer { try? Files.unlink(path) }
      #expect(opening(address, within: .milliseconds(100)) == .noReceiver)
      withExtendedLifetime(listener) {}
    }

    @Test("a listener that answers and sends nothing else holds no sender past its deadline")
    func silentAfterItsAnswer() throws {
      let path = Workspace.path()
      defer { try? Files.unlink(path) }
      let held = Notes()
      let acceptor = try Acceptor(try listen("memfd", path)) { (socket) throws(SystemError) in
        Handshake.send(socket, nil)
        held.add(Int(try socket.duplicate().release()))
      }
      #expect(opening("memfd:\(path)", within: .milliseconds(100)) == .noReceiver)
      acceptor.close()
      for number in held.numbers { close(Int32(number)) }
    }

    @Test("a listener whose queue is full holds no sender past its deadline", arguments: paths)
    func fullQueue(_ mechanism: String) throws {
      let path = Workspace.path()
      defer { try? Files.unlink(path) }
      let kind = mechanism == "unix" ? Sockets.Kind.packet : .stream
      let listener = try Sockets.socket(unix: kind)
      try Sockets.bind(listener, path: path)
      try #require(Glibc.listen(listener.raw, 0) == 0)
      let first = try Sockets.socket(unix: kind, nonblocking: true)
      try Sockets.connect(first, path: path)
      let second = try Sockets.socket(unix: kind, nonblocking: true)
      #expect(throws: SystemError(EAGAIN, .connect)) { try Sockets.connect(second, path: path) }
      #expect(opening("\(mechanism):\(path)", within: .milliseconds(100)) == .noReceiver)
      withExtendedLifetime((listener.raw, first.raw)) {}
    }

    @Test("a sender that gives up at a stopped receiver leaves the place to the next", arguments: sockets)
    func stoppedReceiver(_ kind: String) throws {
      let (address, _) = try address(kind)
      let peer = try PeerProcess()
      try peer.must("open receiver \(address)")
      Processes.kill(peer.id, SIGSTOP)
      #expect(comesTrue { (try? Files.readText("/proc/\(peer.id)/stat"))?.contains(") T ") == true })
      for _ in 0..<3 { #expect(opening(address, within: .milliseconds(50)) == .noReceiver) }
      Processes.kill(peer.id, SIGCONT)
      var sender = try ByteSender(to: address)
      try peer.order("take plain 0 3")
      try sender.send(Pattern.bytes(0, 3))
      try peer.mustSucceed()
      try sender.close()
      try peer.finish()
    }

    @Test("connections that say nothing keep no sender out")
    func silentClients() throws {
      let path = Workspace.path()
      var receiver = try ByteReceiver(at: "memfd:\(path)")
      let silent = try (0..<100).map { _ in try connect(path).release() }
      defer { for socket in silent { close(socket) } }
      // One of them says half a word.
      var version = UInt8(WireFormat.version)
      #expect(unsafe Glibc.write(silent[99], &version, 1) == 1)
      let start = Clock.now()
      var sender = try ByteSender(to: "memfd:\(path)", within: .seconds(20))
      #expect(Clock.now() - start < 4_000_000_000)
      try exchange(&receiver, &sender)
      try sender.close()
      receiver.close()
    }

    @Test("a receiver that dies between connect and handshake: the next one is found", arguments: sockets)
    func dyingReceiver(_ kind: String) throws {
      let (address, path) = try address(kind)
      do {
        let listener = try listen(kind, path)
        let opened = Notes()
        let work = BackgroundWork {
          var sender = try ByteSender(to: address, within: .seconds(20))
          try sender.send([1, 2, 3] as [UInt8])
          opened.add(1)
          try sender.close()
        }
        // The sender is connected; it has no answer yet.
        do { _ = try Sockets.accept(listener) }
        Sockets.shutdown(reading: listener.raw)
        if kind != "tcp" { try Files.unlink(path) }
        _ = consume listener
        var receiver = try ByteReceiver(at: address)
        try receiver.receive(within: .seconds(20)) { #expect($0.count == 3) }
        #expect(work.join() == nil)
        #expect(opened.numbers == [1])
        receiver.close()
      }
    }
  }
}
