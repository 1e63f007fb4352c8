import Measurement
import TestSupport

#if DEBUG
  import Glibc
  import SystemCalls
  import Testing

  @testable import IPC

  extension AllTests {
    /// A real pipe and a real socket, on which the n-th call fails as the kernel could make it fail.
    @Suite struct FramedPipeTests {
      static let effects: [Faults.Effect] = [
        .errno(EINTR), .errno(EAGAIN), .short(1), .short(7), .short(8), .short(9), .short(100),
      ]

      private func messages() -> [[UInt8]] {
        [[], [1], [UInt8](repeating: 2, count: 8), [UInt8](0..<200), [UInt8](repeating: 3, count: 5000)]
      }

      @Test("whole messages survive any fault at any call of a pipe", arguments: effects, 1...6)
      func pipe(effect: Faults.Effect, at: Int) throws {
        for wait in WaitStrategy.allCases {
          for deadline in [Deadline.never, .within(.seconds(3600))] {
            var options = ChannelOptions()
            options.wait = wait
            let ends = try PipeMechanism.pair(options)
            var found: [[UInt8]] = []
            let plans = [SystemCall.writev, .pwritev2, .read, .preadv2].map {
              Faults.Plan($0, at: at, effect)
            }
            _ = try Faults.with(plans) { () throws(ChannelError) in
              for message in messages() {
                guard try ends.sender.send(message, until: deadline) else { return }
                if let message = try ends.receiver.receive(until: deadline) { found.append(message) }
              }
            }
            #expect(found == messages())
            ends.sender.close()
            #expect(code { () throws(ChannelError) in try ends.receiver.receive() } == .closed)
            ends.receiver.close()
          }
        }
      }

      @Test("whole messages survive any fault at any call of a socket", arguments: effects, 1...6)
      func stream(effect: Faults.Effect, at: Int) throws {
        var options = ChannelOptions()
        options.type = "stream"
        for deadline in [Deadline.never, .within(.seconds(3600))] {
          let ends = try UnixSocketMechanism.pair(options)
          var found: [[UInt8]] = []
          let plans = [Faults.Plan(.sendmsg, at: at, effect), Faults.Plan(.recvmsg, at: at, effect)]
          _ = try Faults.with(plans) { () throws(ChannelError) in
            for message in messages() {
              guard try ends.sender.send(message, until: deadline) else { return }
              if let message = try ends.receiver.receive(until: deadline) { found.append(message) }
            }
          }
          #expect(found == messages())
          ends.sender.close()
          ends.receiver.close()
        }
      }

      @Test("coalesced messages survive a flush in pieces", arguments: effects, 1...4)
      func coalesced(effect: Faults.Effect, at: Int) throws {
        var options = ChannelOptions()
        options.coalesces = true
        let ends = try PipeMechanism.pair(options)
        let fired = try Faults.with([Faults.Plan(.pwritev2, at: at, effect)]) { () throws(ChannelError) in
          for message in messages() { _ = try ends.sender.send(message) }
          _ = try ends.sender.flush(until: .never)
        }
        // All of them are one call; a fault at a later one comes only when the first was cut.
        #expect(at > 1 || fired == [true])
        var found: [[UInt8]] = []
        for _ in messages() { found.append(try ends.receiver.receive() ?? [0xFF]) }
        #expect(found == messages())
        ends.sender.close()
        ends.receiver.close()
      }

      @Test("a reserved message survives short writes", arguments: effects)
      func reserved(effect: Faults.Effect) throws {
        var channel = try Channel.make(over: .pipe)
        _ = try Faults.with([Faults.Plan(.pwritev2, at: 1, effect)]) { () throws(ChannelError) in
          try channel.sender.send(capacity: 3000) { output in
            for index in 0..<2500 { output.append(UInt8(truncatingIfNeeded: index)) }
          }
        }
        let expected = (0..<2500).map { UInt8(truncatingIfNeeded: $0) }
        #expect(try channel.receiver.receive([UInt8].self) == expected)
      }

      @Test("what can't be retried is told, with the kernel's word for it")
      func hardErrors() throws {
        for (number, expected) in [(EIO, ChannelError.Code.system), (EPIPE, .closed), (EACCES, .notAllowed)] {
          let ends = try PipeMechanism.pair(ChannelOptions())
          do throws(ChannelError) {
            _ = try Faults.with([Faults.Plan(.pwritev2, at: 1, .errno(number))]) { () throws(ChannelError) in
              _ = try ends.sender.send([1])
            }
            Issue.record("\(number) was swallowed")
          } catch {
            #expect(error.code == expected)
            #expect(error.errno == number)
            #expect(error.mechanism == .pipe && error.operation == "send")
          }
          ends.sender.close()
          ends.receiver.close()
        }
      }

      @Test("a try that can't go on says so and changes nothing")
      func tryOnce() throws {
        let ends = try PipeMechanism.pair(ChannelOptions())
        let plans = [SystemCall.pwritev2, .preadv2].map { Faults.Plan($0, at: 1, .errno(EAGAIN)) }
        _ = try Faults.with(plans) { () throws(ChannelError) in
          #expect(try !ends.sender.send([1], until: .now))
          #expect(try ends.sender.send([2], until: .now))
          #expect(try ends.receiver.receive(until: .now) == nil)
          #expect(try ends.receiver.receive(until: .now) == [2])
          #expect(try ends.receiver.receive(until: .now) == nil)
        }
        ends.sender.close()
        ends.receiver.close()
      }
    }

    /// A stream has taken k bytes of a message when its sender gives up.
    @Suite struct GivingUpTests {
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
          // The header and the message are one write, the last part another.
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
        if mechanism == .unix { options.type = "stream" }
        let implementation = try Catalogue.implementation(of: mechanism)
        return (try implementation.pair(options), mechanism == .pipe ? .pwritev2 : .sendmsg)
      }

      @Test(
        "after any number of bytes: the message never comes, and the next one does",
        arguments: [Mechanism.pipe, .unix, .tcp])
      func everyByte(mechanism: Mechanism) throws {
        for size in [0, 1, 5, 8, 23] {
          let abandoned = [UInt8](repeating: 0xAA, count: size)
          for bytes in 0..<(size + 2 * FrameHeader.size) {
            let (ends, call) = try pair(mechanism)
            #expect(try ends.sender.send([1]))
            #expect(try !giveUp(ends.sender, abandoned, after: bytes, call))
            #expect(try ends.receiver.receive() == [1])
            // What it still owes may be given up too, before it is paid.
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
        "given up, then closed: the end comes, and no half message before it",
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
        "a channel that is really full: what was refused never comes, what was taken all comes",
        arguments: ["pipe:?capacity=4096", "unix:?type=stream&capacity=4096", "tcp:?capacity=4096"])
      func reallyFull(address: String) throws {
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
          // Read less than is written, so that it fills again and again.
          if random.chance(3), let message = try ends.receiver.receive(until: .now) { found.append(message) }
        }
        // The last message pays what was owed; the receiver makes room for it meanwhile.
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
