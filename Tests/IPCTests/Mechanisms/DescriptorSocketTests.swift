import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// Open files that travel over a Unix socket.
  @Suite(.guarded) struct DescriptorSocketTests {
    /// A file of this test; ``Workspace/removePaths()`` removes it.
    private func file(_ text: String) throws -> String {
      let path = Workspace.path()
      let file = try Files.open(path, .write, create: true)
      try Files.writeText(file, text)
      return path
    }

    /// Closes a socket: it goes out of scope here.
    private func release(_ socket: consuming DescriptorSocket) {}

    @Test("an open file travels in both directions")
    func bothDirections() throws {
      defer { Workspace.removePaths() }
      let pair = try DescriptorSocket.pair()
      try pair.one.send(opening: file("first"))
      try pair.one.send(opening: file(""))
      try pair.other.send(opening: file("back"))
      #expect(try pair.other.receiveText() == "first")
      #expect(try pair.other.receiveText() == "")
      #expect(try pair.one.receiveText() == "back")
    }

    @Test("the receiver reads a file whose path is gone")
    func removedPath() throws {
      let path = try file("still readable")
      let pair = try DescriptorSocket.pair()
      try pair.one.send(opening: path)
      try Files.unlink(path)
      #expect(try pair.other.receiveText() == "still readable")
    }

    @Test("another process receives a file, and sends one")
    func anotherProcess() throws {
      defer { Workspace.removePaths() }
      let down = try DescriptorSocket.pair()
      let up = try DescriptorSocket.pair()
      let sending = down.one
      let receiving = up.one
      var passedDown: DescriptorSocket? = down.other
      var passedUp: DescriptorSocket? = up.other
      let peer = try PeerProcess { (spawn) throws(ChannelError) in
        try spawn.pass(&passedDown!, as: "down")
        try spawn.pass(&passedUp!, as: "up")
      }
      try peer.order("descriptor-receive down")
      peer.untilAsleep()
      try sending.send(opening: file("to the peer"))
      #expect(try peer.answer() == "to the peer")
      try peer.must("descriptor-send up \(file("from_the_peer"))")
      #expect(try receiving.receiveText() == "from_the_peer")
      // Each passed endpoint can be taken once.
      #expect(try peer.ask("descriptor-receive down").hasPrefix("error busy"))
      #expect(try peer.ask("descriptor-receive none").hasPrefix("error notSupported"))
      try peer.finish()
    }

    @Test("a file that can't be opened is an error, and nothing is sent")
    func missingFile() throws {
      defer { Workspace.removePaths() }
      let pair = try DescriptorSocket.pair()
      let missing = Workspace.path()
      do throws(ChannelError) {
        try pair.one.send(opening: missing)
        Issue.record("sent a file that doesn't exist")
      } catch {
        #expect(error.code == .system && error.errno == ENOENT)
        #expect(error.message.contains(missing) && error.message.contains("open"))
      }
      try pair.one.send(opening: file("next"))
      #expect(try pair.other.receiveText() == "next")
    }

    @Test("a closed socket, or one of a killed process, is the end")
    func theEnd() throws {
      defer { Workspace.removePaths() }
      let path = try file("text")
      let closed = try DescriptorSocket.pair()
      let socket = closed.one
      release(closed.other)
      #expect(code { () throws(ChannelError) in _ = try socket.receiveText() } == .closed)
      #expect(code { () throws(ChannelError) in try socket.send(opening: path) } == .closed)

      let pair = try DescriptorSocket.pair()
      let mine = pair.one
      var passed: DescriptorSocket? = pair.other
      let peer = try PeerProcess { (spawn) throws(ChannelError) in
        try spawn.pass(&passed!, as: "files")
      }
      try peer.order("descriptor-receive files")
      peer.untilAsleep()
      try peer.kill()
      #expect(code { () throws(ChannelError) in _ = try mine.receiveText() } == .closed)
    }

    @Test("of a large file, at most 4 MiB are read")
    func largeFile() throws {
      defer { Workspace.removePaths() }
      let pair = try DescriptorSocket.pair()
      try pair.one.send(opening: file(String(repeating: "x", count: 5 << 20)))
      let count = try pair.other.receiveText().utf8.count
      #expect(count == 4 << 20)
    }
  }
}
