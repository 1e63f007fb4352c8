import Glibc
import IPC
import TestSupport
import Testing

extension AllTests {
  /// Two ends of a channel compare their types when they meet.
  @Suite(.guarded) struct TypesAreCompared {
    /// Those that carry messages of any type.
    private static func carrying(_ form: Subject.Form) -> [Subject] {
      Subject.once.filter {
        $0.form == form && $0.traits.carries == .messages && $0.options.type != .tokens
          && !$0.traits.peerIsCommand && $0.options.framing == .frames
      }
    }

    @Test(arguments: carrying(.anonymous))
    func aChildTakesAPassedReceiverAsItWasPassed(_ subject: Subject) throws {
      Watchdog.at(subject)
      var channel = try Channel<String>(over: subject.mechanism, options: subject.options)
      let peer = try PeerProcess { (spawn) throws(ChannelError) in
        try spawn.pass(&channel.receiver, as: "end")
      }
      try peer.order("inherit-typed receiver end")
      try channel.sender.send("from the parent")
      #expect(try peer.answer() == "typeMismatch from the parent")
      try channel.sender.close()
      try peer.finish()
    }

    @Test(arguments: carrying(.anonymous))
    func aChildTakesAPassedSenderAsItWasPassed(_ subject: Subject) throws {
      Watchdog.at(subject)
      var channel = try Channel<String>(over: subject.mechanism, options: subject.options)
      let peer = try PeerProcess { (spawn) throws(ChannelError) in try spawn.pass(&channel.sender, as: "end")
      }
      #expect(try peer.ask("inherit-typed sender end") == "typeMismatch sent")
      #expect(try channel.receiver.receive() == "from the child")
      #expect(try channel.receiver.next() == nil)
      try peer.finish()
    }

    @Test(arguments: carrying(.named))
    func aSenderOfAnotherTypeIsRefusedAndOthersContinue(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try Receiver<String>(at: address)
      let told = code { () throws(ChannelError) in
        var wrong = try Sender<Int>(to: address)
        // A FIFO can't tell its sender anything.
        try wrong.send(42)
        try wrong.close()
      }
      #expect(told == (subject.mechanism == .fifo ? nil : .typeMismatch))
      var right = try Sender<String>(to: address)
      try right.send("hello")
      try right.close()
      var found: [String] = []
      var errors: [ChannelError.Code] = []
      while true {
        do throws(ChannelError) {
          guard let text = try receiver.next() else { break }
          found.append(text)
        } catch {
          #expect(error.message.contains("String") && error.message.contains("Int"))
          errors.append(error.code)
        }
      }
      #expect(found == ["hello"])
      let isTold = [.fifo, .unix, .tcp].contains(subject.mechanism)
      #expect(errors == (isTold ? [.typeMismatch] : []))
    }

    /// A sender that was opened by its address, without a type, and that a child takes with one: the child's frames have a
    /// number of their own on a FIFO; a connection has told the type of the receiver.
    @Test(arguments: carrying(.named).filter { [.fifo, .unix, .tcp, .memfd].contains($0.mechanism) })
    func aPassedSenderThatWasOpenedByAddressIsComparedToo(_ subject: Subject) throws {
      Watchdog.at(subject)
      let isFIFO = subject.mechanism == .fifo
      let address = try subject.address()
      var receiver = try Receiver<String>(at: address)
      var sender = try ByteSender(to: address)
      let text: [UInt8] = Array("from the parent".utf8)
      try sender.send(text.span)
      let peer = try PeerProcess { (spawn) throws(ChannelError) in try spawn.pass(&sender, as: "end") }
      #expect(
        try peer.ask("inherit-typed \(isFIFO ? "integers" : "sender") end")
          == (isFIFO ? "sent" : "typeMismatch sent"))
      #expect(try receiver.next() == "from the parent")
      if isFIFO {
        #expect(code { () throws(ChannelError) in _ = try receiver.next() } == .typeMismatch)
      } else {
        #expect(try receiver.next() == "from the child")
      }
      #expect(try receiver.next() == nil)
      try peer.finish()
    }

    /// Those whose sender can be shared: each message of a packet socket, and of a FIFO, goes whole.
    private static let shared = carrying(.named).filter {
      ($0.mechanism == .fifo && $0.admitsManySenders) || ($0.mechanism == .unix && $0.options.type != .stream)
    }

    @Test(arguments: shared)
    func aWrongChildDoesNotDisturbTheParent(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try Receiver<String>(at: address)
      var sender = try ByteSender(to: address)
      let peer = try PeerProcess { (spawn) throws(ChannelError) in try spawn.share(sender, as: "end") }
      _ = try peer.ask("inherit-typed \(subject.mechanism == .fifo ? "integers" : "sender") end")
      try peer.finish()
      let text: [UInt8] = Array("from the parent".utf8)
      try sender.send(text.span)
      try sender.close()
      var found: [String] = []
      while true {
        do throws(ChannelError) {
          guard let text = try receiver.next() else { break }
          found.append(text)
        } catch {
          #expect(error.code == .typeMismatch)
        }
      }
      #expect(found.contains("from the parent"))
    }

    @Test(arguments: ["pipe:?framing=line", "eventfd:", "signal:", "semaphore:?type=tokens"])
    func aChildTakesNothingThatTheChannelCannotCarry(_ address: String) throws {
      var channel = try ByteChannel(at: address)
      let peer = try PeerProcess { (spawn) throws(ChannelError) in
        try spawn.pass(&channel.receiver, as: "end")
      }
      #expect(try peer.ask("inherit-typed pairs end") == "notSupported")
      try peer.finish()
    }

    @Test(arguments: carrying(.named).filter { $0.admitsManyReceivers })
    func aReceiverOfAnotherTypeIsRefused(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var first = try Receiver<String>(at: address)
      #expect(code { () throws(ChannelError) in _ = try Receiver<Int>(at: address) } == .typeMismatch)
      var second = try Receiver<String>(at: address)
      second.close()
      first.close()
    }

    @Test(arguments: carrying(.named))
    func untypedEndsFitAny(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try Receiver<String>(at: address)
      var sender = try ByteSender(to: address)
      let text: [UInt8] = Array("any".utf8)
      try sender.send(text.span)
      try sender.close()
      #expect(try receiver.next() == "any")
      #expect(try receiver.next() == nil)
      receiver.close()
    }

    @Test("counters carry tokens, signals integers, lines text, and nothing else")
    func whatAMechanismCarries() throws {
      #expect(
        code { () throws(ChannelError) in _ = try Channel<Int>(at: "semaphore:?type=tokens") }
          == .notSupported)
      #expect(code { () throws(ChannelError) in _ = try Channel<Int>(at: "eventfd:") } == .notSupported)
      #expect(code { () throws(ChannelError) in _ = try Channel<Int>(at: "signal:") } == .notSupported)
      #expect(
        code { () throws(ChannelError) in _ = try Channel<Int>(at: "pipe:?framing=line") } == .notSupported)
      #expect(code { () throws(ChannelError) in _ = try Receiver<Int>(at: "popen:true") } == .notSupported)
      var counter = try Channel<Token>(at: "eventfd:")
      try counter.sender.send(Token())
      #expect(try counter.receiver.receive() == Token())
      var lines = try Channel<String>(at: "pipe:?framing=line")
      try lines.sender.send("a line")
      #expect(try lines.receiver.receive() == "a line")
      var bytes = try Channel<[UInt8]>(at: "pipe:?framing=line")
      try bytes.sender.send([97])
      #expect(try bytes.receiver.receive() == [97])
    }
  }
}
