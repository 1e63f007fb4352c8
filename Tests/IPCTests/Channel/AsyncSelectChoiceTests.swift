import ConcurrencyModels
import IPC
import Measurement
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Which case a select chooses, and that the others have no effect.
  @Suite(.warmAsync, .guarded) struct AsyncSelectChoiceTests {
    private static let seven = Mechanism.all.compactMap { mechanism in
      Subject.once.first { $0.mechanism == mechanism }
    }
    private static let isComplete = ConditionTrait.enabled(
      if: seven.count == Mechanism.all.count, "IPC_TEST_SUBJECT leaves some out")

    /// A channel of each of the seven mechanisms.
    private static func pairs() throws -> (senders: [SharedByteSender], receivers: [SharedByteReceiver]) {
      let pairs = try seven.map { try $0.asyncPair() }
      return (pairs.map { $0.0 }, pairs.map { $0.1 })
    }

    // MARK: Random choice

    /// 3000 choices of one of seven ready cases: each is chosen 429 times, with a standard deviation of 19. Half as many
    /// don't happen by chance.
    @Test(isComplete) func readyReceivesAreChosenEquallyOften() async throws {
      let (senders, receivers) = try Self.pairs()
      var chosen = [Int](repeating: 0, count: 7)
      for (index, sender) in senders.enumerated() { #expect(try sender.trySend(index)) }
      for _ in 0..<3000 {
        let index = try await select {
          for receiver in receivers { Receive(Int.self, from: receiver) { $0 ?? -1 } }
        }
        chosen[index] += 1
        // Every channel has a message again before the next choice.
        #expect(try senders[index].trySend(index))
      }
      #expect(chosen.allSatisfy { $0 >= 214 }, "\(chosen)")
      for sender in senders { sender.close() }
      for receiver in receivers { receiver.close() }
    }

    @Test(isComplete) func readySendsAreChosenEquallyOften() async throws {
      let (senders, receivers) = try Self.pairs()
      var chosen = [Int](repeating: 0, count: 7)
      for number in 0..<3000 {
        let index = try await select {
          for (index, sender) in senders.enumerated() { Send(number, to: sender) { index } }
        }
        chosen[index] += 1
        #expect(try await receivers[index].receive(Int.self) == number)
      }
      #expect(chosen.allSatisfy { $0 >= 214 }, "\(chosen)")
      // Nothing else was sent.
      for receiver in receivers { #expect(try receiver.tryReceive(Int.self) == nil) }
      for sender in senders { sender.close() }
      for receiver in receivers { receiver.close() }
    }

    // MARK: Cases that aren't chosen

    /// Tasks of one process exchange numbers over two channels and a local one, with selects that are cancelled, that time
    /// out, and that offer to all. What was received is what was sent.
    @Test(arguments: Subject.carryingOnce) func eachSentMessageIsReceivedOnce(_ subject: Subject) async throws
    {
      Watchdog.at(subject)
      let seed = SeededRandom.testSeed()
      let pairs = [try subject.asyncPair(), try subject.asyncPair()]
      let local = LocalChannel<Int>(capacity: 2)
      let (sent, received) = (Notes(), Notes())
      let rounds = 1500
      try await withThrowingTaskGroup(of: Void.self) { group in
        for sender in 0..<2 {
          group.addTask {
            var random = SeededRandom(seed: seed &+ UInt64(sender))
            for round in 0..<rounds {
              let number = sender * 1_000_000 + round
              let hurry = Duration.microseconds(Int.random(in: 0..<300, using: &random))
              let yields = Int.random(in: 0..<40, using: &random)
              let isCalledOff = Int.random(in: 0..<3, using: &random) == 0
              let task = Task {
                try await select {
                  Send(number, to: pairs[0].sender) { sent.add(number) }
                  Send(number, to: pairs[1].sender) { sent.add(number) }
                  Send(number, to: local) { sent.add(number) }
                  After(hurry) {}
                }
              }
              if isCalledOff {
                for _ in 0..<yields { await Task.yield() }
                task.cancel()
              }
              _ = try await isCancelled { try await task.value }
            }
          }
        }
        for receiver in 0..<2 {
          group.addTask {
            var random = SeededRandom(seed: seed &+ UInt64(100 + receiver))
            var isOver = false
            for _ in 0..<1_000_000 where !isOver {
              let hurry = Duration.microseconds(Int.random(in: 0..<300, using: &random))
              let yields = Int.random(in: 0..<40, using: &random)
              let isCalledOff = Int.random(in: 0..<3, using: &random) == 0
              let task = Task { () -> Bool in
                try await select {
                  Receive(Int.self, from: pairs[0].receiver) { number in
                    if let number { received.add(number) }
                    return false
                  }
                  Receive(Int.self, from: pairs[1].receiver) { number in
                    if let number { received.add(number) }
                    return false
                  }
                  Receive(local) { number in
                    if let number { received.add(number) }
                    return number == nil
                  }
                  After(hurry) { false }
                }
              }
              if isCalledOff {
                for _ in 0..<yields { await Task.yield() }
                task.cancel()
              }
              do { isOver = try await task.value } catch is CancellationError {}
            }
          }
        }
        // The senders are the first two to end.
        for _ in 0..<2 { try await group.next() }
        try local.close()
        try await group.waitForAll()
      }
      for pair in pairs { pair.sender.close() }
      for pair in pairs {
        for try await number in pair.receiver.messages(of: Int.self) { received.add(number) }
        pair.receiver.close()
      }
      let isTheSame = sent.numbers.sorted() == received.numbers.sorted()
      #expect(
        isTheSame,
        "sent \(sent.count), received \(received.count), of them different \(Set(received.numbers).count), IPC_TEST_SEED=\(seed)"
      )
      #expect(sent.count > 0)
    }

    /// Senders in other processes, several selects at once: nothing is lost, nothing arrives twice.
    @Test(isComplete) func manySelectsShareTheReceivers() async throws {
      let seed = SeededRandom.testSeed()
      let lines = try Self.seven.map { try $0.asyncFromPeer() }
      let receivers = lines.map(\.receiver)
      let count = 3000
      for line in lines {
        try line.peer.order("flood 1 \(count) 8,30,600,9000")
        try line.peer.order("close")
      }
      let notes = Self.seven.map { _ in Notes() }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for id in 0..<8 {
          group.addTask {
            var random = SeededRandom(seed: seed &+ UInt64(id))
            var open: [SharedByteReceiver?] = receivers
            for _ in 0..<1_000_000 where open.contains(where: { $0 != nil }) {
              let hurry = Duration.microseconds(Int.random(in: 0..<500, using: &random))
              let isImpatient = Int.random(in: 0..<4, using: &random) == 0
              let closed: Int? = try await select {
                for index in open.indices {
                  Receive([UInt8].self, from: open[index]) { bytes in
                    guard let bytes else { return index }
                    notes[index].add(Numbered.sequence(bytes))
                    return nil
                  }
                }
                if isImpatient { After(hurry) { nil } }
              }
              if let closed { open[closed] = nil }
            }
          }
        }
        try await group.waitForAll()
      }
      for (subject, notes) in zip(Self.seven, notes) {
        let isComplete = notes.numbers.sorted() == Array(0..<count)
        #expect(isComplete, "\(subject): \(notes.count) messages of \(count), IPC_TEST_SEED=\(seed)")
      }
      for line in lines {
        line.receiver.close()
        try line.peer.mustSucceed()
        try line.peer.mustSucceed()
        try line.peer.finish()
      }
    }
  }
}
