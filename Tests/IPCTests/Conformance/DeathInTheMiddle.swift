import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 7: a process killed at any moment of a send or a receive leaves the others with whole messages or an
  /// error.
  @Suite(.guarded) struct DeathInTheMiddle {
    /// Killed at an arbitrary moment of a stream of sends: whole messages arrive, then the end.
    @Test(arguments: Subject.all)
    func aSenderKilledWhileSendingLeavesWholeMessages(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.fromPeer()
      try line.peer.order("send-until-closed \(subject.size(30_000))")
      #expect(try line.peer.answer() == "sending")
      var tally = Tally()
      for _ in 0..<20 { try line.receiver.receive { tally.note($0) } }
      try line.peer.kill()
      let end = code { () throws(ChannelError) in
        while true { try line.receiver.receive { tally.note($0) } }
      }
      #expect(end == .closed)
      #expect(tally.damaged == 0)
      if !subject.isTokens { #expect(tally.runs[1]?.count == 1 && tally.runs[1]?[0].lowerBound == 0) }
    }

    /// A receiver that closes or dies during a large message loses at most that message; the others continue.
    @Test(arguments: Subject.manyReceivers, [false, true])
    func aReceiverThatLeavesDoesNotBlockTheOthers(_ subject: Subject, _ isKilled: Bool) throws {
      Watchdog.at("\(subject) \(isKilled)")
      var group = try ReceiverGroup.make(subject, 2)
      try group.receivers[0].order(isKilled ? "collect 0" : "collect-while 20")
      try group.receivers[1].order("collect 0")
      // With a deadline: the receiver that is about to leave may have stopped in the middle of a message.
      for sequence in 0..<20 {
        let bytes = Numbered.bytes(id: 1, sequence, subject.size(100_000))
        let end = code { () throws(ChannelError) in try group.sender.send(bytes, within: .seconds(2)) }
        if end == .timedOut { break }
        #expect(end == nil)
      }
      if isKilled {
        try group.receivers[0].kill()
      } else {
        #expect(Collected(try group.receivers[0].answer()).tally.damaged == 0)
        try group.receivers[0].must("close")
      }
      for sequence in 20..<40 {
        try group.sender.send(Numbered.bytes(id: 1, sequence, subject.size(100_000)))
      }
      let receivers = group.receivers
      try group.sender.close()
      let found = Collected(try receivers[1].answer())
      #expect(found.end == "closed")
      #expect(found.tally.damaged == 0)
      if subject.isTokens {
        #expect(found.tally.tokens >= 20)
      } else {
        let taken = found.tally.runs[1, default: []].flatMap { Array($0) }
        let hasTheRest = taken.suffix(20) == Array(20..<40)[...]
        #expect(hasTheRest, "\(taken)")
      }
      try receivers[1].finish()
      if !isKilled { try receivers[0].finish() }
    }

    private static let severalReceivers = Subject.manyReceivers.filter { !$0.isTokens && $0.form == .named }

    /// A sender is killed, and a receiver that had begun its message doesn't receive again: another one gets what other
    /// senders send.
    @Test(arguments: severalReceivers)
    func aMessageThatADeathHasCutHoldsUpNoOtherReceiver(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var idle = try ByteReceiver(at: address)
      var other = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address)
      try Self.cutMessage(&idle, address)
      #expect(try idle.tryReceive { $0.count } == nil)
      try sender.send([1, 2, 3].span)
      #expect(try other.receive(within: .seconds(20)) { $0.count } == 3)
    }

    /// The same where the killed sender was the last one, and a receiver has found the end: those that come later use the
    /// channel.
    @Test(arguments: severalReceivers)
    func aMessageThatTheLastDeathHasCutHoldsUpNoOtherReceiver(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var ended = try ByteReceiver(at: address)
      try Self.cutMessage(&ended, address)
      #expect(code { () throws(ChannelError) in try ended.receive(within: .seconds(20)) { _ in } } == .closed)
      var other = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address)
      try sender.send([1, 2, 3].span)
      #expect(try other.receive(within: .seconds(20)) { $0.count } == 3)
    }

    /// A process sends a message that is larger than the channel, and is killed after the receiver has begun it.
    private static func cutMessage(_ receiver: inout ByteReceiver, _ address: Address) throws {
      let killed = try PeerProcess()
      try killed.must("open sender \(address.text)")
      try killed.order("send plain 0 8000000")
      killed.untilAsleep()
      // Stopped: it doesn't send the rest while the receiver takes what is there.
      Processes.kill(killed.id, SIGSTOP)
      #expect(try receiver.tryReceive { $0.count } == nil)
      try killed.kill()
    }
  }
}
