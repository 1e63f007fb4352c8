import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// An endpoint that is closed or released while tasks wait on it. Each test checks that nothing of it is left.
  @Suite(.warmAsync, .guarded) struct AsyncClosingTests {
    /// One subject of each mechanism that has channels without a name.
    private static let anonymous = Mechanism.all.compactMap { mechanism in
      Subject.once.first { $0.mechanism == mechanism && $0.form == .anonymous }
    }
    private static let isComplete = ConditionTrait.enabled(
      if: !anonymous.isEmpty, "IPC_TEST_SUBJECT names none")

    @Test(arguments: Subject.once) func waitingReceivesGetClosed(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (sender, receiver) = try subject.asyncPair()
      let tasks = (0..<5).map { _ in Task { try await asyncCode { try await receiver.receive() } } }
      let loop = Task {
        for try await _ in receiver.messages(of: [UInt8].self) {}
        return true
      }
      await settle()
      receiver.close()
      for task in tasks { #expect(try await task.value == .closed) }
      #expect(try await loop.value)
      #expect(try await asyncCode { try receiver.tryReceive([UInt8].self) } == .closed)
      receiver.close()
      sender.close()
    }

    @Test(arguments: Subject.once) func waitingSendsGetClosed(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (sender, receiver) = try subject.asyncPair()
      let size = subject.size(2000)
      let bytes = [UInt8](repeating: 1, count: size)
      for _ in 0..<200_000 where try !sender.trySend(bytes) { break }
      let tasks = (0..<5).map { _ in
        Task { try await asyncCode { for _ in 0..<200_000 { try await sender.send(bytes) } } }
      }
      await settle()
      sender.close()
      for task in tasks { #expect(try await task.value == .closed) }
      #expect(try await asyncCode { try sender.trySend(bytes) } == .closed)
      receiver.close()
    }

    /// No call closes the endpoint: the last waiting task is cancelled, and then nothing refers to it.
    @Test(arguments: Subject.once) func releasingAnEndpointClosesIt(_ subject: Subject) async throws {
      Watchdog.at(subject)
      var (sender, receiver): (SharedByteSender?, SharedByteReceiver?) = try subject.asyncPair()
      let task = Task { [receiver] in try await isCancelled { _ = try await receiver?.receive() } }
      await settle()
      task.cancel()
      #expect(try await task.value)
      receiver = nil
      // The peer gets `closed`, at once or a moment later.
      let left = try #require(sender)
      sender = nil
      let size = subject.size(10)
      #expect(
        try await asyncCode {
          for _ in 0..<10_000_000 { try await left.send([UInt8](repeating: 1, count: size)) }
        } == .closed)
    }

    @Test(arguments: Subject.once) func theOtherProcessGetsClosed(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      try peer.order("send-until-closed \(subject.size(100))")
      #expect(try peer.answer() == "sending")
      for _ in 0..<5 { _ = try await receiver.receive() }
      let waiting = Task {
        try await asyncCode { for _ in 0..<100_000_000 { _ = try await receiver.receive() } }
      }
      await settle()
      receiver.close()
      #expect(try await waiting.value == .closed)
      #expect(try peer.answer().hasPrefix("error closed"))
      try peer.finish()
    }

    /// Also where a thread still looks whether a message comes.
    @Test(arguments: Subject.once.filter { $0.form == .named })
    func closingFreesTheNameAtOnce(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let address = try subject.address()
      for _ in 0..<5 {
        let receiver = SharedByteReceiver(try ByteReceiver(at: address))
        let waiting = Task { try await asyncCode { try await receiver.receive() } }
        await settle()
        receiver.close()
        let left = (try? Files.names(in: Workspace.records)) ?? []
        #expect(left == [], "the name is still there")
        // A port is free once the kernel has ended the accepting thread's call.
        if subject.mechanism != .tcp {
          var next = try ByteReceiver(at: address)
          next.close()
        }
        #expect(try await waiting.value == .closed)
        if subject.mechanism == .tcp { #expect(comesTrue { (try? ByteReceiver(at: address)) != nil }) }
      }
    }

    /// Opened, waited on and closed repeatedly; the check at the end finds anything left. Endpoints of different mechanisms
    /// reuse the same descriptor numbers.
    @Test(isComplete) func aThousandChannelsLeaveNothing() async throws {
      let before = try Files.names(in: "/proc/self/fd").count
      for round in 0..<1000 {
        let (sender, receiver) = try Self.anonymous[round % Self.anonymous.count].asyncPair()
        let task = Task { try await receiver.receive(Int.self) }
        if round % 2 == 0 { await Task.yield() }
        try await sender.send(round)
        #expect(try await task.value == round)
        // Only closing ends this wait.
        let waiting = Task { try await asyncCode { try await receiver.receive() } }
        if round % 3 == 0 { await Task.yield() }
        receiver.close()
        #expect(try await waiting.value == .closed)
        sender.close()
        if round % 100 == 99 {
          // A thread that still waits keeps some of an endpoint's descriptors until it returns.
          let isBack = { ((try? Files.names(in: "/proc/self/fd").count) ?? .max) <= before + 8 }
          for _ in 0..<3000 where !isBack() { try await Task.sleep(for: .milliseconds(10)) }
          #expect(isBack(), "round \(round)")
        }
      }
    }

    /// Many endpoints at once, each with a waiting task: the event loop waits for descriptors, threads for the rest.
    @Test(isComplete) func manyReceiversWaitAtOnce() async throws {
      let pairs = try (0..<70).map { try Self.anonymous[$0 % Self.anonymous.count].asyncPair() }
      let tasks = pairs.map { pair in Task { try await pair.receiver.receive(Int.self) } }
      await settle()
      for (number, pair) in pairs.enumerated().reversed() { try await pair.sender.send(number) }
      for (number, task) in tasks.enumerated() { #expect(try await task.value == number) }
      for pair in pairs {
        pair.receiver.close()
        pair.sender.close()
      }
    }
  }
}
