import ConcurrencyModels
import Synchronization
import TestSupport
import Testing

extension AllConcurrencyModelsTests {
  /// Nothing is kept that is no longer needed, and no wait queue grows.
  @Suite(.watched) struct ChannelMemoryTests {
    /// Whether something is still there.
    private final class Ghost<Object: AnyObject & Sendable>: Sendable {
      private weak let object: Object?

      init(_ object: Object) { self.object = object }
      var isGone: Bool { object == nil }
    }

    /// Uses something, and waits until it is gone: a task that has ended releases it a little later.
    private func expectGone(
      sourceLocation: SourceLocation = #_sourceLocation, _ use: (Token) async throws -> Void
    ) async throws {
      let ghost = try await ghost(use)
      await until(sourceLocation: sourceLocation) { ghost.isGone }
    }

    private func ghost(_ use: (Token) async throws -> Void) async throws -> Ghost<Token> {
      let token = Token()
      try await use(token)
      return Ghost(token)
    }

    // MARK: Values

    @Test(arguments: [1, 3, 100]) func whatIsLeftInAChannelGoesWithIt(_ capacity: Int) throws {
      var ghosts: [Ghost<Token>] = []
      do {
        let channel = LocalChannel<Token>(capacity: capacity)
        // Not all from the beginning of the ring.
        for _ in 0..<(capacity / 2) {
          _ = try channel.trySend(Token())
          _ = channel.tryReceive()
        }
        for _ in 0..<capacity {
          let token = Token()
          ghosts.append(Ghost(token))
          #expect(try channel.trySend(token))
        }
        #expect(ghosts.allSatisfy { !$0.isGone })
      }
      #expect(ghosts.count == capacity)
      #expect(ghosts.allSatisfy { $0.isGone })
    }

    @Test(arguments: Place.allCases) func aChannelKeepsNothingThatWentThrough(_ place: Place) async throws {
      try await place.run { tasks in
        let (buffered, rendezvous) = (LocalChannel<Token>(capacity: 2), LocalChannel<Token>())
        try await expectGone { token in
          try await buffered.send(token)
          #expect(try await buffered.receive() === token)
        }
        try await expectGone { token in
          let sender = tasks.start { try await rendezvous.send(token) }
          #expect(try await rendezvous.receive() === token)
          try await sender.value
        }
        try await expectGone { token in
          let receiver = tasks.start { try await rendezvous.receive() }
          try await rendezvous.send(token)
          #expect(try await receiver.value === token)
        }
        try await expectGone { token in
          let sender = tasks.start { try await select { Send(token, to: rendezvous) {} } }
          try await select { Receive(rendezvous) { #expect($0 === token) } }
          try await sender.value
        }
        withExtendedLifetime((buffered, rendezvous)) {}
      }
    }

    @Test(arguments: Place.allCases) func whatWasNotSentIsNotKept(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Token>()
        try await expectGone { token async throws in #expect(try !channel.trySend(token)) }
        try await expectGone { token in
          let sender = tasks.start { try await channel.send(token) }
          await until { channel.waitingSenders == 1 }
          sender.cancel()
          await #expect(throws: CancellationError.self) { try await sender.value }
        }
        try await expectGone { token in
          let late = try await select {
            Send(token, to: channel) { false }
            After(.milliseconds(1)) { true }
          }
          #expect(late)
        }
        try await expectGone { token in
          let sender = tasks.start { try await channel.send(token) }
          await until { channel.waitingSenders == 1 }
          try channel.close()
          await #expect(throws: LocalChannelError(.sendOnClosed)) { try await sender.value }
        }
        withExtendedLifetime(channel) {}
      }
    }

    // MARK: Channels

    @Test(arguments: Place.allCases) func aTaskThatWaitedDoesNotKeepTheChannel(_ place: Place) async throws {
      try await place.run { tasks in
        let ghosts: [Ghost<LocalChannel<Int>>]
        do {
          let (closed, cancelled) = (LocalChannel<Int>(), LocalChannel<Int>())
          ghosts = [Ghost(closed), Ghost(cancelled)]
          let waiting = [
            tasks.start { _ = try await closed.receive() },
            tasks.start { try await select { Receive(closed) { _ in } } },
            tasks.start { for try await _ in closed {} },
          ]
          await until { closed.waitingReceivers == 3 }
          try closed.close()
          for task in waiting { try await task.value }
          let stuck = tasks.start {
            try await select {
              Receive(cancelled) { _ in }
              Send(1, to: cancelled) {}
              After(.seconds(3600)) {}
            }
          }
          await until { cancelled.waitingReceivers == 1 }
          stuck.cancel()
          await #expect(throws: CancellationError.self) { try await stuck.value }
        }
        await until { ghosts.allSatisfy(\.isGone) }
      }
    }

    // MARK: Cases

    @Test(arguments: Place.allCases) func aSelectKeepsNothing(_ place: Place) async throws {
      try await place.run { tasks in
        let (idle, busy) = (LocalChannel<Int>(), LocalChannel<Int>(capacity: 1))
        try await expectGone { token in
          try await busy.send(1)
          try await select {
            Receive(idle) { _ in withExtendedLifetime(token) {} }
            Receive(busy) { _ in withExtendedLifetime(token) {} }
            After(.seconds(3600)) { withExtendedLifetime(token) {} }
          }
        }
        try await expectGone { token in
          try await select {
            Receive(idle) { _ in withExtendedLifetime(token) {} }
            Otherwise { withExtendedLifetime(token) {} }
          }
        }
        // The same where it has waited.
        try await expectGone { token in
          let task = tasks.start {
            try await select {
              Receive(idle) { _ in withExtendedLifetime(token) {} }
              Receive(busy) { _ in withExtendedLifetime(token) {} }
              After(.seconds(3600)) { withExtendedLifetime(token) {} }
            }
          }
          await until { busy.waitingReceivers == 1 }
          try await busy.send(1)
          try await task.value
        }
        try await expectGone { token in
          try await select {
            Receive(idle) { _ in withExtendedLifetime(token) {} }
            After(.milliseconds(1)) { withExtendedLifetime(token) {} }
          }
        }
        withExtendedLifetime((idle, busy)) {}
      }
    }

    @Test(arguments: Place.allCases) func anIdleChannelInALoopDoesNotGrow(_ place: Place) async throws {
      try await place.run { tasks in
        let (idle, busy) = (LocalChannel<Int>(), LocalChannel<Int>())
        let most = Atomic<Int>(0)
        try await expectGone { token in
          let sender = tasks.start { for number in 0..<50_000 { try await busy.send(number) } }
          for number in 0..<50_000 {
            try await select {
              Receive(busy) {
                #expect($0 == number)
                withExtendedLifetime(token) {}
              }
              Receive(idle) { _ in withExtendedLifetime(token) {} }
              Send(number, to: idle) { withExtendedLifetime(token) {} }
            }
            most.max(idle.placesInLine + busy.placesInLine, ordering: .relaxed)
          }
          try await sender.value
        }
        #expect(idle.placesInLine == 0)
        // The sender's alone.
        #expect(most.load(ordering: .relaxed) <= 1)
      }
    }

    /// A task always waits: the wait queue is never empty, and doesn't grow.
    @Test(
      arguments: Place.allCases)
    func aLineThatIsNeverEmptyDoesNotGrow(_ place: Place) async throws {
      try await place.run { tasks in
        let channel = LocalChannel<Int>()
        let senders = (0..<3).map { _ in
          tasks.start { for number in 0..<10_000 { try await channel.send(number) } }
        }
        var most = 0
        for turn in 0..<30_000 {
          // In the end they go one by one.
          if turn < 20_000 { await until { channel.waitingSenders >= 2 } }
          most = max(most, channel.placesInLine)
          _ = try await channel.receive()
        }
        for sender in senders { try await sender.value }
        #expect(most <= 100)

        let receivers = (0..<3).map { _ in tasks.start { for try await _ in channel {} } }
        most = 0
        for number in 0..<30_000 {
          await until { channel.waitingReceivers >= 2 }
          most = max(most, channel.placesInLine)
          try await channel.send(number)
        }
        try channel.close()
        for receiver in receivers { try await receiver.value }
        #expect(most <= 100)
      }
    }
  }
}
