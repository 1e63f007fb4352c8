#if DEBUG
  import Glibc
  import SystemCalls
  import Testing

  @testable import IPC

  extension AllTests {
    /// A pipe and a socket on which the n-th call fails in a way in which the kernel can fail it.
    @Suite struct FramedPipeTests {
      static let effects: [Faults.Effect] = [
        .errno(EINTR), .errno(EAGAIN), .short(1), .short(7), .short(8), .short(9), .short(100),
      ]

      private func messages() -> [[UInt8]] {
        [[], [1], [UInt8](repeating: 2, count: 8), [UInt8](0..<200), [UInt8](repeating: 3, count: 5000)]
      }

      @Test("messages survive any fault at any call on a pipe", arguments: effects, 1...6)
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

      @Test("messages survive any fault at any call on a socket", arguments: effects, 1...6)
      func stream(effect: Faults.Effect, at: Int) throws {
        var options = ChannelOptions()
        options.type = .stream
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
        // All messages go in one call; a later call happens only if the first was short.
        #expect(at > 1 || fired == [true])
        var found: [[UInt8]] = []
        for _ in messages() { found.append(try ends.receiver.receive() ?? [0xFF]) }
        #expect(found == messages())
        ends.sender.close()
        ends.receiver.close()
      }

      @Test("a reserved message survives short writes", arguments: effects)
      func reserved(effect: Faults.Effect) throws {
        var channel = try ByteChannel(over: .pipe)
        _ = try Faults.with([Faults.Plan(.pwritev2, at: 1, effect)]) { () throws(ChannelError) in
          try channel.sender.send(capacity: 3000) { output in
            for index in 0..<2500 { output.append(UInt8(truncatingIfNeeded: index)) }
          }
        }
        let expected = (0..<2500).map { UInt8(truncatingIfNeeded: $0) }
        #expect(try channel.receiver.receive([UInt8].self) == expected)
      }

      @Test("an error that can't be retried is thrown with the kernel's text")
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
            #expect(error.mechanism == .pipe && error.operation == .send)
          }
          ends.sender.close()
          ends.receiver.close()
        }
      }

      @Test("a try that would wait returns at once and changes nothing")
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
  }
#endif
