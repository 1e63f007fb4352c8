import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 3: where several receivers share a channel, each message goes to exactly one.
  @Suite(.guarded) struct OneTaker {
    /// 20 000 bytes are several fragments on every mechanism with several receivers.
    static let sizes = [8, 500, 20_000, 9, 4096, 8200, 30]

    @Test(arguments: Subject.manyReceivers)
    func eachMessageGoesToOneReceiver(_ subject: Subject) throws {
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
    func withSeveralSendersEachMessageGoesToOneReceiver(_ subject: Subject) throws {
      Watchdog.at(subject)
      var group = try ReceiverGroup.make(subject, 2)
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

    /// A receiver has the turn, in the middle of a message whose sender dies only after it has given up, and the senders are gone:
    /// another receiver's call without a deadline waits for it.
    @Test(arguments: Subject.carrying.filter { $0.mechanism == .semaphore && $0.form == .named })
    func aReceiverWaitsForAnothersTurn(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      let peers = [try PeerProcess(), try PeerProcess()]
      for peer in peers { try peer.must("open receiver \(address.text)") }
      var sender = try ByteSender(to: address)
      let killed = try PeerProcess()
      try killed.must("open sender \(address.text)")
      // More than the buffer holds.
      try killed.order("send plain 0 1000000")
      killed.untilAsleep()
      Processes.kill(killed.id, SIGSTOP)
      #expect(Collected(try peers[0].ask("collect-while 1")).end == "timedOut")
      try killed.kill()
      try sender.send(Pattern.bytes(3, 50))
      try sender.close()
      try peers[1].order("take plain 3 50")
      #expect(try peers[1].isSilent(for: .milliseconds(700)))
      try peers[0].must("close")
      try peers[1].mustSucceed()
      #expect(try peers[1].ask("take plain 4 50").hasPrefix("error closed"))
      for peer in peers { try peer.finish() }
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
          // Compared outside of the expectation, which would print every number.
          let isComplete = all == Array(0..<count)
          #expect(
            isComplete, "sender \(id): \(all.count) messages, \(Set(all).count) different ones, of \(count)")
        }
      }
    }
  }
}
