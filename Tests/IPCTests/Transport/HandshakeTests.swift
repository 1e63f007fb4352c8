import Glibc
import Measurement
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// Named channels whose other end is of another type or version, or no channel at all.
  @Suite(.guarded) struct HandshakeTests {
    private static let greeting: [UInt8] = [2] + MessageType.bytes(nil)

    /// A connection of the test's own to a receiver's socket.
    private func connect(_ path: String, _ kind: Sockets.Kind = .packet) throws -> Descriptor {
      let socket = try Sockets.socket(unix: kind)
      try Sockets.connect(socket, path: path)
      return socket
    }

    /// A listener of the test's own.
    private func listen(_ path: String, _ kind: Sockets.Kind) throws -> Descriptor {
      let socket = try Sockets.socket(unix: kind)
      _ = try SocketPath.listen(socket, at: path)
      return socket
    }

    private func write(_ socket: borrowing Descriptor, _ bytes: [UInt8]) throws {
      let count = try unsafe bytes.withUnsafeBytes { bytes in
        unsafe try Sockets.sendmsg(
          socket.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: true)
      }
      try #require(count == bytes.count)
    }

    /// The next bytes; none at the end.
    private func read(_ socket: borrowing Descriptor) throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: 1000)
      let raw = socket.raw
      var truncated = false
      let count = try unsafe bytes.withUnsafeMutableBytes {
        unsafe try Sockets.recvmsg(raw, into: $0, wait: true, truncated: &truncated)
      }
      return Array(bytes.prefix(count))
    }

    private static func typed<Element: Message>(_ address: String, _ type: Element.Type) throws -> ByteSender
    {
      var address = try Address(address)
      address.options.messageType = try MessageType(of: type)
      return try ByteSender(to: address)
    }

    private func release(_ socket: consuming Descriptor) {}

    // MARK: A receiver of this version

    @Test("a socket's receiver goes on after a sender of version 1, which leaves when it is greeted")
    func olderSender() throws {
      for kind in [Sockets.Kind.packet, .stream] {
        let path = Workspace.path()
        var receiver = try Receiver<String>(at: "unix:\(path)" + (kind == .stream ? "?type=stream" : ""))
        let older = try connect(path, kind)
        #expect(try read(older).first == 2)
        let early = code { () throws(ChannelError) in _ = try receiver.receive(within: .milliseconds(1)) }
        #expect(early == .timedOut)
        release(older)
        #expect(try receiver.tryReceive() == nil)
        var sender = try Sender<String>(to: "unix:\(path)" + (kind == .stream ? "?type=stream" : ""))
        try sender.send("hello")
        try sender.close()
        #expect(try receiver.next() == "hello")
        #expect(try receiver.next() == nil)
      }
    }

    @Test("a sender that opens and closes, without a message, ends a socket's channel")
    func silentSender() throws {
      for address in [
        "unix:\(Workspace.path())", "unix:\(Workspace.path())?type=stream",
        "tcp:127.0.0.1:\(try Workspace.port())",
      ] {
        var receiver = try Receiver<String>(at: address)
        var sender = try Sender<String>(to: address)
        try sender.close()
        #expect(try receiver.next() == nil)
      }
    }

    @Test(
      "a hostile hello ends its connection with one error, and others continue", arguments: [false, true])
    func hostileHellos(isStream: Bool) throws {
      var random = SeededRandom.printed()
      let path = Workspace.path()
      let address = "unix:\(path)" + (isStream ? "?type=stream" : "")
      var receiver = try Receiver<String>(at: address)
      var sender = try Sender<String>(to: address)
      let right = Hello(number: 0, type: try MessageType(of: String.self)).frame
      for round in 0..<100 {
        let hostile = try connect(path, isStream ? .stream : .packet)
        _ = try read(hostile)
        var body = random.chance(2) ? random.bytes(0...220) : Array(right.dropFirst(8))
        if !body.isEmpty {
          body[.random(in: 0..<body.count, using: &random)] = .random(in: 0...255, using: &random)
        }
        try write(hostile, frame(body, stream: 1, continues: true))
        release(hostile)
        try sender.send("\(round)")
        while true {
          do throws(ChannelError) {
            let text = try receiver.receive()
            #expect(text == "\(round)")
            break
          } catch {
            #expect([.protocolViolation, .typeMismatch, .versionMismatch].contains(error.code))
          }
        }
      }
      try sender.close()
    }

    @Test("memfd: a sender of version 1, or of another type, is turned away, and the place stays free")
    func memfdSenders() throws {
      let path = Workspace.path()
      var receiver = try Receiver<String>(at: "memfd:\(path)")
      let older = try connect(path, .stream)
      try write(older, [1])
      #expect(try read(older) == [])
      for bytes in [[2], [0], [65], [2, 0, 0], [2] + MessageType.bytes(try MessageType(of: Int.self))]
        as [[UInt8]]
      {
        let other = try connect(path, .stream)
        try write(other, bytes)
        Sockets.shutdown(writing: other.raw)
        _ = try? read(other)
      }
      let said = sentence(of: { () throws(ChannelError) in _ = try Sender<Int>(to: "memfd:\(path)") })
      #expect(said.contains("Int") && said.contains("String"))
      var sender = try Sender<String>(to: "memfd:\(path)")
      try sender.send("hello")
      try sender.close()
      #expect(try receiver.next() == "hello")
      #expect(try receiver.next() == nil)
    }

    @Test(
      "lines are text, whether an end takes them as strings or as bytes", arguments: ["unix", "tcp", "fifo"])
    func lines(mechanism: String) throws {
      let target = mechanism == "tcp" ? "127.0.0.1:\(try Workspace.port())" : Workspace.path()
      var receiver = try Receiver<[UInt8]>(at: "\(mechanism):\(target)?framing=line")
      var sender = try Sender<String>(to: "\(mechanism):\(target)?framing=line")
      try sender.send("a line")
      try sender.close()
      #expect(try receiver.next() == Array("a line".utf8))
      #expect(try receiver.next() == nil)
    }

    // MARK: A sender of this version

    /// What a sender throws whose receiver answers each connection with these bytes.
    private func opening(
      _ address: String, _ listener: consuming Descriptor, answer: [UInt8]
    ) throws -> (code: ChannelError.Code?, said: String) {
      let acceptor = try Acceptor(listener) { (socket) throws(SystemError) in
        unsafe answer.withUnsafeBytes { bytes in
          _ = unsafe try? Sockets.sendmsg(
            socket.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: false)
        }
      }
      defer { acceptor.close() }
      do throws(ChannelError) {
        var sender = try Sender<String>(to: address, within: .milliseconds(300))
        try sender.close()
        return (nil, "")
      } catch {
        return (error.code, error.message)
      }
    }

    @Test(
      "random answers of a receiver open a sender or are an error", arguments: ["unix", "stream", "memfd"])
    func hostileAnswers(kind: String) throws {
      defer { Workspace.removePaths() }
      var random = SeededRandom.printed()
      for _ in 0..<60 {
        let path = Workspace.path()
        let listener = try listen(path, kind == "unix" ? .packet : .stream)
        var answer =
          random.chance(2) ? random.bytes(1...250) : [2] + MessageType.bytes(try MessageType(of: Int.self))
        if random.chance(2) {
          answer[.random(in: 0..<answer.count, using: &random)] = .random(in: 0...255, using: &random)
        }
        if random.chance(4) { answer.removeLast(.random(in: 0..<answer.count, using: &random)) }
        let address =
          kind == "memfd" ? "memfd:\(path)" : "unix:\(path)" + (kind == "stream" ? "?type=stream" : "")
        let found = try opening(address, listener, answer: answer)
        #expect(
          [nil, .wrongKind, .typeMismatch, .versionMismatch, .busy, .closed].contains(found.code),
          "\(answer): \(found)")
      }
    }

    @Test("an older or newer receiver is an error that names both versions", arguments: [1, 3] as [UInt8])
    func otherReceivers(version: UInt8) throws {
      defer { Workspace.removePaths() }
      for kind in [Sockets.Kind.packet, .stream] {
        let path = Workspace.path()
        let found = try opening(
          "unix:\(path)" + (kind == .stream ? "?type=stream" : ""), listen(path, kind), answer: [version])
        #expect(found.code == .versionMismatch)
        #expect(found.said.contains("version 2") && found.said.contains("version \(version)"))
      }
      let path = Workspace.path()
      // A memfd receiver of version 1 ends the connection of another version's sender.
      let found = try opening("memfd:\(path)", listen(path, .stream), answer: version == 1 ? [] : [version])
      #expect(found.code == .versionMismatch)
      #expect(found.said.contains("version 2") && found.said.contains("version \(version)"))
    }

    #if DEBUG
      @Test("a socket that the kernel calls readable, and that has nothing to read, holds no handshake")
      func readableWithoutBytes() throws {
        let ends = try Sockets.socketpair(.stream)
        Handshake.send(ends.one, nil)
        func answer(_ deadline: Deadline, fails: Int) throws -> (Handshake.Answer, reads: Int) {
          var answer = Handshake.Answer.ended
          let plans = (0..<fails).map { _ in Faults.Plan(.recvmsg, at: 1, .errno(EAGAIN)) }
          let fired = try Faults.with(plans) { () throws(SystemError) in
            answer = try Handshake.receive(ends.other, isStream: true, until: deadline)
          }
          return (answer, fired.count { $0 })
        }
        let late = try answer(.now, fails: 100)
        guard case .pending = late.0 else {
          Issue.record("a deadline that had passed gave \(late.0) after \(late.reads) reads")
          return
        }
        #expect(late.reads == 1)
        let early = try answer(.within(.seconds(20)), fails: 100)
        guard case .received = early.0 else {
          Issue.record("\(early.0) after \(early.reads) reads")
          return
        }
        #expect(early.reads == 100)
      }
    #endif

    @Test("bytes out of band wake a receiver, and end no wait of it")
    func outOfBand() throws {
      let path = Workspace.path()
      var receiver = try ByteReceiver(at: "unix:\(path)?type=stream")
      let socket = try connect(path, .stream)
      #expect(try read(socket).first == 2)
      let raw = socket.raw
      let work = BackgroundWork {
        var byte: UInt8 = 7
        // Kernels before 5.15 know none.
        for _ in 0..<100 where unsafe Glibc.send(raw, &byte, 1, Int32(MSG_OOB)) == 1 {
          Clock.sleep(nanoseconds: 1_000_000)
        }
        let message = frame([1, 2, 3])
        #expect(unsafe message.withUnsafeBytes { unsafe Glibc.write(raw, $0.baseAddress!, $0.count) } == 11)
      }
      #expect(try receiver.receive { $0.count } == 3)
      #expect(work.join() == nil)
      receiver.close()
      withExtendedLifetime(raw) {}
      release(socket)
    }

    // MARK: FIFOs and pipes

    @Test(
      "a FIFO whose only sender had another type waits for the next",
      arguments: ["", "?senders=one", "?wait=block"])
    func wrongSenderAlone(options: String) throws {
      let address = "fifo:\(Workspace.path())" + options
      var receiver = try Receiver<String>(at: address)
      for _ in 0..<3 {
        var wrong = try Sender<Int>(to: address)
        try wrong.send(42)
        try wrong.close()
        #expect(code { () throws(ChannelError) in _ = try receiver.next() } == .typeMismatch)
        #expect(try receiver.tryReceive() == nil)
        let early = code { () throws(ChannelError) in _ = try receiver.receive(within: .milliseconds(1)) }
        #expect(early == .timedOut)
      }
      var right = try Sender<String>(to: address)
      try right.send("hello")
      try right.close()
      #expect(try receiver.next() == "hello")
      #expect(try receiver.next() == nil)
    }

    @Test("a FIFO's receiver finds the end of a right sender beside a wrong one")
    func wrongBesideRight() throws {
      let address = "fifo:\(Workspace.path())"
      var receiver = try Receiver<String>(at: address)
      var right = try Sender<String>(to: address)
      var wrong = try Sender<Int>(to: address)
      try right.send("hello")
      try wrong.send(42)
      #expect(try receiver.receive() == "hello")
      #expect(code { () throws(ChannelError) in _ = try receiver.tryReceive() } == .typeMismatch)
      try wrong.send(43)
      try wrong.close()
      #expect(try receiver.tryReceive() == nil)
      try right.close()
      #expect(try receiver.next() == nil)
    }

    @Test("a program in another language says no hello, and is taken as it is")
    func withoutHello() throws {
      let path = Workspace.path()
      var receiver = try Receiver<String>(at: "fifo:\(path)")
      let fifo = try Files.open(path, .write)
      let wire = frame(Array("hello".utf8))
      #expect(
        unsafe try wire.withUnsafeBytes {
          unsafe try Streams.writev(fifo.raw, $0, UnsafeRawBufferPointer(start: nil, count: 0))
        } == wire.count)
      #expect(try receiver.receive() == "hello")
    }

    @Test(
      "a try on a full pipe sends nothing, and the hello comes before the first message",
      arguments: ["", "?senders=many"])
    func helloOnFullPipe(options: String) throws {
      let ends = try PipeEnds.pipe2()
      let none = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
      let page = [UInt8](repeating: 1, count: 4096)
      let writing = ends.writing.raw, reading = ends.reading.raw
      try ends.writing.setNonblocking(true)
      var filled = 0
      while let count = try? unsafe page.withUnsafeBytes({ unsafe try Streams.writev(writing, $0, none) }) {
        filled += count
      }
      try ends.writing.setNonblocking(false)
      var sender = try Self.typed("pipe:\(writing)" + options, String.self)
      #expect(try !sender.trySend("one"))
      #expect(
        code { () throws(ChannelError) in try sender.send("one", within: .milliseconds(1)) } == .timedOut)
      var buffer = [UInt8](repeating: 0, count: 1 << 17)
      func read() throws -> [UInt8] {
        let count = try unsafe buffer.withUnsafeMutableBytes { unsafe try Streams.read(reading, into: $0) }
        return Array(buffer.prefix(count))
      }
      while filled > 0 { filled -= try read().count }
      try sender.send("two")
      try sender.close()
      let decoder = FrameDecoder()
      decoder.feed(try read())
      #expect(try decoder.drain() == [Array("two".utf8)])
      let other = FrameDecoder(type: try MessageType(of: Int.self))
      var again = try Self.typed("pipe:\(writing)" + options, String.self)
      #expect(try again.trySend("three"))
      other.feed(try read())
      #expect(code(of: { () throws(ChannelError) in try other.drain() }) == .typeMismatch)
      #expect(try other.drain() == [])
    }

    @Test("a sender of another type that sends without end holds no call past its deadline")
    func endlessWrongSender() throws {
      let address = "fifo:\(Workspace.path())"
      var receiver = try Receiver<String>(at: address)
      let wrong = HeldSender(try Self.typed(address, Int.self))
      let work = BackgroundWork { try wrong.use { while true { try $0.send(2) } } }
      #expect(code { () throws(ChannelError) in _ = try receiver.receive() } == .typeMismatch)
      for _ in 0..<200 {
        #expect(try receiver.tryReceive() == nil)
        #expect(
          code { () throws(ChannelError) in _ = try receiver.receive(within: .microseconds(1)) } == .timedOut)
      }
      receiver.close()
      #expect(work.join() == "closed")
    }

    // MARK: The environment

    /// What taking a String receiver throws, with this environment.
    private func taking(_ line: String, version: String? = "2") -> (code: ChannelError.Code?, said: String) {
      let name = "handshake-\(Workspace.name())"
      let variables = [(Spawn.prefix + "END_" + name, line), (Spawn.versionVariable, version)]
      for (key, value) in variables { if let value { unsafe setenv(key, value, 1) } }
      defer { for (key, _) in variables { unsafe unsetenv(key) } }
      do throws(ChannelError) {
        _ = try Receiver<String>(inherited: name)
        return (nil, "")
      } catch {
        return (error.code, error.message)
      }
    }

    private static let passed = "receiver pipe max=16777216 unit=65536&stream=1"

    @Test("an endpoint of another type or version isn't taken")
    func environment() throws {
      let text = try MessageType(of: String.self).word, number = try MessageType(of: Int.self).word
      let mismatch = taking("\(Self.passed) 0 \(number)")
      #expect(
        mismatch.code == .typeMismatch && mismatch.said.contains("Int") && mismatch.said.contains("String"))
      for (version, named) in [(nil, "1"), ("1", "1"), ("3", "3"), ("garbage", "1"), ("", "1")]
        as [(String?, String)]
      {
        let found = taking("\(Self.passed) 0 \(text)", version: version)
        #expect(found.code == .versionMismatch, "\(version ?? "none")")
        #expect(found.said.contains("version 2") && found.said.contains("version \(named)"))
      }
      for type in ["x", "g:String", ":String", "123456789abcdef01:String", "\(text) more"] {
        #expect(taking("\(Self.passed) 0 \(type)").code == .notSupported, "\(type)")
      }
    }

    @Test("without a type, or with that of the taker, it is taken")
    func environmentThatFits() throws {
      for type in ["", " -", " " + (try MessageType(of: String.self).word)] {
        let ends = try PipeEnds.pipe2()
        let found = ends.take { reading, _ in taking("\(Self.passed) \(reading.release())\(type)") }
        #expect(found.code == nil, "\(found.said)")
      }
    }

    @Test("random words are an error or a type, never a crash")
    func environmentGarbage() throws {
      var random = SeededRandom.printed()
      for _ in 0..<200 {
        let word = String(decoding: random.bytes(1...60).map { $0 % 94 + 33 }, as: UTF8.self)
        #expect([.notSupported, .typeMismatch].contains(taking("\(Self.passed) 0 \(word)").code), "\(word)")
      }
    }
  }
}
