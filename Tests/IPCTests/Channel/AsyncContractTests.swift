import ConcurrencyModels
import Glibc
import IPC
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// The contract as tasks see it: whole messages in order, backpressure, and the end.
  @Suite(.warmAsync, .guarded) struct AsyncContractTests {
    /// Around the page that a task sends at once, and larger messages that a thread sends.
    private static let sizes = [0, 1, 4080, 4095, 4096, 4097, 8200, 65536, 1 << 20, 5, 0]
    private static var list: String { sizes.map(String.init).joined(separator: ",") }

    // MARK: Whole messages

    @Test(arguments: Subject.carryingOnce) func aTaskReceivesMessagesOfEverySize(_ subject: Subject)
      async throws
    {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      defer { receiver.close() }
      try peer.order("send plain 40 \(Self.list)")
      for (index, size) in Self.sizes.enumerated() {
        let bytes = try await receiver.receive([UInt8].self)
        let isRight = bytes.count == size && Pattern.matches(bytes, 40 + index)
        #expect(isRight, "\(size) bytes")
      }
      try peer.mustSucceed()
      try peer.finish()
      #expect(try await asyncCode { try await receiver.receive() } == .closed)
    }

    @Test(arguments: Subject.carryingOnce) func aTaskSendsMessagesOfEverySize(_ subject: Subject)
      async throws
    {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      defer { sender.close() }
      try peer.order("take value 7 \(Self.list)")
      for (index, size) in Self.sizes.enumerated() { try await sender.send(Pattern.bytes(7 + index, size)) }
      try peer.mustSucceed()
      try peer.finish()
    }

    /// Every kind of message: bytes, tokens, integers.
    @Test(arguments: Subject.once) func messagesArriveInOrder(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      #expect(try receiver.tryReceive([UInt8].self) == nil)
      try peer.order("flood 1 700 \(subject.sizes([8, 300, 5000, 20, 9000]))")
      try peer.order("close")
      var tally = Tally()
      for try await bytes in receiver.messages(of: [UInt8].self) { tally.note(bytes) }
      #expect(tally.isWhole(subject, 700), "\(tally)")
      #expect(try await asyncCode { try await receiver.receive() } == .closed)
      receiver.close()
      try peer.mustSucceed()
      try peer.mustSucceed()
      try peer.finish()
    }

    @Test(arguments: Subject.carryingOnce) func aMessageOverTheLimitIsRefused(_ subject: Subject) async throws
    {
      Watchdog.at(subject)
      var subject = subject
      subject.options.maximumMessageBytes = 50_000
      let (sender, peer) = try subject.asyncToPeer()
      let long = [UInt8](repeating: 1, count: 50_001)
      #expect(try await asyncCode { try await sender.send(long) } == .messageTooLong)
      #expect(try await asyncCode { try sender.trySend(long) } == .messageTooLong)
      try peer.order("take lend 1 50000,3")
      try await sender.send(Pattern.bytes(1, 50_000))
      try await sender.send(Pattern.bytes(2, 3))
      try peer.mustSucceed()
      sender.close()
      try peer.finish()
    }

    @Test(arguments: Subject.carryingOnce) func aMessageOfAnotherTypeIsTakenAndThrows(_ subject: Subject)
      async throws
    {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      try peer.must("send plain 1 3,5000,0,8")
      for _ in 0..<3 {
        #expect(try await asyncCode { try await receiver.receive(Int.self) } == .invalidMessage)
      }
      // The next message is unaffected.
      #expect(try await receiver.receive([UInt8].self) == Pattern.bytes(4, 8))
      #expect(try receiver.tryReceive([UInt8].self) == nil)
      receiver.close()
      try peer.finish()
    }

    // MARK: Backpressure

    @Test(arguments: Subject.once) func aFullChannelMakesATaskWait(_ subject: Subject) async throws {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      let size = subject.size(1000)
      var count = 0
      while try sender.trySend(Numbered.bytes(id: 1, count, size)) {
        count += 1
        try #require(count < 200_000, "it never gets full")
      }
      #expect(count > 0)
      // As many again, and more: these can't all be sent before some are received.
      let first = count
      let more = min(count, 3000) + 100
      let notes = Notes()
      let task = Task {
        for sequence in first..<(first + more) {
          try await sender.send(Numbered.bytes(id: 1, sequence, size))
          notes.add(sequence)
        }
      }
      await settle()
      if !subject.isElastic { #expect(notes.count < more) }
      try peer.order("collect 0")
      try await task.value
      sender.close()
      let found = Collected(try peer.answer())
      #expect(found.end == "closed")
      #expect(found.tally.isWhole(subject, first + more), "\(first + more): \(found.tally)")
      try peer.finish()
    }

    // MARK: The end

    enum Departure: String, Sendable, CaseIterable { case closes, isKilled }

    @Test(arguments: Subject.once, Departure.allCases) func theLoopEndsWithTheLastSender(
      _ subject: Subject, _ how: Departure
    ) async throws {
      Watchdog.at("\(subject) \(how)")
      let (receiver, peer) = try subject.asyncFromPeer()
      #expect(try receiver.tryReceive([UInt8].self) == nil)
      let notes = Notes()
      let task = Task {
        for try await bytes in receiver.messages(of: [UInt8].self) {
          notes.note(bytes)
          notes.add(0)
        }
      }
      try peer.must("flood 1 5 \(subject.size(900))")
      // Most likely the loop waits for more when the end comes.
      while notes.count < 5 { await Task.yield() }
      await settle()
      if how == .closes { try peer.order("close") } else { try peer.kill() }
      try await task.value
      #expect(notes.tally.isWhole(subject, 5), "\(notes.tally)")
      receiver.close()
      if how == .closes {
        try peer.mustSucceed()
        try peer.finish()
      }
    }

    @Test(arguments: Subject.carryingOnce) func aSenderKilledInALargeMessageEndsTheLoop(_ subject: Subject)
      async throws
    {
      Watchdog.at(subject)
      let (receiver, peer) = try subject.asyncFromPeer()
      try peer.order("send-until-closed 300000")
      #expect(try peer.answer() == "sending")
      var tally = Tally()
      for _ in 0..<5 { tally.note(try await receiver.receive()) }
      try peer.kill()
      for try await bytes in receiver.messages(of: [UInt8].self) { tally.note(bytes) }
      #expect(tally.damaged == 0)
      #expect(tally.runs[1]?.count == 1 && tally.runs[1]?[0].lowerBound == 0)
      receiver.close()
    }

    @Test(arguments: Subject.once) func aWaitingSenderGetsClosedWhenTheReceiverDies(_ subject: Subject)
      async throws
    {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      let size = subject.size(1000)
      let task = Task {
        for _ in 0..<1_000_000 { try await sender.send([UInt8](repeating: 3, count: size)) }
      }
      await settle()
      try peer.kill()
      #expect(try await asyncCode { try await task.value } == .closed)
      #expect(try await asyncCode { try await sender.send([UInt8](repeating: 3, count: size)) } == .closed)
      sender.close()
      Workspace.removePaths()
    }

    @Test(arguments: Subject.carryingOnce) func aSenderOfALargeMessageGetsClosedWhenTheReceiverDies(
      _ subject: Subject
    )
      async throws
    {
      Watchdog.at(subject)
      let (sender, peer) = try subject.asyncToPeer()
      // No channel holds that much, and no process receives it.
      let task = Task { try await sender.send([UInt8](repeating: 3, count: 15 << 20)) }
      await settle()
      try peer.kill()
      #expect(try await asyncCode { try await task.value } == .closed)
      sender.close()
      Workspace.removePaths()
    }

    // MARK: A hostile peer

    /// Bytes that another process writes to the path of a FIFO: an error for each waiting task and for a select.
    @Test func invalidBytesAreAnError() async throws {
      let path = Workspace.path()
      let receiver = SharedByteReceiver(try ByteReceiver(at: "fifo:\(path)"))
      let writing = unsafe open(path, O_WRONLY | O_NONBLOCK)
      try #require(writing >= 0)
      defer { close(writing) }
      let waiting = Task { try await asyncCode { try await receiver.receive() } }
      await settle()
      let garbage = [UInt8](repeating: 0xFF, count: 64)
      #expect(unsafe write(writing, garbage, garbage.count) == garbage.count)
      #expect(try await waiting.value == .protocolViolation)
      let code = try await asyncCode {
        try await select {
          Receive([UInt8].self, from: receiver) { _ in }
          After(.seconds(40)) {}
        }
      }
      #expect(code == .protocolViolation)
      receiver.close()
    }
  }
}
