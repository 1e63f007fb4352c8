import Measurement
import TestSupport
import Testing

@testable import IPC

/// A writer that accepts as many bytes as a script says, and keeps them.
private final class ScriptedWriter: ByteWriter {
  let unitBytes: Int
  let isStream: Bool
  let interleavesFragments: Bool
  /// How many bytes the next write accepts; 0: the channel is full. A write that waits accepts at least one.
  var script: () -> Int
  var taken: (_ bytes: [UInt8]) -> Void

  init(
    unit: Int, isStream: Bool, interleavesFragments: Bool = false, script: @escaping () -> Int,
    taken: @escaping ([UInt8]) -> Void
  ) {
    unitBytes = unit
    self.isStream = isStream
    self.interleavesFragments = interleavesFragments
    self.script = script
    self.taken = taken
  }

  func write(
    _ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer, until deadline: Deadline
  ) throws(ChannelError) -> Int {
    var all = unsafe Array(head)
    unsafe all += Array(body)
    var most = script()
    if deadline.isNever { most = max(most, 1) }
    if !isStream {
      #expect(all.count <= unitBytes)
      if most == 0 { return 0 }
      taken(all)
      return all.count
    }
    taken(Array(all.prefix(most)))
    return min(most, all.count)
  }

  var readiness: Readiness { .descriptors([], nil) }
  func close() {}
  func transfer() throws(ChannelError) -> EndpointTransfer { EndpointTransfer(descriptors: []) }
  func finishTransfer() -> AnyObject? { nil }
}

extension AllTests {
  /// The sender's framing and giving up, with a writer that can make every possible short write.
  @Suite struct FramedSenderTests {
    @Test(
      "a stream with random short writes carries exactly the accepted messages", arguments: [false, true])
    func randomStream(coalesces: Bool) throws {
      var random = SeededRandom.printed()
      for _ in 0..<60 {
        let decoder = FrameDecoder()
        var script = SeededRandom(seed: random.next())
        let writer = ScriptedWriter(unit: 512, isStream: true) {
          script.chance(3) ? 0 : Int.random(in: 1...40, using: &script)
        } taken: {
          decoder.feed($0)
        }
        var options = ChannelOptions()
        options.coalesces = coalesces
        options.wait = .block
        let sender = FramedSender(.pipe, writer, options)
        var expected: [[UInt8]] = []
        var found: [[UInt8]] = []
        for _ in 0..<80 {
          let message = random.bytes(random.chance(5) ? 0...700 : 0...30)
          let deadline = random.chance(3) ? Deadline.never : .now
          if random.chance(4) {
            // In place, with more room than is used.
            if try reserveAndSend(sender, message, more: Int.random(in: 0...50, using: &random), deadline) {
              expected.append(message)
            }
          } else if try sender.send(message, until: deadline) {
            expected.append(message)
          }
          if random.chance(8) { _ = try sender.flush(until: .now) }
          found += try decoder.drain()
        }
        _ = try sender.flush(until: .never)
        found += try decoder.drain()
        #expect(found == expected)
        sender.close()
      }
    }

    @Test("large messages with a deadline arrive whole, or not at all, wherever they are given up")
    func largeInAStream() throws {
      var random = SeededRandom.printed()
      for _ in 0..<10 {
        let decoder = FrameDecoder(maximum: 1 << 24)
        var script = SeededRandom(seed: random.next())
        let writer = ScriptedWriter(unit: 512, isStream: true) {
          script.chance(12) ? 0 : Int.random(in: 1...900_000, using: &script)
        } taken: {
          decoder.feed($0)
        }
        var options = ChannelOptions()
        options.wait = .block
        let sender = FramedSender(.pipe, writer, options)
        var (expected, found): ([[UInt8]], [[UInt8]]) = ([], [])
        for _ in 0..<20 {
          let message = [UInt8](
            repeating: UInt8.random(in: 0...255, using: &random),
            count: Int.random(in: 0...4_000_000, using: &random))
          if try sender.send(message, until: .now) { expected.append(message) }
          found += try decoder.drain()
        }
        _ = try sender.flush(until: .never)
        found += try decoder.drain()
        #expect(found == expected)
        #expect(!expected.isEmpty && expected.count < 20)
        sender.close()
      }
    }

    private func reserveAndSend(
      _ sender: any SenderTransport, _ message: [UInt8], more: Int, _ deadline: Deadline
    ) throws(ChannelError) -> Bool {
      guard let room = unsafe try sender.reserve(message.count + more, until: deadline) else { return false }
      let count = room.count
      #expect(count == message.count + more)
      if !message.isEmpty { unsafe room.copyBytes(from: message) }
      return try sender.commit(message.count, until: deadline)
    }

    @Test(
      "senders that share a channel keep their fragments apart, also when refused", arguments: [false, true])
    func interleavedUnits(coalesces: Bool) throws {
      var random = SeededRandom.printed()
      for _ in 0..<40 {
        let decoder = FrameDecoder()
        var script = SeededRandom(seed: random.next())
        var options = ChannelOptions()
        options.coalesces = coalesces
        options.wait = .block
        let senders = (0..<3).map { _ in
          FramedSender(
            .pipe,
            ScriptedWriter(unit: 64, isStream: false, interleavesFragments: true) {
              script.chance(4) ? 0 : 1
            } taken: {
              decoder.feed($0)
            }, options)
        }
        var expected = [[[UInt8]]](repeating: [], count: 3)
        var found: [[UInt8]] = []
        for _ in 0..<120 {
          let which = Int.random(in: 0..<3, using: &random)
          let message = [UInt8(which)] + random.bytes(random.chance(3) ? 0...400 : 0...20)
          if try senders[which].send(message, until: .now) { expected[which].append(message) }
          found += try decoder.drain()
        }
        for sender in senders { _ = try sender.flush(until: .never) }
        found += try decoder.drain()
        for which in 0..<3 { #expect(found.filter { $0[0] == UInt8(which) } == expected[which]) }
        #expect(found.count == expected.map(\.count).reduce(0, +))
        for sender in senders { sender.close() }
      }
    }

    @Test("a message over the limit is refused before any byte is sent")
    func tooLong() throws {
      var taken = 0
      let writer = ScriptedWriter(unit: 512, isStream: true, script: { 1000 }, taken: { taken += $0.count })
      var options = ChannelOptions()
      options.maximumMessageBytes = 10
      let sender = FramedSender(.pipe, writer, options)
      #expect(try sender.send([UInt8](repeating: 0, count: 10)))
      let before = taken
      for coalesces in [false, true] {
        sender.coalesces = coalesces
        do throws(ChannelError) {
          _ = try sender.send([UInt8](repeating: 0, count: 11))
          Issue.record("it went")
        } catch {
          #expect(error.code == .messageTooLong)
          #expect(error.limit == 10)
          #expect(error.message.contains("11") && error.message.contains("?max="))
        }
        #expect(
          code { () throws(ChannelError) in _ = unsafe try sender.reserve(11, until: .never) }
            == .messageTooLong)
      }
      #expect(taken == before)
      sender.close()
    }

    @Test("closing doesn't wait for the rest of an abandoned message")
    func closeAfterGivingUp() throws {
      // Full from the tenth byte on: the receiver doesn't read.
      var room = 10
      var waited = false
      let writer = ScriptedWriter(unit: 512, isStream: true) {
        defer { room = 0 }
        if room == 0 { waited = true }
        return room
      } taken: { _ in
      }
      let sender = FramedSender(.pipe, writer, ChannelOptions())
      #expect(try !sender.send([UInt8](repeating: 0, count: 1000), until: .now))
      waited = false
      sender.close()
      #expect(!waited, "close() wrote to a full channel, which waits until its receiver reads")
    }

    @Test("turning coalescing off sends the coalesced messages before the next one")
    func coalescingOff() throws {
      let decoder = FrameDecoder()
      let writer = ScriptedWriter(unit: 512, isStream: true, script: { 1000 }, taken: { decoder.feed($0) })
      let sender = FramedSender(.pipe, writer, ChannelOptions())
      sender.coalesces = true
      #expect(try sender.send([1]))
      #expect(try sender.send([2]))
      #expect(try decoder.drain() == [])
      sender.coalesces = false
      #expect(try sender.send([3]))
      #expect(try decoder.drain() == [[1], [2], [3]])
      sender.close()
      sender.close()
    }
  }
}
