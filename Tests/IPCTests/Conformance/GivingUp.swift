import Glibc
import IPC
import Measurement
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 5: a call that gives up has sent nothing, or taken nothing.
  @Suite(.guarded) struct GivingUp {
    @Test(arguments: Subject.all)
    func aSendThatTimesOutHasSentNothing(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      var count = 0
      let size = subject.size(3000)
      // Until it stays full: a socket's buffers can still move bytes on.
      var end: ChannelError.Code?
      repeat {
        while try line.sender.trySend(Numbered.bytes(id: 1, count, size)) { count += 1 }
        end = code { () throws(ChannelError) in
          try line.sender.send(Numbered.bytes(id: 1, count, size), within: .milliseconds(20))
        }
        if end == nil { count += 1 }
      } while end == nil
      #expect(end == .timedOut)
      try line.peer.order("collect 0")
      // There is room now, or soon.
      try line.sender.send(Numbered.bytes(id: 1, count, size), within: .seconds(30))
      let peer = line.peer
      try line.sender.close()
      let found = Collected(try peer.answer())
      #expect(found.end == "closed")
      #expect(found.tally.damaged == 0)
      if subject.isTokens {
        #expect(found.tally.tokens == count + 1)
      } else {
        #expect(found.tally.runs == [1: [0...count]])
      }
      try peer.finish()
    }

    /// Larger than any channel holds: some of it is sent when the sender gives up.
    @Test(arguments: Subject.carrying)
    func anAbandonedMessageNeverArrives(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.toPeer()
      // TCP's buffers grow to several MiB.
      let large = Pattern.bytes(99, 16 << 20)
      try line.sender.send(Pattern.bytes(1, 100))
      #expect(try line.sender.trySend(large) == false)
      #expect(
        code { () throws(ChannelError) in try line.sender.send(large, within: .milliseconds(30)) }
          == .timedOut)
      #expect(try line.sender.trySend(large) == false)
      try line.peer.order("take lend 1 100,64,100000,0")
      try line.sender.send(Pattern.bytes(2, 64))
      try line.sender.send(Pattern.bytes(3, 100_000))
      try line.sender.send(Pattern.bytes(4, 0))
      try line.peer.mustSucceed()
      // Also while the receiver reads: it gets the end, and no partial message.
      #expect(
        code { () throws(ChannelError) in try line.sender.send(large, within: .milliseconds(10)) }
          == .timedOut)
      try line.peer.order("collect 0")
      let peer = line.peer
      try line.sender.close()
      let found = Collected(try peer.answer())
      #expect(found.end == "closed")
      #expect(found.tally.runs.isEmpty && found.tally.damaged == 0 && found.tally.tokens == 0)
      try peer.finish()
    }

    /// The receiver is stopped: what is missing of the message that was given up can't be written.
    @Test(arguments: Subject.carrying)
    func closingDoesNotWaitForAnAbandonedMessage(_ subject: Subject) throws {
      Watchdog.at(subject)
      let (sender, receiver) = try subject.betweenPeers()
      Processes.kill(receiver.id, SIGSTOP)
      #expect(try sender.ask("send-within 20 1 \(16 << 20)").hasPrefix("error timedOut"))
      try sender.must("close")
      Processes.kill(receiver.id, SIGCONT)
      let found = Collected(try receiver.ask("collect 0"))
      #expect(found.end == "closed")
      #expect(found.tally.runs.isEmpty && found.tally.damaged == 0 && found.tally.tokens == 0)
      try sender.finish()
      try receiver.finish()
    }

    @Test(arguments: Subject.all)
    func aReceiveThatTimesOutHasTakenNothing(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.fromPeer()
      for _ in 0..<3 {
        #expect(try line.receiver.tryReceive { $0.count } == nil)
        #expect(
          code { () throws(ChannelError) in
            try line.receiver.receive(within: .milliseconds(5)) { _ in }
          } == .timedOut)
      }
      let sizes = [10, 0, 5000].map(subject.size)
      try line.peer.must("send plain 20 \(sizes.map(String.init).joined(separator: ","))")
      #expect(try Sending.take(&line.receiver, "within", 20, sizes) == nil)
      #expect(try line.receiver.tryReceive { $0.count } == nil)
      try line.peer.finish()
    }

    /// Receives that time out while a large message arrives: it still arrives whole.
    @Test(arguments: Subject.carrying)
    func aReceiveThatTimesOutMidwayLosesNothing(_ subject: Subject) throws {
      Watchdog.at(subject)
      var line = try subject.fromPeer()
      try line.peer.order("send plain 5 3000000,12,200000")
      for (index, size) in [3_000_000, 12, 200_000].enumerated() {
        var found: Bool?
        while found == nil {
          let end = code { () throws(ChannelError) in
            found = try line.receiver.receive(within: .microseconds(50)) {
              $0.count == size && Pattern.matches($0, 5 + index)
            }
          }
          try #require(end == nil || end == .timedOut)
        }
        #expect(found == true)
      }
      try line.peer.mustSucceed()
      try line.peer.finish()
    }

    /// A random mix of tries: exactly the accepted messages arrive, in order.
    @Test(arguments: Subject.carryingOnce)
    func onlyAcceptedMessagesArrive(_ subject: Subject) throws {
      Watchdog.at(subject)
      let seed = SeededRandom.testSeed()
      var random = SeededRandom(seed: seed)
      let channel =
        if subject.form == .named {
          try ByteChannel(at: subject.address())
        } else {
          try ByteChannel(over: subject.mechanism, options: subject.options)
        }
      var sender = channel.sender
      var receiver = channel.receiver
      var accepted: [(sequence: Int, size: Int)] = []
      var next = 0
      var wrong = false
      func take(_ found: (count: Int, bytes: [UInt8])) {
        // Errors after the first wrong message are consequences of it.
        if wrong { return }
        guard next < accepted.count else {
          wrong = true
          Issue.record("a message of \(found.count) bytes that was never accepted (IPC_TEST_SEED=\(seed))")
          return
        }
        let isRight = found.bytes == Pattern.bytes(accepted[next].sequence, accepted[next].size)
        #expect(isRight, "message \(next), \(found.count) bytes (IPC_TEST_SEED=\(seed))")
        wrong = !isRight
        next += 1
      }
      for step in 0..<400 {
        let size = [0, 30, 3000, 8184, 20_000, 150_000, 3 << 20].randomElement(using: &random)!
        let count = size == 0 ? 0 : Int.random(in: 0...size, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0..<4:
          if try sender.trySend(Pattern.bytes(step, count)) { accepted.append((step, count)) }
        case 4:
          let end = code { () throws(ChannelError) in
            try sender.send(Pattern.bytes(step, count), within: .microseconds(100))
          }
          if end == nil { accepted.append((step, count)) } else { #expect(end == .timedOut) }
        case 5:
          sender.coalesces.toggle()
        default:
          let most = Int.random(in: 0..<4, using: &random)
          for _ in 0..<most {
            guard let bytes = try receiver.tryReceive([UInt8].self) else { break }
            take((bytes.count, bytes))
          }
        }
      }
      // The remaining messages: the sender may still hold coalesced ones, or the rest of an abandoned frame.
      sender.coalesces = false
      let mark = Pattern.bytes(5000, 77)
      while try !sender.trySend(mark) {
        if let bytes = try receiver.tryReceive([UInt8].self) { take((bytes.count, bytes)) }
      }
      accepted.append((5000, 77))
      var last: ChannelError.Code?
      try sender.close()
      while last == nil {
        last = code { () throws(ChannelError) in
          let bytes = try receiver.receive([UInt8].self)
          take((bytes.count, bytes))
        }
      }
      #expect(last == .closed)
      #expect(wrong || next == accepted.count, "all arrived (IPC_TEST_SEED=\(seed))")
    }

    /// With several receivers too: the fragments of an abandoned message reach none of them.
    @Test(arguments: Subject.manyReceivers.filter { !$0.isTokens && $0.form == .named })
    func noReceiverGetsAnAbandonedMessage(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var one = try ByteReceiver(at: address)
      var other = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address)
      #expect(try sender.trySend(Pattern.bytes(1, 1 << 20)) == false)
      #expect(try one.tryReceive { $0.count } == nil)
      // In fragments again: the receiver that takes the first gets all of them.
      #expect(try sender.trySend(Pattern.bytes(2, 10_000)))
      var found: [Bool] = []
      for _ in 0..<4 {
        if let right = try one.tryReceive({ $0.count == 10_000 && Pattern.matches($0, 2) }) {
          found.append(right)
        }
        if let right = try other.tryReceive({ $0.count == 10_000 && Pattern.matches($0, 2) }) {
          found.append(right)
        }
      }
      #expect(found == [true])
    }
  }
}
