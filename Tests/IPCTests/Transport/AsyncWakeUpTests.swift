import ConcurrencyModels
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// Every event that a task waits for wakes it, in any order of events.
  @Suite(.warmAsync, .guarded) struct AsyncWakeUpTests {
    /// Whether the task ends within a few seconds; if not, it is cancelled.
    private func ends<Value: Sendable>(_ task: Task<Value, any Error>) async -> Bool {
      await withTaskGroup(of: Bool.self) { group in
        group.addTask {
          _ = try? await task.value
          return true
        }
        group.addTask {
          try? await Task.sleep(for: .seconds(20))
          if !Task.isCancelled { task.cancel() }
          return false
        }
        let first = await group.next() ?? false
        group.cancelAll()
        return first
      }
    }

    private func numbers(_ end: any ReceiverTransport) -> Set<Int32> {
      if case .descriptors(let list, _) = end.readiness { Set(list) } else { [] }
    }

    /// Senders of a named socket connect and close, and their descriptor numbers are reused.
    @Test(arguments: [0, 1, 2]) func aSenderWithAReusedDescriptorNumberWakes(_ held: Int) async throws {
      let address = "unix:" + Workspace.path()
      let receiver = SharedByteReceiver(try ByteReceiver(at: address))
      var first = try ByteSender(to: address)
      var second = try ByteSender(to: address)
      for text in ["a", "b"] {
        if text == "a" { try first.send(text) } else { try second.send(text) }
        #expect(try await receiver.receive(String.self) == text)
      }
      let waiting = Task { try await receiver.receive(String.self) }
      await settle()
      try second.send("c")
      #expect(try await waiting.value == "c")
      try first.close()
      await settle()
      for _ in 0..<3 { #expect(try receiver.tryReceive(String.self) == nil) }
      // Other endpoints take the number before the next sender's connection does.
      var others: [SharedByteReceiver] = []
      for _ in 0..<held {
        let channel = try ByteChannel(over: .pipe)
        others.append(SharedByteReceiver(channel.receiver))
      }
      var third = try ByteSender(to: address)
      let last = Task { try await receiver.receive(String.self) }
      await settle()
      let before = Processes.getrusage()
      try await Task.sleep(for: .milliseconds(300))
      let used = Processes.getrusage().since(before)
      #expect(used.userNanoseconds + used.systemNanoseconds < 200_000_000, "waiting takes a CPU")
      try third.send("d")
      #expect(await ends(last))
      for other in others { other.close() }
      receiver.close()
      try second.close()
    }

    /// Two messages arrive in one read, for two waiting tasks.
    @Test(arguments: [Mechanism.pipe, .unix, .queue, .semaphore, .memory])
    func messagesReadAheadAreDelivered(_ mechanism: Mechanism) async throws {
      let channel = try ByteChannel(over: mechanism)
      let receiver = SharedByteReceiver(channel.receiver)
      var sender = channel.sender
      sender.coalesces = true
      for round in 0..<1500 {
        let one = Task { try await receiver.receive(Int.self) }
        let two = Task { try await receiver.receive(Int.self) }
        if round % 3 == 0 { await Task.yield() }
        try sender.send(1)
        try sender.send(2)
        try sender.flush()
        guard await ends(one), await ends(two) else {
          Issue.record("a message wasn't delivered in round \(round)")
          break
        }
      }
      receiver.close()
    }

    /// A large message over a channel from which no process reads.
    @Test(arguments: [Mechanism.pipe, .queue, .memory, .unix, .tcp, .semaphore], [false, true])
    func aLargeSendEndsWhenCancelledOrClosed(_ mechanism: Mechanism, _ byCancelling: Bool) async throws {
      var channel = try ByteChannel(over: mechanism)
      let sender = SharedByteSender(channel.sender)
      let task = Task { try await sender.send([UInt8](repeating: 1, count: 15 << 20)) }
      await settle()
      if byCancelling { task.cancel() } else { sender.close() }
      #expect(await ends(task))
      await #expect(throws: (any Error).self) { try await task.value }
      sender.close()
      channel.receiver.close()
    }

    /// A sender that coalesces requests, and a task that waits for the answer.
    @Test(arguments: [Mechanism.pipe, .memory, .unix, .queue])
    func waitingFlushesCoalescedMessages(_ mechanism: Mechanism) async throws {
      let there = try ByteChannel(over: mechanism)
      let back = try ByteChannel(over: mechanism)
      var request = there.sender
      request.coalesces = true
      let answers = SharedByteReceiver(back.receiver)
      let server = SharedByteReceiver(there.receiver)
      let answering = SharedByteSender(back.sender)
      let serving = Task { try await answering.send(try await server.receive(Int.self) + 1) }
      await settle()
      try request.send(1)
      let answer = Task { try await answers.receive(Int.self) }
      #expect(await ends(answer))
      serving.cancel()
      _ = try? await serving.value
      try request.close()
      answers.close()
      server.close()
      answering.close()
    }

    /// A message is found while a thread still waits on behalf of a cancelled task.
    @Test(arguments: [Mechanism.memory, .queue, .semaphore])
    func anAbandonedWaitHidesNoMessage(_ mechanism: Mechanism) async throws {
      let channel = try ByteChannel(over: mechanism)
      let receiver = SharedByteReceiver(channel.receiver)
      var sender = channel.sender
      for number in 0..<50 {
        let task = Task { try await receiver.receive(Int.self) }
        await settle()
        task.cancel()
        _ = try? await task.value
        try sender.send(number)
        #expect(try receiver.tryReceive(Int.self) == number)
      }
      receiver.close()
    }

    /// Room for the smaller of two messages wakes a select.
    @Test(arguments: [Mechanism.queue, .semaphore, .pipe])
    func theSmallerMessageGoesFirst(_ mechanism: Mechanism) async throws {
      let channel = try ByteChannel(over: mechanism)
      var receiver = channel.receiver
      let sender = SharedByteSender(channel.sender)
      while try sender.trySend([UInt8](repeating: 1, count: 100)) {}
      while try sender.trySend([UInt8]()) {}
      let task = Task {
        try await select {
          Send([UInt8](repeating: 1, count: 10), to: sender) { 1 }
          Send([UInt8](repeating: 2, count: 4000), to: sender) { 2 }
        }
      }
      await settle()
      // A pipe has no room before a page of it is read.
      for _ in 0..<(mechanism == .pipe ? 60 : 6) { _ = try receiver.tryReceive([UInt8].self) }
      #expect(await ends(task))
      sender.close()
    }
  }
}
