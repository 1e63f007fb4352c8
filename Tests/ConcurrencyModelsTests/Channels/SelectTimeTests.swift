import ConcurrencyModels
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// A select with a time limit.
  @Suite(.watched) struct SelectTimeTests {
    @Test(arguments: Place.allCases) func afterItsTimeAndNotBefore(_ place: Place) async throws {
      try await place.run { _ in
        let channel = LocalChannel<Int>()
        let start = Clock.now()
        let found = try await select {
          Receive(channel) { _ in "received" }
          After(.milliseconds(20)) { "late" }
        }
        #expect(found == "late")
        #expect(Clock.now() - start >= 20_000_000)
        #expect(channel.placesInLine == 0)
      }
    }

    @Test func withoutTimeItIsReadyAtOnce() async throws {
      let channel = LocalChannel<Int>()
      for limit in [Duration.zero, .milliseconds(-1), .seconds(-3600)] {
        let found = try await select {
          Receive(channel) { _ in "received" }
          After(limit) { "late" }
        }
        #expect(found == "late")
        let beforeOtherwise = try await select {
          Receive(channel) { _ in "received" }
          Otherwise { "otherwise" }
          After(limit) { "late" }
        }
        #expect(beforeOtherwise == "late")
      }
    }

    @Test func notWhenSomethingIsReady() async throws {
      let channel = LocalChannel<Int>(capacity: 1)
      for number in 0..<200 {
        try await channel.send(number)
        let found = try await select {
          After(.nanoseconds(1)) { -1 }
          Receive(channel) { $0 ?? -2 }
        }
        #expect(found == number)
      }
    }

    @Test(arguments: Place.allCases) func notWhenSomethingCameFirst(_ place: Place) async throws {
      try await place.run { tasks async throws in
        let channel = LocalChannel<Int>()
        for number in 0..<100 {
          let task = tasks.start {
            try await select {
              Receive(channel) { $0 }
              After(.seconds(3600)) { nil }
            }
          }
          await until { channel.waitingReceivers == 1 }
          #expect(try channel.trySend(number))
          #expect(try await task.value == number)
        }
      }
    }

    @Test(arguments: Place.allCases) func ofSeveralTheShortest(_ place: Place) async throws {
      try await place.run { _ in
        for _ in 0..<5 {
          let found = try await select {
            After(.seconds(3600)) { "an hour" }
            After(.milliseconds(1)) { "a moment" }
            After(.seconds(1800)) { "half an hour" }
          }
          #expect(found == "a moment")
        }
      }
    }

    @Test(arguments: Place.allCases) func aloneItIsASleepThatCanBeCancelled(_ place: Place) async throws {
      try await place.run { tasks in
        let log = Log<String>()
        let task = tasks.start {
          log.add("waits")
          try await select { After(.seconds(3600)) { log.add("late") } }
        }
        await until { log.count == 1 }
        for _ in 0..<100 { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(log.entries == ["waits"])
      }
    }

    /// Time and value at the same moment: the value is received, or it is still the sender's.
    @Test(arguments: [0, 1], Place.allCases)
    func aValueIsNotLostWhenTimeIsUp(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: capacity)
        let sender = tasks.start {
          for number in 0..<300 {
            // About as long as the other waits.
            try await select { After(.microseconds(number % 7 * 20)) {} }
            try await channel.send(number)
          }
          try channel.close()
        }
        var found: [Int] = []
        var hasEnded = false
        for _ in 0..<1_000_000 {
          if hasEnded { break }
          try await select {
            Receive(channel) { number in
              if let number { found.append(number) } else { hasEnded = true }
            }
            After(.microseconds(60)) {}
          }
        }
        #expect(hasEnded)
        #expect(found == Array(0..<300))
        try await sender.value
      }
    }

    @Test(arguments: Place.allCases) func aSendThatTimeRanOutForWasNotSent(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>()
        let receiver = tasks.start {
          var found: [Int] = []
          for try await number in channel {
            found.append(number)
            try await select { After(.microseconds(50)) {} }
          }
          return found
        }
        var sent: [Int] = []
        for number in 0..<300 {
          try await select {
            Send(number, to: channel) { sent.append(number) }
            After(.microseconds(60)) {}
          }
        }
        try channel.close()
        #expect(try await receiver.value == sent)
      }
    }
  }
}
