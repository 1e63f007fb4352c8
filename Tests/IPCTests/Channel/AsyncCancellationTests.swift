import IPC
import Measurement
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// A task that is cancelled or times out has taken nothing and sent nothing.
  @Suite(.warmAsync, .guarded) struct AsyncCancellationTests {
    @Test(arguments: Subject.once) func aCancelledReceiveHasTakenNothing(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      for round in 0..<3 {
        let task = Task { try await isCancelled { _ = try await receiver.receive() } }
        if round > 0 { await settle() }
        task.cancel()
        #expect(try await task.value)
      }
      let sizes = [10, 0, 5000, 3].map(subject.size)
      try peer.order("send plain 20 \(sizes.map(String.init).joined(separator: ","))")
      for (index, size) in sizes.enumerated() {
        let bytes = try await receiver.receive()
        let isRight = bytes.count == size && Pattern.matches(bytes, 20 + index)
        #expect(isRight, "message \(index): \(bytes.count) bytes for \(size)")
      }
      try peer.mustSucceed()
      receiver.close()
      try peer.finish()
    }

    @Test(arguments: Subject.once) func aReceiveThatTimesOutHasTakenNothing(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      for milliseconds in [0, 1, 5] {
        #expect(
          try await asyncCode {
            try await receiver.receive([UInt8].self, within: .milliseconds(milliseconds))
          } == .timedOut)
      }
      let sizes = [10, 0, 5000].map(subject.size)
      try peer.order("send plain 20 \(sizes.map(String.init).joined(separator: ","))")
      for (index, size) in sizes.enumerated() {
        let bytes = try await receiver.receive([UInt8].self, within: .seconds(40))
        let isRight = bytes.count == size && Pattern.matches(bytes, 20 + index)
        #expect(isRight, "message \(index): \(bytes.count) bytes for \(size)")
      }
      try peer.mustSucceed()
      try peer.must("close")
      #expect(
        try await asyncCode { try await receiver.receive([UInt8].self, within: .seconds(40)) } == .closed)
      receiver.close()
      try peer.finish()
    }

    /// Cancelled at random moments while messages arrive: each message goes to a task that wasn't.
    @Test(arguments: Subject.once) func othersReceiveWhatCancelledTasksDidNotTake(_ subject: Subject)
      async throws
    {
      Watchdog.at(subject)
      let seed = SeededRandom.testSeed()
      var random = SeededRandom(seed: seed)
      let (receiver, peer) = try subject.asyncFromPeer()
      let count = 400
      try peer.order("flood 1 \(count) \(subject.sizes([20, 700, 4000, 9000]))")
      try peer.order("close")
      var tally = Tally()
      var cancelled = 0
      for _ in 0..<1000 {
        let task = Task { () -> [UInt8]? in
          var taken: [UInt8]?
          _ = try await isCancelled { taken = try await receiver.receive() }
          return taken
        }
        for _ in 0..<Int.random(in: 0..<30, using: &random) { await Task.yield() }
        task.cancel()
        do {
          if let bytes = try await task.value { tally.note(bytes) } else { cancelled += 1 }
        } catch let error as ChannelError where error.code == .closed {
          break
        }
      }
      for try await bytes in receiver.messages(of: [UInt8].self) { tally.note(bytes) }
      #expect(tally.isWhole(subject, count), "\(cancelled) cancelled, IPC_TEST_SEED=\(seed): \(tally)")
      receiver.close()
      try peer.mustSucceed()
      try peer.mustSucceed()
      try peer.finish()
    }

    @Test(arguments: Subject.once) func aCancelledSendHasSentNothing(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      let size = subject.size(2000)
      var count = 0
      // Until the channel stays full: then the task waits, and is cancelled.
      for round in 0..<5 {
        while try sender.trySend(Numbered.bytes(id: 1, count, size)) {
          count += 1
          try #require(count < 200_000)
        }
        let sequence = count
        let task = Task {
          try await isCancelled { try await sender.send(Numbered.bytes(id: 1, sequence, size)) }
        }
        if round > 0 { await settle() }
        task.cancel()
        if try await !task.value { count += 1 }
      }
      try peer.order("collect 0")
      try await sender.send(Numbered.bytes(id: 1, count, size))
      sender.close()
      let found = Collected(try peer.answer())
      #expect(found.end == "closed")
      #expect(found.tally.isWhole(subject, count + 1), "\(count + 1): \(found.tally)")
      try peer.finish()
    }

    /// Cancelled at random moments while the peer receives: exactly the sends that didn't throw have sent. Also of large
    /// messages, for which a thread waits.
    @Test(arguments: Subject.once) func onlySendsThatReturnedHaveSent(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let seed = SeededRandom.testSeed()
      var random = SeededRandom(seed: seed)
      let (sender, peer) = try subject.asyncToPeer()
      try peer.order("collect 20")
      var count = 0
      for _ in 0..<600 {
        let size = subject.size([10, 900, 4000, 30_000].randomElement(using: &random)!)
        let sequence = count
        let task = Task {
          try await isCancelled { try await sender.send(Numbered.bytes(id: 1, sequence, size)) }
        }
        for _ in 0..<Int.random(in: 0..<20, using: &random) { await Task.yield() }
        task.cancel()
        if try await !task.value { count += 1 }
      }
      sender.close()
      let found = Collected(try peer.answer())
      #expect(found.end == "closed")
      #expect(found.tally.isWhole(subject, count), "\(count), IPC_TEST_SEED=\(seed): \(found.tally)")
      try peer.finish()
    }
  }
}
