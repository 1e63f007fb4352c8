import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 3: where several receivers share a channel, each message goes to exactly one.
  @Suite(.guarded) struct OneTaker {
    /// 20 000 bytes are parts on every mechanism that several can receive from.
    static let sizes = [8, 500, 20_000, 9, 4096, 8200, 30]

    @Test(arguments: Subject.manyReceivers)
    func eachMessageGoesToExactlyOne(_ subject: Subject) throws {
      Watchdog.at(subject)
      var group = try ReceiverGroup.make(subject, 3)
      for receiver in group.receivers { try receiver.order("collect 0") }
      for sequence in 0..<700 {
        let size = subject.size(Self.sizes[sequence % Self.sizes.count])
        try group.sender.send(Numbered.bytes(id: 1, sequence, size))
      }
      let receivers = group.receivers
      try group.sender.close()
      try check(receivers, subject, [1: 700])
    }

    @Test(arguments: Subject.manyReceivers)
    func alsoWithSeveralSenders(_ subject: Subject) throws {
      Watchdog.at(subject)
      let group = try ReceiverGroup.make(subject, 2)
      let senders = [try group.anotherSender(), try group.anotherSender()]
      for receiver in group.receivers { try receiver.order("collect 0") }
      let sizes = subject.sizes(Self.sizes)
      for (id, sender) in senders.enumerated() {
        try sender.order("flood \(id + 1) 350 \(sizes)")
        try sender.order("close")
      }
      for sender in senders {
        try sender.mustSucceed()
        try sender.mustSucceed()
        try sender.finish()
      }
      let receivers = group.receivers
      try group.sender.close()
      try check(receivers, subject, [1: 350, 2: 350])
    }

    /// One that goes while a large message is on its way takes that one with it at most, and holds up nobody.
    @Test(arguments: Subject.manyReceivers, [false, true])
    func oneThatGoesHoldsUpNobody(_ subject: Subject, _ isKilled: Bool) throws {
      Watchdog.at("\(subject) \(isKilled)")
      var group = try ReceiverGroup.make(subject, 2)
      try group.receivers[0].order(isKilled ? "collect 0" : "collect-while 20")
      try group.receivers[1].order("collect 0")
      // With a deadline: the one that is about to go may have stopped receiving with a message half taken.
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

    /// Every message of every sender was taken once, and each receiver saw a sender's messages in their
    /// order.
    private func check(_ receivers: [PeerProcess], _ subject: Subject, _ sent: [Int: Int]) throws {
      var tokens = 0
      var taken: [Int: [Int]] = [:]
      for receiver in receivers {
        let found = Collected(try receiver.answer())
        #expect(found.end == "closed")
        #expect(found.tally.damaged == 0)
        tokens += found.tally.tokens
        for (id, runs) in found.tally.runs {
          let sequence = runs.flatMap { Array($0) }
          #expect(zip(sequence, sequence.dropFirst()).allSatisfy { $0 < $1 }, "in order at each receiver")
          taken[id, default: []] += sequence
        }
        try receiver.finish()
      }
      if subject.isTokens {
        #expect(tokens == sent.values.reduce(0, +))
      } else {
        for (id, count) in sent {
          let all = taken[id, default: []].sorted()
          // Compared outside of the expectation, which would print all of them.
          let isComplete = all == Array(0..<count)
          #expect(
            isComplete, "sender \(id): \(all.count) messages, \(Set(all).count) different ones, of \(count)")
        }
      }
    }
  }
}
