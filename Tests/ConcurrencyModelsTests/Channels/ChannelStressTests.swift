import ConcurrencyModels
import Measurement
import Synchronization
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Many tasks at few channels: no value is lost, and none comes twice.
  @Suite(.watched) struct ChannelStressTests {
    /// Several senders, several channels, several receivers, every way to send and to receive; and every task
    /// is cancelled again and again.
    private final class Market: Sendable {
      let channels = [LocalChannel<Int>(), LocalChannel<Int>(capacity: 1), LocalChannel<Int>(capacity: 8)]
      let tasks: Tasks
      let sent = Log<Int>()
      let unsent = Log<Int>()
      let received = Log<Int>()
      /// Everything was sent: the receivers may end.
      let isOver = Locked(false)

      init(_ tasks: Tasks) { self.tasks = tasks }

      // MARK: Senders

      /// Sends its numbers, in several lives: each ends where it is cancelled, or after a while.
      func sendAll(_ numbers: Range<Int>, _ random: SeededRandom) async throws {
        var random = random
        var next = numbers.lowerBound
        while next < numbers.upperBound {
          let part = next..<min(next + 40, numbers.upperBound)
          let life = tasks.start { [self] in
            for number in part {
              do {
                try await send(number) ? sent.add(number) : unsent.add(number)
              } catch is CancellationError {
                unsent.add(number)
                return number + 1
              }
            }
            return part.upperBound
          }
          try await endSometimes(life, &random)
          next = try await life.value
        }
      }

      /// False: it wasn't sent.
      private func send(_ number: Int) async throws -> Bool {
        let channel = channels[number / 5 % 3]
        switch number % 5 {
        case 0:
          try await channel.send(number)
          return true
        case 1: return try channel.trySend(number)
        case 2:
          return try await select {
            Send(number, to: channel) { true }
            Otherwise { false }
          }
        case 3:
          return try await select {
            After(.microseconds(50)) { false }
            Send(number, to: channel) { true }
          }
        default:
          return try await select { for channel in channels { Send(number, to: channel) { true } } }
        }
      }

      // MARK: Receivers

      /// Receives in many lives, until every channel that it has is closed or, where no task closes them, all
      /// is over.
      func receiveAll(_ index: Int, toTheEnd: Bool, _ random: SeededRandom) async throws {
        var random = random
        for _ in 0..<10_000_000 {
          let life = tasks.start { [self] in
            do {
              if index.isMultiple(of: 2) {
                for try await number in channels[index / 2 % 3] { received.add(number) }
              } else {
                try await receiveFromAny()
              }
              return true
            } catch is CancellationError {
              return false
            }
          }
          if toTheEnd {
            try await endSometimes(life, &random)
          } else {
            try await end(life, &random)
          }
          if try await life.value { return }
          if !toTheEnd, isOver.withLock({ $0 }) { return }
        }
        Issue.record("it has no end")
      }

      private func receiveFromAny() async throws {
        var open: [LocalChannel<Int>?] = channels
        for _ in 0..<10_000_000 {
          if open.allSatisfy({ $0 == nil }) { return }
          try await select {
            for index in open.indices {
              Receive(open[index]) { number in
                if let number { self.received.add(number) } else { open[index] = nil }
              }
            }
            After(.microseconds(100)) {}
          }
        }
      }

      // MARK: Chance

      private func endSometimes(_ life: Task<some Sendable, any Error>, _ random: inout SeededRandom)
        async throws
      {
        if Int.random(in: 0..<4, using: &random) > 0 { try await end(life, &random) }
      }

      private func end(_ life: Task<some Sendable, any Error>, _ random: inout SeededRandom) async throws {
        for _ in 0..<Int.random(in: 0...60, using: &random) { await Task.yield() }
        life.cancel()
      }
    }

    @Test(arguments: [true, false], Place.allCases)
    func everyValueIsSomewhere(_ toTheEnd: Bool, _ place: Place) async throws {
      let seeds = SeededRandom.printed()
      try await place.run { tasks in
        var seeds = seeds
        let market = Market(tasks)
        let (senders, receivers, share) = (5, 6, 1500)
        let receiving = (0..<receivers).map { index in
          let random = SeededRandom(seed: seeds.next())
          return tasks.start { try await market.receiveAll(index, toTheEnd: toTheEnd, random) }
        }
        let sending = (0..<senders).map { index in
          let random = SeededRandom(seed: seeds.next())
          return tasks.start { try await market.sendAll(index * share..<(index + 1) * share, random) }
        }
        for sender in sending { try await sender.value }
        market.isOver.withLock { $0 = true }
        if toTheEnd { for channel in market.channels { try channel.close() } }
        for receiver in receiving { try await receiver.value }

        var left: [Int] = []
        for channel in market.channels {
          #expect(channel.placesInLine == 0)
          while let value = channel.valueAtOnce { left.append(value) }
          #expect(channel.count == 0)
        }
        if toTheEnd { #expect(left.isEmpty) }
        let (sent, unsent) = (market.sent.entries, market.unsent.entries)
        #expect((sent + unsent).sorted() == Array(0..<(senders * share)))
        #expect((market.received.entries + left).sorted() == sent.sorted())
        // Of both there is some, or this tests less than it says.
        #expect(!sent.isEmpty && !unsent.isEmpty)
      }
    }

    /// Without cancellations, more of it, and the order as well.
    @Test(arguments: [0, 1, 16], Place.allCases)
    func valuesOfEachSenderStayInTheirOrder(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<(sender: Int, number: Int)>(capacity: capacity)
        let other = LocalChannel<Int>()
        let senders = (0..<6).map { sender in
          tasks.start {
            for number in 0..<1500 {
              if number % 3 == 0 {
                try await select {
                  Receive(other) { _ in }
                  Send((sender, number), to: channel) {}
                }
              } else {
                try await channel.send((sender, number))
              }
            }
          }
        }
        var next = [Int](repeating: 0, count: 6)
        var wrong = 0
        for turn in 0..<9000 {
          let found: (sender: Int, number: Int)?
          if turn.isMultiple(of: 2) {
            found = try await channel.receive()
          } else {
            found = try await select {
              Receive(other) { _ in nil }
              Receive(channel) { $0 }
            }
          }
          guard let found else {
            wrong += 1
            continue
          }
          if found.number != next[found.sender] { wrong += 1 }
          next[found.sender] = found.number + 1
        }
        #expect(wrong == 0)
        #expect(next == [Int](repeating: 1500, count: 6))
        for sender in senders { try await sender.value }
        #expect(channel.tryReceive().isNothing)
        #expect(channel.placesInLine + other.placesInLine == 0)
      }
    }

    /// Tasks that only select, each with sends and receives, at the same channels: as many arrive as leave.
    @Test(arguments: Place.allCases) func everyTaskSendsAndReceives(_ place: Place) async throws {
      try await place.run { tasks in
        let channels = (0..<3).map { LocalChannel<Int>(capacity: $0) }
        let members = (0..<6).map { member in
          tasks.start {
            var (sent, received) = (0, 0)
            for turn in 0..<1500 {
              let number = member * 1500 + turn
              try await select {
                for channel in channels {
                  Send(number, to: channel) { sent += number }
                  Receive(channel) { received += $0 ?? 0 }
                }
                // The last one might find no peer.
                After(.milliseconds(1)) {}
              }
            }
            return (sent, received)
          }
        }
        var (sent, received) = (0, 0)
        for member in members {
          let (more, less) = try await member.value
          sent += more
          received += less
        }
        for channel in channels { while let value = channel.valueAtOnce { received += value } }
        #expect(sent == received)
        #expect(sent > 0)
        #expect(channels.allSatisfy { $0.placesInLine == 0 })
      }
    }
  }
}
