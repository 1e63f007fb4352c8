import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 2: messages of one sender arrive in the order sent; with several, each sender's do.
  @Suite(.guarded) struct Order {
    /// Small and large, so that whole messages, batches and fragments alternate.
    static let mixed = [8, 40, 100, 5000, 12, 64, 20_000, 9, 8, 8, 70_000, 33]

    @Test(arguments: Subject.carrying)
    func manySmallMessagesOfOneSender(_ subject: Subject) throws {
      Watchdog.at(subject)
      let line = try subject.fromPeer()
      try line.peer.order("flood 3 5000 8,16,24")
      let found = try drain(line)
      #expect(found.damaged == 0)
      #expect(found.runs == [3: [0...4999]])
    }

    @Test(arguments: Subject.carrying)
    func smallAndLargeMessagesOfOneSender(_ subject: Subject) throws {
      Watchdog.at(subject)
      let line = try subject.fromPeer()
      try line.peer.order("flood 3 240 \(Self.mixed.map(String.init).joined(separator: ","))")
      let found = try drain(line)
      #expect(found.damaged == 0)
      #expect(found.runs == [3: [0...239]])
    }

    @Test(arguments: Subject.all.filter { $0.size(8) < 8 })
    func tokensAndIntegersAllArrive(_ subject: Subject) throws {
      Watchdog.at(subject)
      let line = try subject.fromPeer()
      try line.peer.order("flood 3 5000 \(subject.size(8))")
      let found = try drain(line)
      #expect(found.damaged == 0)
      if subject.isTokens { #expect(found.tokens == 5000) } else { #expect(found.runs == [3: [0...4999]]) }
    }

    private func drain(_ line: consuming Inward) throws -> Tally {
      let peer = line.peer
      // The sender closes after its last message.
      try peer.order("close")
      var tally = Tally()
      let end = code { () throws(ChannelError) in
        while true { try line.receiver.receive { tally.note($0) } }
      }
      #expect(end == .closed)
      try peer.mustSucceed()
      try peer.mustSucceed()
      try peer.finish()
      return tally
    }

    @Test(arguments: Subject.manySenders)
    func messagesOfEachOfSeveralSenders(_ subject: Subject) throws {
      Watchdog.at(subject)
      guard var group = try SenderGroup.make(subject, 3) else { return }
      let sizes = subject.sizes(Self.mixed)
      for (id, sender) in group.senders.enumerated() { try sender.order("flood \(id + 1) 360 \(sizes)") }
      for sender in group.senders { try sender.order("close") }
      var tally = Tally()
      let end = code { () throws(ChannelError) in
        while true { try group.receiver.receive { tally.note($0) } }
      }
      #expect(end == .closed)
      #expect(tally.damaged == 0)
      if subject.isTokens {
        #expect(tally.tokens == 3 * 360)
      } else {
        #expect(tally.runs == [1: [0...359], 2: [0...359], 3: [0...359]])
      }
      for sender in group.senders {
        try sender.mustSucceed()
        try sender.mustSucceed()
        try sender.finish()
      }
    }
  }
}
