import Measurement
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  @Suite struct BoundedBufferTests {
    typealias Index = BoundedBuffer.Index
    typealias Step = Semaphores.Operation

    /// A buffer with both endpoints in this process, and its raw objects for a test to change.
    final class Pair {
      let set: Int32
      /// The test's own mapping of the slots.
      let raw: Segment
      let sender: FramedSender
      let receiver: FramedReceiver

      init(slots: Int = 4, wait: WaitStrategy = .block) throws {
        raw = try Segment(shmget: BoundedBuffer.segmentBytes(slots: slots))
        set = try Semaphores.semget(BoundedBuffer.values(slots: slots))
        let pipes = try LivenessPipe.pair()
        let ids = KernelObjectIDs(
          .semaphore, ["set": String(set), "segment": String(raw.id), "slots": String(slots)])
        var options = ChannelOptions()
        options.wait = wait
        sender = FramedSender(
          .semaphore, BoundedBufferWriter(try BoundedBuffer(ids, pipes.sender)), options)
        receiver = FramedReceiver(
          .semaphore, BoundedBufferReader(try BoundedBuffer(ids, pipes.receiver)), options)
      }

      deinit {
        sender.close()
        receiver.close()
        // If a test stopped early.
        try? Semaphores.semctl(remove: set)
        try? Segment.shmctl(remove: raw.id)
      }

      func values() throws -> [Int] { try (0..<6).map { try Semaphores.semctl(value: set, $0) } }

      func add(_ index: Int, _ change: Int) throws {
        try Semaphores.semtimedop(set, Semaphores.Steps(Step(index, change)), nanoseconds: 0)
      }

      func slotOffset(_ position: Int) -> Int {
        BoundedBuffer.headerBytes + position * (BoundedBuffer.slotBytes + 8)
      }
    }

    @Test("it holds as many messages as slots; a receive makes room", arguments: [2, 3, 4, 16])
    func capacity(slots: Int) throws {
      let pair = try Pair(slots: slots)
      for round in 0..<3 {
        for index in 0..<slots { #expect(try pair.sender.send([UInt8(index), UInt8(round)], until: .now)) }
        #expect(try !pair.sender.send([9], until: .now))
        #expect(try !pair.sender.send([9], until: .within(.milliseconds(2))))
        for index in 0..<slots {
          #expect(try pair.receiver.receive(until: .now) == [UInt8(index), UInt8(round)])
        }
        #expect(try pair.receiver.receive(until: .now) == nil)
        #expect(try pair.receiver.receive(until: .within(.milliseconds(2))) == nil)
        let values = try pair.values()
        #expect(values[Index.sendersMutex] == 1 && values[Index.receiversMutex] == 1)
        #expect(values[Index.free] == slots && values[Index.used] == 0)
      }
    }

    @Test("random sends and receives behave as a queue does", arguments: WaitStrategy.allCases)
    func againstAQueue(wait: WaitStrategy) throws {
      var random = SeededRandom.printed()
      let pair = try Pair(slots: 5, wait: wait)
      var model: [[UInt8]] = []
      var refused = 0
      for step in 0..<2000 {
        if random.chance(2) {
          let message = random.bytes(0...(random.chance(6) ? 30_000 : 200))
          if try pair.sender.send(message, until: .now) { model.append(message) } else { refused += 1 }
        } else if let message = try pair.receiver.receive(until: .now) {
          #expect(!model.isEmpty && message == model.removeFirst(), "step \(step)")
        } else {
          #expect(model.isEmpty, "step \(step)")
        }
      }
      for message in model { #expect(try pair.receiver.receive(until: .now) == message) }
      #expect(refused > 0)
    }

    @Test(
      "an invalid number of slots, or more than the segment has, is refused",
      arguments: [Int.min, -1, 0, 1, 5, 16384, 16385, 65536, Int.max / 4104, Int.max])
    func invalidSlotCounts(slots: Int) throws {
      let segment = try Segment(shmget: BoundedBuffer.segmentBytes(slots: 4))
      let set = try Semaphores.semget(BoundedBuffer.values(slots: 4))
      defer {
        try? Segment.shmctl(remove: segment.id)
        try? Semaphores.semctl(remove: set)
      }
      let id = segment.id
      #expect(throws: ChannelError.self) {
        let ids = KernelObjectIDs(
          .semaphore, ["set": String(set), "segment": String(id), "slots": String(slots)])
        _ = try BoundedBuffer(ids, try LivenessPipe.pair().sender)
      }
    }

    @Test(
      "a slot with an invalid length is refused, and the next one is read",
      arguments: [0, 1, 7, 4097, 1 << 20, UInt32.max])
    func invalidLengths(count: UInt32) throws {
      let pair = try Pair()
      #expect(try pair.sender.send([1]))
      #expect(try pair.sender.send([2]))
      unsafe pair.raw.bytes.storeBytes(of: count, toByteOffset: pair.slotOffset(0), as: UInt32.self)
      #expect(
        code { () throws(ChannelError) in try pair.receiver.receive(until: .now) } == .protocolViolation)
      #expect(try pair.receiver.receive(until: .now) == [2])
      #expect(try pair.values()[Index.receiversMutex] == 1, "the lock isn't held any more")
    }

    @Test("a position beyond the slots is refused by sender and receiver")
    func invalidPositions() throws {
      let pair = try Pair()
      #expect(try pair.sender.send([1]))
      try pair.add(Index.head, 1000)
      #expect(
        code { () throws(ChannelError) in try pair.receiver.receive(until: .now) } == .protocolViolation)
      let other = try Pair()
      try other.add(Index.tail, 4)
      do throws(ChannelError) {
        _ = try other.sender.send([1], until: .now)
        Issue.record("sent into a slot beyond the last")
      } catch {
        #expect(error.code == .protocolViolation && error.operation == .send)
      }
    }

    @Test("semaphores that count more messages than were sent cause an error or nothing, never a crash")
    func invalidCounts() throws {
      let pair = try Pair()
      try pair.add(Index.used, 100)
      for _ in 0..<10 {
        let found = code { () throws(ChannelError) in _ = try pair.receiver.receive(until: .now) }
        #expect(found == nil || found == .protocolViolation)
      }
    }

    @Test("a set that another program removes is said to be")
    func removed() throws {
      let pair = try Pair()
      try Semaphores.semctl(remove: pair.set)
      #expect(code { () throws(ChannelError) in try pair.sender.send([1], until: .now) } == .removed)
      #expect(code { () throws(ChannelError) in try pair.receiver.receive(until: .now) } == .removed)
    }

    @Test(
      "a message abandoned between fragments keeps sending possible and frees its slots")
    func abandonedFragments() throws {
      let pair = try Pair(slots: 3)
      let large = [UInt8](repeating: 7, count: 20_000)
      #expect(try !pair.sender.send(large, until: .now))
      #expect(try pair.values()[Index.sendersMutex] == 1)
      // The fragments of the large message are dropped when the next message begins.
      #expect(try pair.receiver.receive(until: .now) == nil)
      #expect(try pair.sender.send([1], until: .now))
      #expect(try pair.receiver.receive(until: .now) == [1])
      #expect(try pair.values() == [1, 1, 3, 0, 1, 1])
    }

    @Test("a receiver in the middle of a message lets go of its turn when the rest doesn't come")
    func endOfAnAbandonedTurn() throws {
      let pair = try Pair(slots: 3)
      let large = [UInt8](repeating: 7, count: 20_000)
      #expect(try !pair.sender.send(large, until: .now))
      #expect(try pair.receiver.receive(until: .now) == nil)
      #expect(try pair.values() == [1, 1, 3, 0, 0, 0])
      #expect(try !pair.sender.send(large, until: .now))
      // A sender that is in the middle of its own keeps it.
      try pair.add(Index.sendersMutex, -1)
      #expect(try pair.receiver.receive(until: .now) == nil)
      #expect(try pair.values()[Index.receiversMutex] == 0)
      try pair.add(Index.sendersMutex, 1)
      pair.sender.close()
      #expect(code { () throws(ChannelError) in try pair.receiver.receive() } == .closed)
      #expect(try pair.values()[Index.receiversMutex] == 1)
    }

    @Test("tokens are counted, and a full channel refuses one more")
    func tokens() throws {
      var channel = try ByteChannel(at: "semaphore:?type=tokens")
      for _ in 0..<tokenCapacity { #expect(try channel.sender.trySend(Token())) }
      #expect(try !channel.sender.trySend(Token()))
      #expect(code { () throws(ChannelError) in try channel.sender.send([1] as [UInt8]) } == .messageTooLong)
      for _ in 0..<tokenCapacity { #expect(try channel.receiver.tryReceive(Token.self) != nil) }
      #expect(try channel.receiver.tryReceive(Token.self) == nil)
    }
  }
}
