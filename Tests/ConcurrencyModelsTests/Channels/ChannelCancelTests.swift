import ConcurrencyModels
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// A task that is cancelled at a channel: nothing was sent then, and nothing taken.
  @Suite(.watched) struct ChannelCancelTests {
    @Test(arguments: [0, 2], Place.allCases)
    func aReceiveThatWaits(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks async throws in
        let channel = LocalChannel<Int>(capacity: capacity)
        let receiver = tasks.start { try await channel.receive() }
        await until { channel.waitingReceivers == 1 }
        receiver.cancel()
        await #expect(throws: CancellationError.self) { try await receiver.value }
        // No task is left to receive it.
        #expect(try channel.trySend(1) == (capacity > 0))
        #expect(channel.valueAtOnce == (capacity > 0 ? 1 : nil))
        #expect(channel.placesInLine == 0)
      }
    }

    @Test(arguments: [0, 2], Place.allCases)
    func aSendThatWaits(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: capacity)
        for number in 0..<capacity { try await channel.send(number) }
        let sender = tasks.start { try await channel.send(100) }
        await until { channel.waitingSenders == 1 }
        sender.cancel()
        await #expect(throws: CancellationError.self) { try await sender.value }
        #expect(channel.count == capacity)
        for number in 0..<capacity { #expect(channel.valueAtOnce == number) }
        #expect(channel.tryReceive().isNothing)
        #expect(channel.placesInLine == 0)
      }
    }

    @Test(arguments: Place.allCases) func aSelectThatWaits(_ place: Place) async throws {
      try await place.run { tasks in
        let (incoming, outgoing) = (LocalChannel<Int>(), LocalChannel<Int>(capacity: 1))
        let log = Log<String>()
        try await outgoing.send(1)
        let task = tasks.start {
          try await select {
            Receive(incoming) { _ in log.add("received") }
            Send(2, to: outgoing) { log.add("sent") }
            After(.seconds(3600)) { log.add("late") }
          }
        }
        await until { incoming.waitingReceivers == 1 && outgoing.waitingSenders == 1 }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try !incoming.trySend(3))
        #expect(outgoing.valueAtOnce == 1)
        #expect(outgoing.tryReceive().isNothing)
        #expect(log.entries.isEmpty)
        #expect(incoming.placesInLine + outgoing.placesInLine == 0)
      }
    }

    @Test(arguments: Place.allCases) func cancelledBeforeItWouldHaveToWait(_ place: Place) async throws {
      try await place.run { tasks in
        let (empty, full) = (LocalChannel<Int>(), LocalChannel<Int>(capacity: 1))
        try await full.send(1)
        let receiver = tasks.startCancelled { try await empty.receive() }
        await #expect(throws: CancellationError.self) { try await receiver.value }
        let sender = tasks.startCancelled { try await full.send(2) }
        await #expect(throws: CancellationError.self) { try await sender.value }
        let both = tasks.startCancelled {
          try await select {
            Receive(empty) { _ in }
            Send(3, to: full) {}
            After(.seconds(3600)) {}
          }
        }
        await #expect(throws: CancellationError.self) { try await both.value }
        #expect(try !empty.trySend(4))
        #expect(full.valueAtOnce == 1)
        #expect(full.tryReceive().isNothing)
        #expect(empty.placesInLine + full.placesInLine == 0)
      }
    }

    /// Only a wait ends early: what can be done at once is done, as in Go.
    @Test(arguments: Place.allCases) func cancelledBeforeItHasNothingToWaitFor(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: 1)
        let word = try await tasks.startCancelled {
          try await channel.send(1)
          #expect(try await channel.receive() == 1)
          try await select { Send(2, to: channel) {} }
          let received = try await select { Receive(channel) { $0 } }
          #expect(received == 2)
          let late = try await select { After(.zero) { "late" } }
          #expect(late == "late")
          return try await select {
            Receive(channel) { _ in "received" }
            Otherwise { "nothing" }
          }
        }.value
        #expect(word == "nothing")
      }
    }

    /// A cancelled task is skipped, and the order of the others stays.
    @Test(arguments: Place.allCases) func receiversBehindItAreServed(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>()
        var receivers: [Task<Int?, any Error>] = []
        for number in 1...5 {
          receivers.append(tasks.start { try await channel.receive() })
          await until { channel.waitingReceivers == number }
        }
        receivers[0].cancel()
        receivers[2].cancel()
        for number in 0..<3 { try await channel.send(number) }
        for index in [0, 2] {
          await #expect(throws: CancellationError.self) { try await receivers[index].value }
        }
        #expect(try await receivers[1].value == 0)
        #expect(try await receivers[3].value == 1)
        #expect(try await receivers[4].value == 2)
      }
    }

    @Test(arguments: [0, 1], Place.allCases)
    func sendersBehindItAreServed(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>(capacity: capacity)
        if capacity > 0 { try await channel.send(-1) }
        var senders: [Task<Void, any Error>] = []
        for number in 0..<5 {
          senders.append(tasks.start { try await channel.send(number) })
          await until { channel.waitingSenders == number + 1 }
        }
        senders[0].cancel()
        senders[3].cancel()
        if capacity > 0 { #expect(try await channel.receive() == -1) }
        for number in [1, 2, 4] { #expect(try await channel.receive() == number) }
        #expect(channel.tryReceive().isNothing)
        for (number, sender) in senders.enumerated() {
          if number == 0 || number == 3 {
            await #expect(throws: CancellationError.self) { try await sender.value }
          } else {
            try await sender.value
          }
        }
      }
    }

    // MARK: Raced by a peer

    /// Either it receives, or another task has the value: never neither, never both.
    @Test(arguments: [0, 1], Place.allCases)
    func aReceiveThatIsServedMeanwhile(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        for round in 0..<1000 {
          let channel = LocalChannel<Int>(capacity: capacity)
          let receiver = tasks.start { try await channel.receive() }
          if round % 3 > 0 { await until { channel.waitingReceivers == 1 } }
          let canceller = tasks.start { receiver.cancel() }
          let wasSent = try channel.trySend(round)
          try await canceller.value
          let received = try? await receiver.value
          #expect((received ?? channel.valueAtOnce) == (wasSent ? round : nil))
          #expect(channel.tryReceive().isNothing)
        }
      }
    }

    @Test(arguments: [0, 1], Place.allCases)
    func aSendThatIsServedMeanwhile(_ capacity: Int, _ place: Place) async throws {
      try await place.run { tasks in
        for round in 0..<1000 {
          let channel = LocalChannel<Int>(capacity: capacity)
          for _ in 0..<capacity { try await channel.send(-1) }
          let sender = tasks.start { try await channel.send(round) }
          if round % 3 > 0 { await until { channel.waitingSenders == 1 } }
          let canceller = tasks.start { sender.cancel() }
          var received = channel.valueAtOnce
          if capacity > 0 {
            #expect(received == -1)
            received = nil
          }
          try await canceller.value
          let wasSent = (try? await sender.value) != nil
          #expect((received ?? channel.valueAtOnce) == (wasSent ? round : nil))
          #expect(channel.tryReceive().isNothing)
        }
      }
    }

    @Test(arguments: Place.allCases) func aSelectThatIsServedMeanwhile(_ place: Place) async throws {
      try await place.run { tasks in
        for round in 0..<1000 {
          let (incoming, outgoing) = (LocalChannel<Int>(), LocalChannel<Int>())
          let task = tasks.start {
            try await select {
              Receive(incoming) { $0 }
              Send(-1, to: outgoing) { -1 }
            }
          }
          if round % 3 > 0 { await until { incoming.waitingReceivers == 1 } }
          let canceller = tasks.start { task.cancel() }
          let received = outgoing.valueAtOnce
          let wasSent = try incoming.trySend(round)
          try await canceller.value
          let outcome: Int?
          do { outcome = try await task.value } catch is CancellationError { outcome = nil }
          // One of both, or neither.
          #expect(outcome == (wasSent ? round : received))
          #expect(!(wasSent && received != nil))
          #expect(incoming.placesInLine + outgoing.placesInLine == 0)
        }
      }
    }

    @Test(arguments: Place.allCases) func aReceiveWhoseChannelIsClosedMeanwhile(_ place: Place) async throws {
      try await place.run { tasks in
        for _ in 0..<500 {
          let channel = LocalChannel<Int>()
          let receiver = tasks.start { try await channel.receive() }
          let sender = LocalChannel<Int>()
          let stuck = tasks.start { try await sender.send(1) }
          let closer = tasks.start {
            try channel.close()
            try sender.close()
          }
          receiver.cancel()
          stuck.cancel()
          do { #expect(try await receiver.value == nil) } catch { #expect(error is CancellationError) }
          do {
            try await stuck.value
            Issue.record("sent without a receiver")
          } catch {
            #expect(error is CancellationError || error as? LocalChannelError == .init(.sendOnClosed))
          }
          try await closer.value
        }
      }
    }
  }
}
