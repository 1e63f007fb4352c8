import ConcurrencyModels
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Where several cases are ready, and where several selects meet.
  @Suite(.watched) struct SelectChoiceTests {
    // MARK: By chance

    /// 6000 times one of three: 2000 each, and a deviation of 37. Less than 1000 is no chance, then.
    private func expectEvenly(_ chosen: [Int], sourceLocation: SourceLocation = #_sourceLocation) {
      #expect(chosen.reduce(0, +) == 6000, sourceLocation: sourceLocation)
      for count in chosen { #expect(count >= 1000, sourceLocation: sourceLocation) }
    }

    @Test func ofSeveralReceives() async throws {
      let channels = (0..<3).map { _ in LocalChannel<Int>(capacity: 6000) }
      for channel in channels { for number in 0..<6000 { try await channel.send(number) } }
      var chosen = [0, 0, 0]
      for _ in 0..<6000 {
        try await select {
          Receive(channels[0]) { _ in chosen[0] += 1 }
          Receive(channels[1]) { _ in chosen[1] += 1 }
          Receive(channels[2]) { _ in chosen[2] += 1 }
        }
      }
      expectEvenly(chosen)
      for (channel, count) in zip(channels, chosen) { #expect(channel.count == 6000 - count) }
    }

    @Test func ofSeveralSends() async throws {
      let channels = (0..<3).map { _ in LocalChannel<Int>(capacity: 6000) }
      for number in 0..<6000 {
        try await select { for channel in channels { Send(number, to: channel) {} } }
      }
      expectEvenly(channels.map(\.count))
    }

    @Test func ofCasesOfEveryKind() async throws {
      let (closed, free) = (LocalChannel<Int>(), LocalChannel<Int>(capacity: 6000))
      let none: LocalChannel<Int>? = nil
      try closed.close()
      var (chosen, wrong) = ([0, 0, 0], 0)
      for number in 0..<6000 {
        try await select {
          Otherwise { wrong += 1 }
          Receive(closed) { _ in chosen[0] += 1 }
          Receive(none) { _ in wrong += 1 }
          Send(number, to: free) { chosen[1] += 1 }
          After(.zero) { chosen[2] += 1 }
        }
      }
      expectEvenly(chosen)
      #expect(wrong == 0)
      #expect(free.count == chosen[1])
    }

    @Test(arguments: Place.allCases) func ofSeveralWaitingTasks(_ place: Place) async throws {
      let chosen = try await place.run { tasks in
        let channels = (0..<3).map { _ in LocalChannel<Int>() }
        let senders = channels.map { channel in
          tasks.start { for number in 0..<6000 { try await channel.send(number) } }
        }
        var chosen = [0, 0, 0]
        for _ in 0..<6000 {
          await until { channels.allSatisfy { $0.waitingSenders == 1 } }
          try await select {
            for (index, channel) in channels.enumerated() {
              // Of each, its next.
              Receive(channel) { number in
                #expect(number == chosen[index])
                chosen[index] += 1
              }
            }
          }
        }
        for sender in senders { sender.cancel() }
        for sender in senders {
          await #expect(throws: CancellationError.self) { try await sender.value }
        }
        return chosen
      }
      expectEvenly(chosen)
    }

    // MARK: One's own

    @Test(arguments: Place.allCases) func itDoesNotMeetItself(_ place: Place) async throws {
      try await place.run { tasks async throws in
        let channel = LocalChannel<Int>()
        for round in 0..<50 {
          let task = tasks.start {
            try await select {
              Send(round, to: channel) { "sent" }
              Receive(channel) { "received \($0 ?? -1)" }
              Send(round, to: channel) { "sent" }
            }
          }
          await until { channel.waitingSenders == 2 && channel.waitingReceivers == 1 }
          if round.isMultiple(of: 2) {
            #expect(try channel.trySend(-2))
            #expect(try await task.value == "received -2")
          } else {
            #expect(channel.valueAtOnce == round)
            #expect(try await task.value == "sent")
          }
          #expect(try !channel.trySend(1))
          #expect(channel.tryReceive().isNothing)
        }
      }
    }

    @Test func withABufferItMeetsItselfLater() async throws {
      let channel = LocalChannel<Int>(capacity: 1)
      var found: [Int] = []
      for number in 0..<20 {
        try await select {
          Send(number, to: channel) {}
          Receive(channel) { found.append($0 ?? -1) }
        }
      }
      #expect(found == Array(stride(from: 0, to: 20, by: 2)))
    }

    // MARK: Each other

    @Test(arguments: [false, true], Place.allCases)
    func twoMeet(_ sendsFirst: Bool, _ place: Place) async throws {
      try await place.run { tasks async throws in
        let (channel, other) = (LocalChannel<Int>(), LocalChannel<Int>())
        for number in 0..<300 {
          func send() -> Task<Bool, any Error> {
            tasks.start {
              try await select {
                Receive(other) { _ in false }
                Send(number, to: channel) { true }
              }
            }
          }
          func receive() -> Task<Int?, any Error> {
            tasks.start {
              try await select {
                Receive(channel) { $0 }
                Receive(other) { _ in -1 }
              }
            }
          }
          let (sender, receiver): (Task<Bool, any Error>, Task<Int?, any Error>)
          if sendsFirst {
            sender = send()
            if number % 2 == 0 { await until { channel.waitingSenders == 1 } }
            receiver = receive()
          } else {
            receiver = receive()
            if number % 2 == 0 { await until { channel.waitingReceivers == 1 } }
            sender = send()
          }
          #expect(try await sender.value)
          #expect(try await receiver.value == number)
          #expect(channel.placesInLine + other.placesInLine == 0)
        }
      }
    }

    /// Each would send and would receive, on the same channel: one does this, one does that.
    @Test(arguments: Place.allCases) func twoOfTheSameKindMeet(_ place: Place) async throws {
      try await place.run { tasks async throws in
        let channel = LocalChannel<Int>()
        for round in 0..<300 {
          let both = [1, 2].map { number in
            tasks.start {
              try await select {
                Send(number + round, to: channel) { Int?.none }
                Receive(channel) { $0 }
              }
            }
          }
          let (first, second) = (try await both[0].value, try await both[1].value)
          #expect((first == 2 + round && second == nil) || (first == nil && second == 1 + round))
          #expect(channel.placesInLine == 0)
        }
      }
    }

    /// Each takes the channels in another order, and holds several locks at a time.
    @Test(arguments: [0, 1], Place.allCases)
    func theOrderOfTheCasesDoesNotMatter(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channels = (0..<4).map { _ in LocalChannel<Int>(capacity: capacity) }
        let orders = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]]
        let senders = orders.map { order in
          tasks.start {
            for number in 0..<1000 {
              try await select { for index in order { Send(number, to: channels[index]) {} } }
            }
          }
        }
        let receivers = orders.map { order in
          tasks.start {
            var sum = 0
            for _ in 0..<1000 {
              try await select {
                for index in order.reversed() { Receive(channels[index]) { sum += $0 ?? 0 } }
              }
            }
            return sum
          }
        }
        for sender in senders { try await sender.value }
        var sum = 0
        for receiver in receivers { sum += try await receiver.value }
        #expect(sum == 4 * 499_500)
        #expect(channels.allSatisfy { $0.count == 0 && $0.placesInLine == 0 })
      }
    }

    /// Each sends on one and receives on the other, in a circle.
    @Test(arguments: Place.allCases) func aCircleOfSelectsTurns(_ place: Place) async throws {
      try await place.run { tasks async throws in
        let channels = (0..<3).map { _ in LocalChannel<Int>() }
        let members = (0..<3).map { index in
          tasks.start {
            let (incoming, outgoing) = (channels[index], channels[(index + 1) % 3])
            var (sent, received) = (0, 0)
            for _ in 0..<2000 {
              // One that has had its share has no more of that case.
              try await select {
                Send(sent, to: sent < 1000 ? outgoing : nil) { sent += 1 }
                Receive(received < 1000 ? incoming : nil) { number in
                  #expect(number == received)
                  received += 1
                }
              }
            }
            return [sent, received]
          }
        }
        for member in members { #expect(try await member.value == [1000, 1000]) }
      }
    }
  }
}
