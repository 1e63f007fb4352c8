import ConcurrencyModels
import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// A select over channels to other processes, local channels and timeouts.
  @Suite(.warmAsync, .guarded) struct AsyncSelectTests {
    /// One subject of each of the seven mechanisms.
    private static let seven = Mechanism.all.compactMap { mechanism in
      Subject.once.first { $0.mechanism == mechanism }
    }
    private static let isComplete = ConditionTrait.enabled(
      if: seven.count == Mechanism.all.count, "IPC_TEST_SUBJECT leaves some out")

    /// A channel from another process over each of the seven.
    private func lines() throws -> (receivers: [SharedByteReceiver], peers: [PeerProcess]) {
      let lines = try Self.seven.map { try $0.asyncFromPeer() }
      return (lines.map(\.receiver), lines.map(\.peer))
    }

    // MARK: Receiving

    @Test(isComplete) func everyMechanismAndALocalChannelInOneSelect() async throws {
      let (receivers, peers) = try lines()
      let count = 500
      for peer in peers {
        try peer.order("flood 1 \(count) 8,900,4000,20000")
        try peer.order("close")
      }
      let local = LocalChannel<Int>(capacity: 3)
      let ticking = Task {
        for number in 0..<count { try await local.send(number) }
        try local.close()
      }
      var open: [SharedByteReceiver?] = receivers
      var tallies = [Tally](repeating: Tally(), count: open.count)
      var numbers: [Int] = []
      var source: LocalChannel<Int>? = local
      for _ in 0..<100_000 where open.contains(where: { $0 != nil }) || source != nil {
        try await select {
          for index in open.indices {
            Receive([UInt8].self, from: open[index]) { bytes in
              // A closed channel is always ready; nil never is.
              if let bytes { tallies[index].note(bytes) } else { open[index] = nil }
            }
          }
          Receive(source) { number in
            if let number { numbers.append(number) } else { source = nil }
          }
          After(.seconds(40)) { Issue.record("nothing came") }
        }
      }
      try await ticking.value
      for (subject, tally) in zip(Self.seven, tallies) {
        #expect(tally.isWhole(subject, count), "\(subject): \(tally)")
      }
      let isComplete = numbers == Array(0..<count)
      #expect(isComplete)
      for receiver in receivers { receiver.close() }
      for peer in peers {
        try peer.mustSucceed()
        try peer.mustSucceed()
        try peer.finish()
      }
    }

    @Test(arguments: Subject.once) func otherwiseRunsWhenNothingIsReady(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (sender, receiver) = try subject.asyncPair()
      let none: SharedByteReceiver? = nil
      let noSender: SharedByteSender? = nil
      for _ in 0..<20 {
        let chosen = try await select {
          Receive([UInt8].self, from: receiver) { _ in "received" }
          Receive([UInt8].self, from: none) { _ in "nil" }
          Send([UInt8](), to: noSender) { "sent" }
          Otherwise { "otherwise" }
        }
        #expect(chosen == "otherwise")
      }
      // A nil endpoint is never waited for.
      let chosen = try await select {
        Receive([UInt8].self, from: none) { _ in "nil" }
        Send([UInt8](), to: noSender) { "sent" }
        After(.milliseconds(1)) { "after" }
      }
      #expect(chosen == "after")
      sender.close()
      receiver.close()
    }

    @Test(arguments: Subject.once) func aClosedChannelGivesNil(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      #expect(try receiver.tryReceive([UInt8].self) == nil)
      try peer.must("flood 1 2 \(subject.size(30))")
      try peer.must("close")
      var found: [Bool] = []
      for _ in 0..<4 {
        found.append(
          try await select {
            Receive([UInt8].self, from: receiver) { $0 != nil }
            After(.seconds(40)) { throw CancellationError() }
          })
      }
      #expect(found == [true, true, false, false])
      // Also a channel that is closed in this process.
      receiver.close()
      #expect(try await select { Receive([UInt8].self, from: receiver) { $0 == nil } })
      try peer.finish()
    }

    @Test(arguments: Subject.carryingOnce) func aMessageOfAnotherTypeThrows(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      try peer.must("send plain 3 3,10")
      let code = try await asyncCode {
        try await select {
          Receive(Int.self, from: receiver) { _ in Issue.record("it was no Int") }
          After(.seconds(40)) { Issue.record("nothing came") }
        }
      }
      #expect(code == .invalidMessage)
      #expect(try await receiver.receive() == Pattern.bytes(4, 10))
      receiver.close()
      try peer.finish()
    }

    // MARK: Sending

    /// A relay: each select receives a message or sends one that was received.
    @Test(arguments: Subject.once) func receivingAndSendingInOneSelect(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (receiver, producer) = try subject.asyncFromPeer()
      let (sender, consumer) = try subject.asyncToPeer()
      let count = 300
      try consumer.order("collect 0")
      try producer.order("flood 1 \(count) \(subject.sizes([9, 800, 3000, 20_000]))")
      try producer.order("close")
      var waiting: [[UInt8]] = []
      var isOpen = true
      for _ in 0..<10_000 where isOpen || !waiting.isEmpty {
        let next = waiting.first
        try await select {
          Receive([UInt8].self, from: isOpen && waiting.count < 10 ? receiver : nil) { bytes in
            if let bytes { waiting.append(bytes) } else { isOpen = false }
          }
          Send(next ?? [], to: next == nil ? nil : sender) { waiting.removeFirst() }
        }
      }
      sender.close()
      receiver.close()
      let found = Collected(try consumer.answer())
      #expect(found.end == "closed")
      #expect(found.tally.isWhole(subject, count), "\(found.tally)")
      try producer.mustSucceed()
      try producer.mustSucceed()
      try producer.finish()
      try consumer.finish()
    }

    @Test(arguments: Subject.carryingOnce) func aLargeMessageIsSentBeforeTheBodyRuns(_ subject: Subject)
      async throws
    {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      let sizes = [2 << 20, 70_000, 3, 5 << 20]
      try peer.order("take lend 0 \(sizes.map(String.init).joined(separator: ","))")
      for (sequence, size) in sizes.enumerated() {
        let chosen = try await select {
          Send(Pattern.bytes(sequence, size), to: sender) { true }
          After(.seconds(40)) { false }
        }
        #expect(chosen)
      }
      try peer.mustSucceed()
      sender.close()
      try peer.finish()
    }

    @Test(arguments: Subject.once) func sendingWithoutAReceiverThrows(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      try peer.kill()
      let size = subject.size(100)
      let code = try await asyncCode {
        for _ in 0..<1_000_000 {
          try await select {
            Send([UInt8](repeating: 1, count: size), to: sender) {}
            After(.seconds(40)) { Issue.record("the death of the receiver wasn't reported") }
          }
        }
      }
      #expect(code == .closed)
      sender.close()
      Workspace.removePaths()
    }

    // MARK: Time

    /// Another process takes the messages that wake the select: it keeps waiting, and no longer than its timeout.
    @Test(arguments: Subject.manyReceivers.filter { $0.options.wait == .adaptive && $0.form == .named })
    func spuriousWakeUpsDoNotDelayTheTimeout(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let address = try subject.address()
      let receiver = SharedByteReceiver(try ByteReceiver(at: address))
      let other = try PeerProcess()
      try other.must("open receiver \(address.text)")
      try other.order("collect 0")
      let sender = SharedByteSender(try ByteSender(to: address))
      let size = subject.size(30)
      let sending = Task {
        var count = 0
        while !Task.isCancelled, count < 1_000_000 {
          try await sender.send([UInt8](repeating: 1, count: size))
          count += 1
          try? await Task.sleep(for: .milliseconds(1))
        }
        return count
      }
      var taken = 0
      for _ in 0..<3 {
        var hasEnded = false
        // The select can get a message too: it is repeated until it has timed out once.
        for _ in 0..<100_000 where !hasEnded {
          hasEnded = try await select {
            Receive([UInt8].self, from: receiver) { _ in
              taken += 1
              return false
            }
            After(.milliseconds(taken < 50 ? 30 : 0)) { true }
          }
        }
        #expect(hasEnded)
      }
      sending.cancel()
      let sent = try await sending.value
      sender.close()
      for try await _ in receiver.messages(of: [UInt8].self) { taken += 1 }
      receiver.close()
      let found = Collected(try other.answer())
      let takenByOther =
        found.tally.tokens + found.tally.damaged
        + found.tally.runs.values.joined().map(\.count).reduce(0, +)
      #expect(taken + takenByOther == sent)
      try other.finish()
    }
  }
}
