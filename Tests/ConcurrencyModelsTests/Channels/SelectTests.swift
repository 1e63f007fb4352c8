import ConcurrencyModels
import Synchronization
import SystemCalls
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// One of several things, as Go's select has it.
  @Suite(.watched) struct SelectTests {
    @Test func itReceivesWhatIsThere() async throws {
      let (empty, filled) = (LocalChannel<Int>(capacity: 1), LocalChannel<String>(capacity: 1))
      try await filled.send("here")
      let found: String = try await select {
        Receive(empty) { number in "\(String(describing: number))" }
        Receive(filled) { word in word ?? "closed" }
      }
      #expect(found == "here")
      #expect(filled.count == 0)
    }

    @Test func itSendsWhereThereIsRoom() async throws {
      let (full, free) = (LocalChannel<Int>(capacity: 1), LocalChannel<Int>(capacity: 1))
      try await full.send(1)
      let found = try await select {
        Send(2, to: full) { "full" }
        Send(3, to: free) { "free" }
      }
      #expect(found == "free")
      #expect(full.valueAtOnce == 1)
      #expect(free.valueAtOnce == 3)
      #expect(full.tryReceive().isNothing)
    }

    @Test func whatIsClosedIsReady() async throws {
      let (closed, empty) = (LocalChannel<Int>(capacity: 1), LocalChannel<Int>())
      try await closed.send(1)
      try closed.close()
      var found: [Int?] = []
      for _ in 0..<3 {
        found.append(
          try await select {
            Receive(closed) { $0 }
            Receive(empty) { _ in -1 }
          })
      }
      #expect(found == [1, nil, nil])
    }

    @Test(arguments: Place.allCases) func itWaitsForTheFirstThatIsReady(_ place: Place) async throws {
      try await place.run { tasks in
        let (first, second, third) = (LocalChannel<Int>(), LocalChannel<Int>(), LocalChannel<Int>())
        for round in 0..<60 {
          let task = tasks.start {
            try await select {
              Receive(first) { "first \($0 ?? -1)" }
              Receive(second) { "second \($0 ?? -1)" }
              Send(round, to: third) { "third" }
            }
          }
          await until {
            first.waitingReceivers == 1 && second.waitingReceivers == 1 && third.waitingSenders == 1
          }
          switch round % 3 {
          case 0:
            try await first.send(round)
            #expect(try await task.value == "first \(round)")
          case 1:
            try await second.send(round)
            #expect(try await task.value == "second \(round)")
          default:
            #expect(try await third.receive() == round)
            #expect(try await task.value == "third")
          }
          // It stands nowhere any more.
          #expect(first.placesInLine + second.placesInLine + third.placesInLine == 0)
        }
      }
    }

    @Test(arguments: Place.allCases) func aCloseEndsItsWait(_ place: Place) async throws {
      try await place.run { tasks in
        let (incoming, other) = (LocalChannel<Int>(), LocalChannel<Int>())
        let receiver = tasks.start {
          try await select {
            Receive(incoming) { $0 == nil }
            Receive(other) { _ in false }
          }
        }
        await until { incoming.waitingReceivers == 1 }
        try incoming.close()
        #expect(try await receiver.value)

        let sender = tasks.start {
          try await select {
            Send(1, to: other) {}
            After(.seconds(3600)) {}
          }
        }
        await until { other.waitingSenders == 1 }
        try other.close()
        await #expect(throws: LocalChannelError(.sendOnClosed)) { try await sender.value }
      }
    }

    @Test func aSendToWhatIsClosedThrows() async throws {
      let (closed, log) = (LocalChannel<Int>(capacity: 1), Log<String>())
      try closed.close()
      await #expect(throws: LocalChannelError(.sendOnClosed)) {
        try await select { Send(1, to: closed) { log.add("sent") } }
      }
      await #expect(throws: LocalChannelError(.sendOnClosed)) {
        try await select {
          Send(1, to: closed) { log.add("sent") }
          Otherwise { log.add("otherwise") }
        }
      }
      #expect(log.entries.isEmpty)
    }

    // MARK: Never ready

    @Test(arguments: Place.allCases) func aChannelThatIsNilIsNeverReady(_ place: Place) async throws {
      try await place.run { tasks in
        let none: LocalChannel<Int>? = nil
        let some: LocalChannel<Int>? = LocalChannel<Int>(capacity: 1)
        for number in 0..<100 {
          try await some?.send(number)
          let found = try await select {
            Receive(none) { _ in -1 }
            Send(0, to: none) { -2 }
            Receive(some) { $0 ?? -3 }
          }
          #expect(found == number)
        }
        let otherwise = try await select {
          Receive(none) { _ in false }
          Send(0, to: none) { false }
          Otherwise { true }
        }
        #expect(otherwise)

        // Alone they wait until the task is cancelled.
        let task = tasks.start {
          try await select {
            Receive(none) { _ in }
            Send(0, to: none) {}
          }
        }
        for _ in 0..<100 { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
      }
    }

    @Test(arguments: Place.allCases) func withoutCasesItWaitsToBeCancelled(_ place: Place) async throws {
      try await place.run { tasks in
        let log = Log<String>()
        let task = tasks.start {
          log.add("waits")
          defer { log.add("goes on") }
          try await select { for _ in 0..<0 { Otherwise {} } }
        }
        await until { log.count > 0 }
        for _ in 0..<100 { await Task.yield() }
        #expect(log.entries == ["waits"])
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }

        let before = tasks.startCancelled { try await select { for _ in 0..<0 { Otherwise {} } } }
        await #expect(throws: CancellationError.self) { try await before.value }
      }
    }

    // MARK: Otherwise

    @Test func otherwiseItDoesNotWait() async throws {
      let (channel, full) = (LocalChannel<Int>(), LocalChannel<Int>(capacity: 1))
      try await full.send(1)
      for _ in 0..<100 {
        let found = try await select {
          Receive(channel) { _ in "received" }
          Otherwise { "otherwise" }
          Send(2, to: channel) { "sent" }
          Send(3, to: full) { "sent" }
          After(.seconds(3600)) { "late" }
        }
        #expect(found == "otherwise")
      }
      // Nothing of what wasn't chosen has happened.
      #expect(full.valueAtOnce == 1)
      #expect(full.tryReceive().isNothing)
      #expect(channel.placesInLine + full.placesInLine == 0)
    }

    @Test func otherwiseIsForWhenNothingIsReady() async throws {
      let channel = LocalChannel<Int>(capacity: 200)
      for number in 0..<200 {
        let sent = try await select {
          Otherwise { false }
          Send(number, to: channel) { true }
        }
        #expect(sent)
      }
      for number in 0..<200 {
        let found = try await select {
          Otherwise { -1 }
          Receive(channel) { $0 ?? -2 }
        }
        #expect(found == number)
      }
    }

    @Test(arguments: Place.allCases) func otherwiseMeetsAWaitingTask(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>()
        let receiver = tasks.start { try await channel.receive() }
        await until { channel.waitingReceivers == 1 }
        let sent = try await select {
          Send(1, to: channel) { true }
          Otherwise { false }
        }
        #expect(sent)
        #expect(try await receiver.value == 1)
        let sender = tasks.start { try await channel.send(2) }
        await until { channel.waitingSenders == 1 }
        let found = try await select {
          Receive(channel) { $0 }
          Otherwise { nil }
        }
        #expect(found == 2)
        try await sender.value
      }
    }

    // MARK: What it does then

    @Test func onlyTheChosenCaseRuns() async throws {
      struct Odd: Error {}
      let (one, two) = (LocalChannel<Int>(capacity: 1), LocalChannel<Int>(capacity: 1))
      for _ in 0..<50 {
        let log = Log<String>()
        try await one.send(1)
        try await two.send(2)
        await #expect(throws: Odd.self) {
          try await select {
            Receive(one) { _ in
              log.add("one")
              throw Odd()
            }
            Receive(two) { _ in
              log.add("two")
              throw Odd()
            }
          }
        }
        #expect(log.count == 1)
        // The other's value is still there.
        let (first, second) = (one.valueAtOnce, two.valueAtOnce)
        #expect((first == nil) == (log.entries == ["one"]))
        #expect((second == nil) == (log.entries == ["two"]))
      }
    }

    @Test(arguments: [false, true]) func casesMayBeComposed(_ hasMore: Bool) async throws {
      let channels = (0..<20).map { _ in LocalChannel<Int>(capacity: 1) }
      let more = LocalChannel<Int>(capacity: 1)
      for (number, channel) in channels.enumerated() {
        try await channel.send(number)
        let found = try await select {
          for channel in channels { Receive(channel) { $0 ?? -1 } }
          if hasMore { Receive(more) { _ in -2 } }
          if hasMore { After(.seconds(3600)) { -3 } } else { After(.seconds(1800)) { -4 } }
        }
        #expect(found == number)
      }
      guard hasMore else { return }
      try await more.send(1)
      let found = try await select {
        for channel in channels { Receive(channel) { $0 ?? -1 } }
        if hasMore { Receive(more) { _ in -2 } }
      }
      #expect(found == -2)
    }

    /// Several cases of one channel are several chances; one value goes to one of them.
    @Test(arguments: Place.allCases) func oneChannelMayHaveSeveralCases(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>()
        for number in 0..<50 {
          let task = tasks.start {
            try await select {
              Receive(channel) { $0 }
              Receive(channel) { $0 }
              Receive(channel) { $0 }
            }
          }
          if number.isMultiple(of: 2) { await until { channel.waitingReceivers == 3 } }
          try await channel.send(number)
          #expect(try await task.value == number)
          #expect(channel.placesInLine == 0)
        }
      }
    }

    @MainActor @Test func itsCasesRunWhereItWasCalled() async throws {
      let channel = LocalChannel<Int>()
      let other = Task.detached { for number in 0..<100 { try await channel.send(number) } }
      var sum = 0
      for _ in 0..<100 {
        try await select {
          Receive(channel) { number in
            MainActor.assertIsolated()
            sum += number ?? 0
          }
        }
        MainActor.assertIsolated()
      }
      #expect(sum == 4950)
      try await other.value
    }

    @Test func onALoopItsCasesRunThere() async throws {
      try await Place.oneThread.run { tasks in
        let channel = LocalChannel<Int>(capacity: 1)
        let mine = Threads.current
        try await select { Send(1, to: channel) { #expect(Threads.current == mine) } }
        try await select { Receive(channel) { _ in #expect(Threads.current == mine) } }
        try await select { After(.milliseconds(1)) { #expect(Threads.current == mine) } }
        #expect(Threads.current == mine)
      }
    }
  }
}
