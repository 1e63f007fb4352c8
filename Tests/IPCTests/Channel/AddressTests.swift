import Glibc
import Measurement
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  @Suite struct AddressTests {
    @Test("a mechanism, a place, and every option")
    func everyOption() throws {
      let address = try Address(
        "unix:/tmp/a b?wait=spin&max=1M&capacity=64K&senders=many&framing=line&coalesce=yes&type=stream")
      #expect(address.mechanism == .unix)
      #expect(address.target == "/tmp/a b")
      #expect(address.options.wait == .spin)
      #expect(address.options.maximumMessageBytes == 1 << 20)
      #expect(address.options.capacityBytes == 1 << 16)
      #expect(address.options.senders == .many)
      #expect(address.options.framing == .line)
      #expect(address.options.coalesces)
      #expect(address.options.type == "stream")
      #expect(address.description == "unix:/tmp/a b")
      #expect(address == Address(.unix, "/tmp/a b", options: address.options))
    }

    @Test("without options, the defaults", arguments: Mechanism.all)
    func defaults(mechanism: Mechanism) throws {
      for text in ["\(mechanism.name):place", "\(mechanism.name):place?", "\(mechanism.name):place?&&"] {
        let address = try Address(text)
        #expect(address.mechanism == mechanism)
        #expect(address.target == "place")
        #expect(address.options == ChannelOptions())
      }
      #expect(try Address("\(mechanism.name):").target == "")
    }

    @Test("the last of two options with one name counts, and each value of each option is read")
    func optionValues() throws {
      #expect(try Address("pipe:?max=1&max=2").options.maximumMessageBytes == 2)
      for wait in WaitStrategy.allCases {
        #expect(try Address("pipe:?wait=\(wait.rawValue)").options.wait == wait)
      }
      #expect(try Address("pipe:?senders=one").options.senders == .one)
      #expect(try Address("pipe:?framing=frames").options.framing == .frames)
      #expect(try !Address("pipe:?coalesce=yes&coalesce=no").options.coalesces)
      #expect(try Address("pipe:?max=512M").options.maximumMessageBytes == 1 << 29)
      #expect(try Address("pipe:?max=0").options.maximumMessageBytes == 0)
    }

    @Test("only the last question mark begins the options, and only the first colon ends the name")
    func separators() throws {
      let address = try Address("fifo:/tmp/what?is:this?max=7")
      #expect(address.target == "/tmp/what?is:this")
      #expect(address.options.maximumMessageBytes == 7)
      #expect(try Address("tcp:[::1]:80").target == "[::1]:80")
    }

    @Test(
      "what is no address is said so, by its name",
      arguments: [
        ("", "\"\""), ("jobs", "\"jobs\""), ("fifo:/tmp/a?max", "\"max\""),
        ("fifo:/tmp/a?color=red", "\"color\""),
        ("fifo:/tmp/a?=1", "\"\""), ("fifo:/tmp/a?max=", "max="), ("fifo:/tmp/a?max=lots", "max=lots"),
        ("fifo:/tmp/a?max=-1", "max=-1"), ("fifo:/tmp/a?max=513M", "max=513M"),
        ("fifo:/tmp/a?max=9999999999G", "max="),
        ("fifo:/tmp/a?capacity=0", "capacity=0"), ("fifo:/tmp/a?capacity=x", "capacity=x"),
        ("fifo:/tmp/a?wait=long", "wait=long"), ("fifo:/tmp/a?senders=two", "senders=two"),
        ("fifo:/tmp/a?framing=json", "framing=json"), ("fifo:/tmp/a?coalesce=maybe", "coalesce=maybe"),
        ("fifo:/tmp/a?WAIT=block", "\"WAIT\""),
      ])
    func refused(text: String, named: String) {
      do throws(ChannelError) {
        _ = try Address(text)
        Issue.record("\(text) was taken")
      } catch {
        #expect(error.code == .invalidAddress)
        #expect(error.message.contains(named))
        #expect(error.message.contains(text), "the whole address is in the message")
        #expect(!error.message.contains("\n"))
      }
    }

    @Test(
      "an unknown mechanism is answered with those that there are", arguments: ["", "carrier-pigeon", "FIFO"])
    func unknownMechanism(name: String) {
      for body in [{ try Address("\(name):x").mechanism }, { try Mechanism(named: name) }] {
        do {
          _ = try body()
          Issue.record("\(name) was taken")
        } catch let error as ChannelError {
          #expect(error.code == .unknownMechanism)
          #expect(error.message.contains("\"\(name)\""))
          for mechanism in Mechanism.all { #expect(error.message.contains(mechanism.name)) }
        } catch {
          Issue.record(error)
        }
      }
    }

    @Test("every mechanism is found by its name")
    func names() throws {
      #expect(Mechanism.all.count == 7)
      for mechanism in Mechanism.all + Mechanism.variants {
        #expect(try Mechanism(named: mechanism.name) == mechanism)
        #expect(mechanism.traits.addressForm.hasPrefix(mechanism.name + ":"))
      }
    }

    @Test(
      "sizes are numbers with K, M or G",
      arguments: [
        ("0", 0), ("64", 64), ("64K", 65536), ("64k", 65536), ("1M", 1 << 20), ("2g", 2 << 30), ("", nil),
        ("K", nil),
        ("1KB", nil), ("1.5K", nil), ("-1", nil), ("1 K", nil), ("0x10", nil),
        ("9223372036854775807", Int.max),
        ("9223372036854775808", nil), ("9223372036854775807K", nil), ("９", nil), ("1é", nil),
      ])
    func sizes(text: String, bytes: Int?) { #expect(ChannelOptions.bytes(text) == bytes) }

    @Test("a size may end in any letter of any script without a crash")
    func sizesInOtherScripts() async {
      // The capital of each of these is two letters. In a process of its own: a trap would end this one.
      await #expect(processExitsWith: .success) {
        for letter in ["ß", "ﬁ", "ŉ", "ǰ", "e\u{301}", "👩‍👩‍👧"] {
          guard ChannelOptions.bytes("1" + letter) == nil else { exit(1) }
        }
      }
    }

    @Test("options come back from their own list of parameters")
    func parameters() throws {
      var options = ChannelOptions()
      options.wait = .block
      options.capacityBytes = 4096
      options.senders = .many
      options.framing = .line
      options.coalesces = true
      options.type = "packet"
      for original in [options, ChannelOptions()] {
        var copy = ChannelOptions()
        for (key, value) in original.parameters { try copy.set(key, value, in: "test") }
        #expect(copy == original)
      }
    }

    @Test("random text is an address or an error, never a crash")
    func randomText() {
      var random = SeededRandom.printed()
      let pieces = [
        "fifo", "pipe", "tcp", ":", "?", "&", "=", "max", "wait", "capacity", "1K", "9", "é", "\u{0}", "type",
        "/", " ",
      ]
      for _ in 0..<3000 {
        let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in
          pieces.randomElement(using: &random)!
        }.joined()
        if let found = code(of: { () throws(ChannelError) in try Address(text) }) {
          #expect(found == .invalidAddress || found == .unknownMechanism)
        }
      }
    }

    @Test("a path is wanted where there must be one")
    func paths() throws {
      #expect(code { () throws(ChannelError) in try Address("fifo:").path() } == .invalidAddress)
      #expect(code { () throws(ChannelError) in try Address("fifo:/tmp/\u{0}x").path() } == .invalidAddress)
      #expect(try Address("fifo:/tmp/x").path() == "/tmp/x")
      #expect(sentence { () throws(ChannelError) in try Address("unix:").path() }.contains("unix:/tmp/jobs"))
    }
  }

  @Suite struct CapacityTests {
    /// Each makes a channel, sends through it where there is one, and ends well whether refused or not.
    @Test(
      "a capacity of any size is granted or refused",
      arguments: Mechanism.all.map(\.name), [1, 4, 8, 9, 100, 1 << 40, Int.max - 4000, Int.max])
    func anyCapacity(mechanism: String, bytes: Int) async {
      // In a process of its own, because a trap would end this one; the alarm ends an endless loop.
      await #expect(processExitsWith: .success) { [mechanism = mechanism as String, bytes = bytes as Int] in
        alarm(60)
        do throws(ChannelError) {
          var channel = try Channel.open("\(mechanism):?capacity=\(bytes)")
          if try channel.sender.trySend([1, 2, 3] as [UInt8]) {
            guard try channel.receiver.receive([UInt8].self) == [1, 2, 3] else { exit(1) }
          }
        } catch {
          guard error.code != .protocolViolation else { exit(2) }
        }
        exit(0)
      }
    }
  }

  @Suite struct DeadlineTests {
    @Test("nothing or less is now; ages are never; the rest is between")
    func within() {
      for duration in [Duration.zero, .seconds(-1), .nanoseconds(-1), .seconds(Int64.min)] {
        #expect(Deadline.within(duration) == .now)
      }
      for duration in [Duration.seconds(9_000_000_000), .seconds(Int64.max)] {
        #expect(Deadline.within(duration) == .never)
      }
      let hour = Deadline.within(.seconds(3600))
      #expect(!hour.isNow && !hour.isNever && !hour.hasPassed)
      #expect(hour.remaining! > 0 && hour.remaining! <= 3_600_000_000_000)
      #expect(!Deadline.within(.seconds(8_999_999_999)).hasPassed)
      #expect(Deadline.within(.nanoseconds(1)) != .now)
    }

    @Test("what is left, whole and in slices")
    func remaining() {
      #expect(Deadline.never.remaining == nil)
      #expect(Deadline.never.remaining(atMost: 5) == 5)
      #expect(Deadline.now.remaining == 0)
      #expect(Deadline.now.remaining(atMost: 5) == 0)
      #expect(Deadline(nanoseconds: 1).remaining == 0)
      #expect(Deadline.within(.seconds(3600)).remaining(atMost: 5) == 5)
      #expect(Deadline.now.hasPassed && Deadline(nanoseconds: 1).hasPassed)
      #expect(!Deadline.never.hasPassed && Deadline.never.isNever && Deadline.now.isNow)
    }
  }
}
