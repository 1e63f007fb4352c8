import Measurement
import TestSupport

#if DEBUG
  import Glibc
  import SystemCalls
  import Testing

  @testable import IPC

  extension AllTests {
    /// A sender gives up when the stream has taken some bytes of its message.
    @Suite struct AbandonedFrameTests {
      /// Sends with a fault plan that lets exactly `bytes` through, then finds no room.
      private func giveUp(
        _ sender: any SenderTransport, _ message: [UInt8], after bytes: Int, _ call: SystemCall
      ) throws -> Bool {
        let first = FrameHeader.size + message.count
        var plans: [Faults.Plan] = []
        if bytes == 0 {
          plans = [Faults.Plan(call, at: 1, .errno(EAGAIN))]
        } else if bytes <= first {
          plans = [Faults.Plan(call, at: 1, .short(bytes)), Faults.Plan(call, at: 2, .errno(EAGAIN))]
          if bytes == first { plans.removeFirst() }
        } else {
          // Header and message are one write, the rest is another.
          plans = [Faults.Plan(call, at: 2, .short(bytes - first)), Faults.Plan(call, at: 3, .errno(EAGAIN))]
        }
        var sent = true
        let fired = try Faults.with(plans) { () throws(ChannelError) in
          sent = try sender.send(message, until: .now)
        }
        #expect(!fired.contains(false))
        return sent
      }

      private func pair(_ mechanism: Mechanism) throws -> (TransportPair, SystemCall) {
        var options = ChannelOptions()
        if mechanism == .unix { options.type = .stream }
        let implementation = try Catalogue.implementation(of: mechanism)
        return (try implementation.pair(options), mechanism == .pipe ? .pwritev2 : .sendmsg)
      }

      @Test(
        "a large message that is given up costs the stream little",
        arguments: [Mechanism.pipe, .unix, .tcp])
      func largeMessages(mechanism: Mechanism) throws {
        let (pair, _) = try pair(mechanism)
        let large = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 % 251) }
        #expect(try !pair.sender.send(large, until: .now))
        var isSent = false
        for _ in 0..<10_000 where !isSent {
          #expect(try pair.receiver.receive(until: .now) == nil)
          isSent = try pair.sender.send([1, 2, 3], until: .now)
        }
        #expect(isSent)
        #expect(try pair.receiver.receive(until: .within(.seconds(20))) == [1, 2, 3])
        let room = pair.receiver.bytesCarried
        #expect(room < 7_000_000, "the zeros are shorter than the message: \(room) bytes came")
        pair.sender.close()
        pair.receiver.close()
      }

      @Test(
        "a message abandoned after any number of bytes never arrives, and the next one does",
        arguments: [Mechanism.pipe, .unix, .tcp])
      func everyByte(mechanism: Mechanism) throws {
        for size in [0, 1, 5, 8, 23] {
          let abandoned = [UInt8](repeating: 0xAA, count: size)
          for bytes in 0..<(size + 2 * FrameHeader.size) {
            let (ends, call) = try pair(mechanism)
            #expect(try ends.sender.send([1]))
            #expect(try !giveUp(ends.sender, abandoned, after: bytes, call))
            #expect(try ends.receiver.receive() == [1])
            // The rest of the abandoned frame can be given up too.
            #expect(try !giveUp(ends.sender, abandoned, after: 0, call))
            #expect(try ends.receiver.receive(until: .now) == nil)
            #expect(try ends.sender.send([2, 2], until: bytes % 2 == 0 ? .never : .now))
            #expect(try ends.sender.send([3]))
            #expect(try ends.receiver.receive() == [2, 2])
            #expect(try ends.receiver.receive() == [3])
            ends.sender.close()
            #expect(code { () throws(ChannelError) in try ends.receiver.receive() } == .closed)
            ends.receiver.close()
          }
        }
      }

      @Test(
        "closing after an abandoned message reports the end, without a partial message",
        arguments: [Mechanism.pipe, .unix])
      func thenClosed(mechanism: Mechanism) throws {
        for bytes in 0..<20 {
          let (ends, call) = try pair(mechanism)
          #expect(try !giveUp(ends.sender, [1, 2, 3, 4], after: bytes, call))
          ends.sender.close()
          #expect(code { () throws(ChannelError) in try ends.receiver.receive() } == .closed)
          ends.receiver.close()
        }
      }

      @Test(
        "on a full channel, accepted messages arrive and refused ones don't",
        arguments: ["pipe:?capacity=4096", "unix:?type=stream&capacity=4096", "tcp:?capacity=4096"])
      func fullChannel(address: String) throws {
        var random = SeededRandom.printed()
        let parsed = try Address(address)
        let ends = try Catalogue.implementation(of: parsed.mechanism).pair(parsed.options)
        var expected: [[UInt8]] = []
        var found: [[UInt8]] = []
        var refused = 0
        for round in 0..<400 {
          var message = random.bytes(0...9000)
          message += [UInt8(truncatingIfNeeded: round)]
          let deadline = random.chance(4) ? Deadline.within(.microseconds(200)) : .now
          if try ends.sender.send(message, until: deadline) {
            expected.append(message)
          } else {
            refused += 1
          }
          // Read less than is written, so that the channel fills repeatedly.
          if random.chance(3), let message = try ends.receiver.receive(until: .now) { found.append(message) }
        }
        // The last message follows the rest of the abandoned frame; receiving makes room for both.
        for _ in 0..<1_000_000 {
          if try ends.sender.send([0xEE, 0xEE], until: .now) { break }
          if let message = try ends.receiver.receive(until: .now) { found.append(message) }
        }
        while found.last != [0xEE, 0xEE], let message = try ends.receiver.receive() { found.append(message) }
        #expect(refused > 0)
        #expect(found == expected + [[0xEE, 0xEE]])
        ends.sender.close()
        ends.receiver.close()
      }
    }
  }
#endif
