import IPC
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// A unit (a packet, a queue message, a slot) that isn't whole frames: refused at once, alone.
  @Suite(.guarded) struct UnitTests {
    /// What is no unit.
    private static let wrong: [[UInt8]] = [
      [1, 2, 3],
      frame([7]) + [1, 2, 3],
      Array(frame([UInt8](repeating: 1, count: 900)).prefix(FrameHeader.size + 1)),
      Array(frame([UInt8](repeating: 1, count: 900), stream: 9, more: true).prefix(FrameHeader.size + 1)),
      header(FrameHeader(stream: 0, count: FrameHeader.maximumCount)),
      frame([1], stream: FrameHeader.helloStream, continues: true),
    ]

    @Test("what is over or short in a unit is refused at once, and the next unit is read")
    func decoder() throws {
      for unit in Self.wrong {
        let decoder = FrameDecoder(readsUnits: true)
        decoder.feed(frame([1], stream: 5, more: true))
        #expect(try decoder.drain() == [])
        decoder.feed(unit)
        if unit.starts(with: frame([7])) {
          let first = unsafe try #require(try decoder.next())
          #expect(unsafe Array(first) == [7])
        }
        #expect(code { () throws(ChannelError) in try decoder.drain() } == .protocolViolation)
        #expect(try decoder.drain() == [])
        // A message in fragments around it stays whole.
        decoder.feed(frame([2], stream: 5, continues: true))
        #expect(try decoder.drain() == [[1, 2]])
        decoder.feed(frame([4]) + frame([5, 6]) + frame([]))
        #expect(try decoder.drain() == [[4], [5, 6], []])
      }
    }

    @Test("a message of too many fragments is dropped alone")
    func sumOverTheLimit() throws {
      let decoder = FrameDecoder(maximum: 100, readsUnits: true)
      let sixty = [UInt8](repeating: 1, count: 60)
      decoder.feed(frame(sixty, stream: 2, more: true))
      #expect(try decoder.drain() == [])
      decoder.feed(frame(sixty, stream: 2, continues: true, more: true))
      #expect(code { () throws(ChannelError) in try decoder.drain() } == .protocolViolation)
      decoder.feed(frame([1], stream: 2, continues: true))
      #expect(try decoder.drain() == [])
      decoder.feed(frame([2], stream: 2))
      #expect(try decoder.drain() == [[2]])
      #expect(decoder.openStreams.isEmpty)
    }

    /// Puts bytes into a channel beside its sender, as another program could.
    private struct Intruder {
      let pair: TransportPair
      let put: ([UInt8]) throws -> Void
    }

    private static let mechanisms: [Mechanism] = [.queue, .posixQueue, .unix, .semaphore]

    private func intruder(_ mechanism: Mechanism) throws -> Intruder {
      let pair = try Catalogue.implementation(of: mechanism).pair(ChannelOptions())
      let transfer = try pair.sender.transfer()
      switch mechanism {
      case .queue:
        let id = try #require(transfer.parameters.first { $0.key == "queue" }.flatMap { Int32($0.value) })
        return Intruder(pair: pair) { try MessageQueue.open(id: id).send($0, type: 1) }
      case .posixQueue:
        let queue = try #require(transfer.descriptors.last)
        return Intruder(pair: pair) { bytes in
          let sent = try unsafe bytes.withUnsafeBytes { unsafe try POSIXQueues.mqSend(queue, $0) }
          #expect(sent)
        }
      case .unix:
        let socket = try #require(transfer.descriptors.first)
        return Intruder(pair: pair) { bytes in
          let sent = try unsafe bytes.withUnsafeBytes {
            unsafe try Sockets.sendmsg(socket, $0, FramedSender.none, wait: false)
          }
          #expect(sent == bytes.count)
        }
      default:
        func number(_ key: String) throws -> Int32 {
          try #require(transfer.parameters.first { $0.key == key }.flatMap { Int32($0.value) })
        }
        let ids = KernelObjectIDs(
          mechanism, Dictionary(uniqueKeysWithValues: transfer.parameters.map { ($0.key, $0.value) }))
        let liveness = try LivenessPipe.pair()
        let buffer = try BoundedBuffer(ids, liveness.sender)
        return Intruder(pair: pair) { bytes in
          // As a writer does, but for the frame.
          _ = liveness
          let begin = Semaphores.Steps(
            Semaphores.Operation(BoundedBuffer.Index.sendersMutex, -1, undo: true),
            Semaphores.Operation(BoundedBuffer.Index.free, -1, undo: true))
          #expect(try buffer.semtimedop(begin, until: .now, .send))
          let slot = unsafe try buffer.slot(BoundedBuffer.Index.tail, .send)
          unsafe slot.storeBytes(of: UInt32(bytes.count), as: UInt32.self)
          unsafe UnsafeMutableRawBufferPointer(rebasing: slot[BoundedBuffer.slotHeaderBytes...]).copyBytes(
            from: bytes)
          let end = BoundedBuffer.TurnEnd(
            mutex: BoundedBuffer.Index.sendersMutex, mine: BoundedBuffer.Index.free,
            theirs: BoundedBuffer.Index.used, place: BoundedBuffer.Index.tail, slots: buffer.slots)
          #expect(try buffer.endTurn(end, staysInside: false, .send))
        }
      }
    }

    @Test("a foreign unit is one error, and every message around it arrives", arguments: mechanisms)
    func foreignUnits(mechanism: Mechanism) throws {
      Watchdog.at(mechanism)
      let intruder = try intruder(mechanism)
      let (sender, receiver) = (intruder.pair.sender, intruder.pair.receiver)
      defer {
        sender.close()
        receiver.close()
        withExtendedLifetime(intruder) {}
      }
      for unit in Self.wrong {
        #expect(try sender.send([1], until: .now))
        try intruder.put(unit)
        for index in 0..<3 { #expect(try sender.send([2, UInt8(index)], until: .now)) }
        #expect(try receiver.receive(until: .now) == [1])
        if unit.starts(with: frame([7])) { #expect(try receiver.receive(until: .now) == [7]) }
        #expect(code { () throws(ChannelError) in try receiver.receive(until: .now) } == .protocolViolation)
        for index in 0..<3 { #expect(try receiver.receive(until: .now) == [2, UInt8(index)]) }
        #expect(try receiver.receive(until: .now) == nil)
      }
      if mechanism == .posixQueue {
        try intruder.put([])
        #expect(try sender.send([3], until: .now))
        #expect(code { () throws(ChannelError) in try receiver.receive(until: .now) } == .protocolViolation)
        #expect(try receiver.receive(until: .now) == [3])
      }
    }

    @Test("a queue message that is too large is one error")
    func tooLargeQueueMessage() throws {
      var options = ChannelOptions()
      options.capacityBytes = 1024
      let pair = try Catalogue.implementation(of: .queue).pair(options)
      defer {
        pair.sender.close()
        pair.receiver.close()
      }
      let id = try #require(
        try pair.sender.transfer().parameters.first { $0.key == "queue" }.flatMap { Int32($0.value) })
      // The queue has grown since its receiver opened it.
      try MessageQueues.msgctl(id, capacity: 4096)
      try MessageQueue.open(id: id).send([UInt8](repeating: 1, count: 2000), type: 1)
      #expect(try pair.sender.send([5], until: .now))
      #expect(
        code { () throws(ChannelError) in try pair.receiver.receive(until: .now) } == .protocolViolation)
      #expect(try pair.receiver.receive(until: .now) == [5])
    }
  }
}
