import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 6: when the last sender closes or dies, receivers take what is left, then get `closed`; when the last
  /// receiver closes or dies, senders get `closed`.
  @Suite(.guarded) struct EndIsReported {
    /// How a process ends its use of a channel.
    enum Departure: String, Sendable, CaseIterable { case closes, isKilled, exits }

    private static func depart(_ peer: PeerProcess, _ how: Departure) throws {
      switch how {
      case .closes: try peer.must("close")
      case .isKilled: try peer.kill()
      case .exits: try peer.must("leave")
      }
    }

    private static func check(_ found: Collected, _ subject: Subject, _ count: Int) {
      #expect(found.end == "closed")
      #expect(found.tally.damaged == 0)
      if subject.isTokens {
        #expect(found.tally.tokens == count)
      } else {
        #expect(found.tally.runs == [1: [0...(count - 1)]])
      }
    }

    @Test(arguments: Subject.all, Departure.allCases)
    func remainingMessagesArriveBeforeTheEnd(_ subject: Subject, _ how: Departure) throws {
      Watchdog.at("\(subject) \(how)")
      var line = try subject.fromPeer()
      // Some mechanisms accept a sender only at the first receive.
      #expect(try line.receiver.tryReceive { $0.count } == nil)
      try line.peer.must("flood 1 5 \(subject.size(900))")
      try Self.depart(line.peer, how)
      var tally = Tally()
      for _ in 0..<5 { try line.receiver.receive { tally.note($0) } }
      // Every further call reports it again.
      for _ in 0..<2 {
        #expect(code { () throws(ChannelError) in try line.receiver.receive { _ in } } == .closed)
        #expect(code { () throws(ChannelError) in _ = try line.receiver.tryReceive { _ in } } == .closed)
        #expect(
          code { () throws(ChannelError) in try line.receiver.receive(within: .seconds(9)) { _ in } }
            == .closed)
      }
      #expect(tally.damaged == 0)
      if how == .closes { try line.peer.finish() }
    }

    @Test(arguments: Subject.all, Departure.allCases)
    func aBlockedReceiverGetsClosed(_ subject: Subject, _ how: Departure) throws {
      Watchdog.at("\(subject) \(how)")
      let (sender, receiver) = try subject.betweenPeers()
      try receiver.order("block-receiving")
      #expect(try receiver.answer() == "waiting")
      try sender.must("flood 1 3 \(subject.size(50))")
      if subject.options.wait != .spin { receiver.untilAsleep() }
      try Self.depart(sender, how)
      Self.check(Collected(try receiver.answer()), subject, 3)
      if how == .closes { try sender.finish() }
      try receiver.finish()
    }

    @Test(arguments: Subject.all, Departure.allCases)
    func aBlockedSenderGetsClosed(_ subject: Subject, _ how: Departure) throws {
      Watchdog.at("\(subject) \(how)")
      let (sender, receiver) = try subject.betweenPeers()
      try sender.order("block-sending \(subject.size(3000))")
      #expect(try sender.answer().hasPrefix("full"))
      if subject.options.wait != .spin { sender.untilAsleep() }
      try Self.depart(receiver, how)
      #expect(try sender.answer().hasPrefix("error closed"))
      try sender.finish()
      // A killed receiver leaves its file at the path, for the next receiver to replace.
      if how == .closes { try receiver.finish() } else { Workspace.removePaths() }
    }

    /// Also a sender that never has to wait until the receiver is gone.
    @Test(arguments: Subject.all, Departure.allCases)
    func aSenderThatKeepsSendingGetsClosed(_ subject: Subject, _ how: Departure) throws {
      Watchdog.at("\(subject) \(how)")
      let (sender, receiver) = try subject.betweenPeers()
      try sender.order("send-until-closed \(subject.size(100))")
      #expect(try sender.answer() == "sending")
      let some = Collected(try receiver.ask("collect-some 50"))
      #expect(some.end == "ok" && some.tally.damaged == 0)
      try Self.depart(receiver, how)
      #expect(try sender.answer().hasPrefix("error closed"))
      try sender.finish()
      // A killed receiver leaves its file at the path, for the next receiver to replace.
      if how == .closes { try receiver.finish() } else { Workspace.removePaths() }
    }

    @Test(arguments: Subject.manySenders)
    func theEndComesWithTheLastSender(_ subject: Subject) throws {
      Watchdog.at(subject)
      guard var group = try SenderGroup.make(subject, 3) else { return }
      #expect(try group.receiver.tryReceive { $0.count } == nil)
      for (id, sender) in group.senders.enumerated() {
        try sender.must("flood \(id + 1) 2 \(subject.size(40))")
      }
      var tally = Tally()
      for _ in 0..<6 { try group.receiver.receive { tally.note($0) } }
      #expect(tally.damaged == 0)
      for departed in 0..<3 {
        #expect(
          code { () throws(ChannelError) in
            try group.receiver.receive(within: .milliseconds(10)) { _ in }
          } == .timedOut, "\(departed) of 3 have gone")
        if departed == 0 { try group.senders[0].must("close") } else { try group.senders[departed].kill() }
      }
      #expect(code { () throws(ChannelError) in try group.receiver.receive { _ in } } == .closed)
      try group.senders[0].finish()
    }

    @Test(arguments: Subject.manyReceivers)
    func theEndComesWithTheLastReceiver(_ subject: Subject) throws {
      Watchdog.at(subject)
      var group = try ReceiverGroup.make(subject, 3)
      for departed in 0..<3 {
        try group.sender.send(Pattern.bytes(0, subject.size(10)))
        if departed == 0 {
          try group.receivers[0].must("close")
        } else {
          try group.receivers[departed].kill()
        }
      }
      let end = code { () throws(ChannelError) in
        while true { try group.sender.send(Pattern.bytes(0, subject.size(10))) }
      }
      #expect(end == .closed)
      try group.receivers[0].finish()
    }
  }
}
