import ConcurrencyModels
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// The end of a channel, and loops that go there.
  @Suite(.watched) struct ChannelCloseTests {
    @Test func whatIsLeftIsReceivedAndThenNilForEver() async throws {
      let channel = LocalChannel<Int>(capacity: 3)
      for number in 1...3 { try await channel.send(number) }
      try channel.close()
      #expect(channel.count == 3)
      for number in 1...3 { #expect(try await channel.receive() == number) }
      for _ in 0..<10 {
        #expect(try await channel.receive() == nil)
        #expect(channel.tryReceive().isClosed)
      }
    }

    @Test(arguments: [0, 4], Place.allCases)
    func everyReceiverThatWaitsGetsNil(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: capacity)
        let receivers = (0..<20).map { _ in tasks.start { try await channel.receive() } }
        await until { channel.waitingReceivers == 20 }
        try channel.close()
        for receiver in receivers { #expect(try await receiver.value == nil) }
        #expect(channel.waitingReceivers == 0)
      }
    }

    @Test(arguments: [0, 4], Place.allCases)
    func everyWaitingSenderThrows(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: capacity)
        for number in 0..<capacity { try await channel.send(number) }
        let senders = (100..<120).map { number in tasks.start { try await channel.send(number) } }
        await until { channel.waitingSenders == 20 }
        try channel.close()
        for sender in senders {
          await #expect(throws: LocalChannelError(.sendOnClosed)) { try await sender.value }
        }
        // What was in the buffer was sent; what they had wasn't.
        for number in 0..<capacity { #expect(try await channel.receive() == number) }
        #expect(try await channel.receive() == nil)
      }
    }

    @Test(arguments: [0, 1, 5]) func aSendAfterTheCloseThrows(_ capacity: Int) async throws {
      let channel = LocalChannel<Int>(capacity: capacity)
      try channel.close()
      for number in 0..<10 {
        await #expect(throws: LocalChannelError(.sendOnClosed)) { try await channel.send(number) }
        #expect(throws: LocalChannelError(.sendOnClosed)) { try channel.trySend(number) }
      }
      #expect(channel.count == 0)
      #expect(try await channel.receive() == nil)
    }

    @Test func itIsClosedOnce() async throws {
      let channel = LocalChannel<Int>(capacity: 1)
      try await channel.send(1)
      try channel.close()
      for _ in 0..<3 {
        #expect(throws: LocalChannelError(.closedTwice)) { try channel.close() }
      }
      #expect(try await channel.receive() == 1)
      #expect(throws: LocalChannelError(.closedTwice)) { try channel.close() }
      #expect(try await channel.receive() == nil)
    }

    @Test(arguments: Place.allCases) func ofManyClosesOneSucceeds(_ place: Place) async throws {
      try await place.run { _ in
        for _ in 0..<100 {
          let channel = LocalChannel<Int>()
          let closed = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
              group.addTask {
                do {
                  try channel.close()
                  return true
                } catch {
                  return false
                }
              }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
          }
          #expect(closed == 1)
        }
      }
    }

    @Test func itsErrorsSayWhatIsWrong() {
      let errors = [LocalChannelError(.sendOnClosed), LocalChannelError(.closedTwice)]
      #expect(errors[0] != errors[1])
      #expect(Set(errors.map(\.description)).count == 2)
      #expect(errors.allSatisfy { $0.description.contains("closed") })
    }

    // MARK: Loops

    @Test(arguments: [0, 1, 10], Place.allCases)
    func severalLoopsShareTheValues(_ capacity: Int, _ place: Place) async throws {
      try await place.run { _ in
        let channel = LocalChannel<Int>(capacity: capacity)
        let log = Log<Int>()
        try await withThrowingTaskGroup(of: Void.self) { group in
          for _ in 0..<5 {
            group.addTask { for try await number in channel { log.add(number) } }
          }
          for number in 0..<4000 { try await channel.send(number) }
          try channel.close()
          try await group.waitForAll()
        }
        #expect(log.entries.sorted() == Array(0..<4000))
      }
    }

    @Test func aLoopOverWhatIsClosedAndEmptyHasNoTurn() async throws {
      let channel = LocalChannel<Int>()
      try channel.close()
      for try await number in channel { Issue.record("received \(number)") }
      #expect(try await channel.receive() == nil)
    }

    @Test func whatALoopLeavesOthersReceive() async throws {
      let channel = LocalChannel<Int>(capacity: 10)
      for number in 0..<10 { try await channel.send(number) }
      try channel.close()
      for try await number in channel where number == 3 { break }
      var rest: [Int] = []
      for try await number in channel { rest.append(number) }
      #expect(rest == Array(4..<10))
    }

    @Test(arguments: Place.allCases) func aLoopThatWaitsEnds(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>()
        let loops = (0..<4).map { _ in
          tasks.start {
            var turns = 0
            for try await _ in channel { turns += 1 }
            return turns
          }
        }
        await until { channel.waitingReceivers == 4 }
        try await channel.send(1)
        await until { channel.waitingReceivers == 4 }
        try channel.close()
        var turns = 0
        for loop in loops { turns += try await loop.value }
        #expect(turns == 1)
      }
    }

    /// A send that is there at the same time is done or refused, and the receiver sees the same.
    @Test(arguments: [0, 1], Place.allCases)
    func aSendBesideACloseIsDoneOrRefused(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        for round in 0..<500 {
          let channel = LocalChannel<Int>(capacity: capacity)
          let sender = tasks.start {
            do {
              try await channel.send(round)
              return true
            } catch LocalChannelError.closed { return false }
          }
          let receiver = tasks.start { try await channel.receive() }
          if round.isMultiple(of: 2) { await Task.yield() }
          try channel.close()
          let (wasSent, received) = (try await sender.value, try await receiver.value)
          #expect((received ?? channel.valueAtOnce) == (wasSent ? round : nil))
        }
      }
    }
  }
}

extension LocalChannelError {
  /// As a pattern: what a send throws when the channel is closed.
  fileprivate static var closed: LocalChannelError { LocalChannelError(.sendOnClosed) }

  fileprivate static func ~= (pattern: LocalChannelError, error: any Error) -> Bool {
    error as? LocalChannelError == pattern
  }
}
