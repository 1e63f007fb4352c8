import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 1: a message that the channel can't carry is refused before any byte of it is sent.
  @Suite(.guarded) struct MessageLimits {
    @Test(arguments: Subject.carrying)
    func aMessageOverTheLimitIsRefusedBeforeSending(_ subject: Subject) throws {
      Watchdog.at(subject)
      var subject = subject
      subject.options.maximumMessageBytes = 10_000
      var line = try subject.toPeer()
      try line.peer.order("take lend 7 10000,0,9999,3")
      try Sending.send(&line.sender, "plain", 7, [10_000])
      let long = Pattern.bytes(1, 10_001)
      try refused { () throws(ChannelError) in try line.sender.send(long) }
      try refused { () throws(ChannelError) in try line.sender.send(long.span) }
      try refused { () throws(ChannelError) in _ = try line.sender.trySend(long) }
      try refused { () throws(ChannelError) in try line.sender.send(long, within: .seconds(1)) }
      try refused { () throws(ChannelError) in try line.sender.send(capacity: 10_001) { _ in } }
      try Sending.send(&line.sender, "place", 8, [0])
      line.sender.coalesces = true
      try refused { () throws(ChannelError) in try line.sender.send(long) }
      try Sending.send(&line.sender, "plain", 9, [9999])
      try refused { () throws(ChannelError) in try line.sender.send(contentsOf: [long]) }
      try line.sender.flush()
      line.sender.coalesces = false
      try Sending.send(&line.sender, "plain", 10, [3])
      try line.peer.mustSucceed()
      try line.peer.finish()
    }

    private func refused(_ body: () throws(ChannelError) -> Void) throws {
      do throws(ChannelError) {
        try body()
        Issue.record("sent a message over the limit")
      } catch {
        #expect(error.code == .messageTooLong)
        #expect(error.limit == 10_000)
      }
    }

    @Test(arguments: Subject.all.filter(\.isTokens))
    func aTokenHasNoBytes(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      for attempt in 0..<2 {
        do throws(ChannelError) {
          if attempt == 0 { try line.sender.send([1]) } else { try line.sender.send(capacity: 1) { _ in } }
          Issue.record("sent a byte as a token")
        } catch {
          #expect(error.code == .messageTooLong)
          #expect(error.limit == 0)
        }
      }
      for _ in 0..<5 { try line.sender.send(Token()) }
      try line.sender.send(capacity: 0) { _ in }
      try line.peer.order("collect 0")
      try line.sender.close()
      let found = Collected(try line.peer.answer())
      #expect(found.end == "closed")
      #expect(found.tally.tokens == 6)
      try line.peer.finish()
    }

    /// The receiver has a limit of its own: it refuses a longer message before it allocates memory for it.
    @Test(arguments: Subject.carryingOnce.filter { $0.form == .named })
    func aMessageOverTheReceiversLimitIsAnError(_ subject: Subject) throws {
      var narrow = subject
      narrow.options.maximumMessageBytes = 1000
      let address = try narrow.address()
      var receiver = try ByteReceiver(at: address)
      var wide = address
      wide.options.maximumMessageBytes = 1 << 20
      let peer = try PeerProcess()
      try peer.must("open sender \(wide.text)")
      try peer.must("send plain 1 1001")
      #expect(code { () throws(ChannelError) in try receiver.receive { _ in } } == .protocolViolation)
      try peer.finish()
    }
  }
}
