import ConcurrencyModels
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Sending and receiving between tasks.
  @Suite(.watched) struct LocalChannelTests {
    // MARK: Without a buffer

    @Test(arguments: Place.allCases) func aSendIsNotDoneBeforeItsReceive(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>()
        let log = Log<String>()
        let sender = tasks.start {
          log.add("sending")
          try await channel.send(1)
          log.add("sent")
        }
        await until { channel.waitingSenders == 1 }
        // It stands in line, so it can't have gone on.
        #expect(log.entries == ["sending"])
        #expect(channel.count == 0)
        #expect(try await channel.receive() == 1)
        try await sender.value
        #expect(log.entries == ["sending", "sent"])
      }
    }

    @Test(arguments: Place.allCases) func aReceiveWaitsForItsSend(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<String>()
        let receiver = tasks.start { try await channel.receive() }
        await until { channel.waitingReceivers == 1 }
        try await channel.send("here")
        #expect(try await receiver.value == "here")
        #expect(channel.waitingReceivers == 0)
        #expect(channel.count == 0)
      }
    }

    @Test(arguments: [0, -1, -1000, Int.min]) func aCapacityUnderOneIsNone(_ capacity: Int) throws {
      let channel = LocalChannel<Int>(capacity: capacity)
      #expect(channel.capacity == 0)
      #expect(try !channel.trySend(1))
      #expect(channel.count == 0)
      #expect(channel.tryReceive().isNothing)
    }

    // MARK: With one

    @Test(arguments: [1, 2, 3, 17], Place.allCases)
    func itHoldsAsMuchAsItsCapacityAndNoMore(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: capacity)
        #expect(channel.capacity == capacity)
        for number in 0..<capacity {
          #expect(channel.count == number)
          try await channel.send(number)
        }
        #expect(try !channel.trySend(-1))
        let sender = tasks.start { try await channel.send(capacity) }
        await until { channel.waitingSenders == 1 }
        #expect(channel.count == capacity)
        #expect(try await channel.receive() == 0)
        // Its value has the room that there is now.
        try await sender.value
        #expect(channel.count == capacity)
        for number in 1...capacity { #expect(channel.valueAtOnce == number) }
        #expect(channel.tryReceive().isNothing)
      }
    }

    @Test func aLargeBufferIsFilledAndEmptied() throws {
      let channel = LocalChannel<Int>(capacity: 100_000)
      for number in 0..<100_000 where try !channel.trySend(number) { Issue.record("no room for \(number)") }
      #expect(try !channel.trySend(100_000))
      #expect(channel.count == 100_000)
      var found: [Int] = []
      for _ in 0..<100_000 { if let value = channel.valueAtOnce { found.append(value) } }
      #expect(found == Array(0..<100_000))
      #expect(channel.tryReceive().isNothing)
    }

    /// The ring wraps around at every fill level, and that makes no difference.
    @Test(arguments: 1...5) func theOrderStaysWhereTheBufferBeginsAnew(_ capacity: Int) throws {
      let channel = LocalChannel<Int>(capacity: capacity)
      var (sent, received) = (0, 0)
      for round in 0..<200 {
        for _ in 0..<(round % capacity + 1) where try channel.trySend(sent) { sent += 1 }
        for _ in 0..<((round * 7) % capacity + 1) {
          guard let value = channel.valueAtOnce else { break }
          #expect(value == received)
          received += 1
        }
      }
      #expect(channel.count == sent - received)
      #expect(received > 100)
    }

    // MARK: Order

    @Test(arguments: [0, 1, 7], Place.allCases)
    func valuesOfOneSenderArriveInTheirOrder(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: capacity)
        let sender = tasks.start {
          for number in 0..<3000 { try await channel.send(number) }
          try channel.close()
        }
        var found: [Int] = []
        for try await number in channel { found.append(number) }
        #expect(found == Array(0..<3000))
        try await sender.value
      }
    }

    @Test(arguments: [0, 3], Place.allCases)
    func theLongestWaitReceivesFirst(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: capacity)
        var receivers: [Task<Int?, any Error>] = []
        for number in 1...6 {
          receivers.append(tasks.start { try await channel.receive() })
          await until { channel.waitingReceivers == number }
        }
        for number in 0..<6 { try await channel.send(number) }
        for (number, receiver) in receivers.enumerated() { #expect(try await receiver.value == number) }
        #expect(channel.count == 0)
      }
    }

    @Test(arguments: [0, 3], Place.allCases)
    func theLongestWaitSendsFirst(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: capacity)
        for number in 0..<capacity { try await channel.send(number) }
        var senders: [Task<Void, any Error>] = []
        for number in 0..<6 {
          senders.append(tasks.start { try await channel.send(capacity + number) })
          await until { channel.waitingSenders == number + 1 }
        }
        for number in 0..<(capacity + 6) { #expect(try await channel.receive() == number) }
        for sender in senders { try await sender.value }
        #expect(channel.tryReceive().isNothing)
      }
    }

    /// Every task that sends all the time gets its turn.
    @Test(arguments: Place.allCases) func sendersTakeTurns(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>()
        let senders = (0..<3).map { number in
          tasks.start { for _ in 0..<200 { try await channel.send(number) } }
        }
        var found: [Int] = []
        for left in stride(from: 600, to: 0, by: -1) {
          await until { channel.waitingSenders == min(3, left) }
          found.append(try await channel.receive() ?? -1)
        }
        for sender in senders { try await sender.value }
        // The first order is random; from then on it repeats.
        for index in 3..<600 where found[index] != found[index - 3] {
          Issue.record("\(found[index]) out of turn at \(index)")
        }
        #expect(Set(found.prefix(3)) == [0, 1, 2])
      }
    }

    @Test(arguments: Place.allCases) func aTryDoesNotOvertakeAWaitingTask(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<String>(capacity: 1)
        try await channel.send("in the buffer")
        let sender = tasks.start { try await channel.send("waited") }
        await until { channel.waitingSenders == 1 }
        #expect(try !channel.trySend("too early"))
        #expect(channel.valueAtOnce == "in the buffer")
        // The task that waited has the room.
        #expect(try !channel.trySend("too early"))
        try await sender.value
        #expect(channel.valueAtOnce == "waited")
        #expect(channel.tryReceive().isNothing)
      }
    }

    // MARK: Trying

    @Test(arguments: Place.allCases) func aTryMeetsAWaitingTask(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>()
        #expect(try !channel.trySend(0))
        #expect(channel.tryReceive().isNothing)

        let receiver = tasks.start { try await channel.receive() }
        await until { channel.waitingReceivers == 1 }
        #expect(channel.tryReceive().isNothing)
        #expect(try channel.trySend(1))
        #expect(try !channel.trySend(2))
        #expect(try await receiver.value == 1)

        let sender = tasks.start { try await channel.send(3) }
        await until { channel.waitingSenders == 1 }
        #expect(try !channel.trySend(4))
        #expect(channel.valueAtOnce == 3)
        #expect(channel.tryReceive().isNothing)
        try await sender.value
      }
    }

    @Test func aTryAtABufferAndAfterTheEnd() throws {
      let channel = LocalChannel<Int>(capacity: 2)
      #expect(channel.tryReceive().isNothing)
      #expect(try channel.trySend(1))
      #expect(try channel.trySend(2))
      #expect(try !channel.trySend(3))
      #expect(channel.valueAtOnce == 1)
      #expect(try channel.trySend(4))
      try channel.close()
      #expect(throws: LocalChannelError(.sendOnClosed)) { try channel.trySend(5) }
      #expect(channel.valueAtOnce == 2)
      // There is room again, but the channel is closed.
      #expect(throws: LocalChannelError(.sendOnClosed)) { try channel.trySend(6) }
      #expect(channel.valueAtOnce == 4)
      #expect(channel.tryReceive().isClosed)
      #expect(channel.tryReceive().isClosed)
    }

    // MARK: Values and places

    /// A value that is nil isn't the end.
    @Test(arguments: [0, 2], Place.allCases)
    func valuesMayBeOptional(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int?>(capacity: capacity)
        let sender = tasks.start {
          for value in [1, nil, 3] { try await channel.send(value) }
          try channel.close()
        }
        var found: [Int?] = []
        for try await value in channel { found.append(value) }
        #expect(found == [1, nil, 3])
        #expect(try await channel.receive() == Int??.none)
        try await sender.value
      }
    }

    @MainActor @Test func aTaskThatWaitsOnAnActorResumesThere() async throws {
      let (there, back) = (LocalChannel<Int>(), LocalChannel<Int>())
      let other = Task.detached {
        for try await number in there { try await back.send(number * 2) }
        try back.close()
      }
      for number in 0..<100 {
        try await there.send(number)
        MainActor.assertIsolated()
        #expect(try await back.receive() == number * 2)
        MainActor.assertIsolated()
      }
      try there.close()
      #expect(try await back.receive() == nil)
      try await other.value
    }
  }
}
