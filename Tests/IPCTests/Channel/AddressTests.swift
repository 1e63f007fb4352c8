import Glibc
import Measurement
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  @Suite struct AddressTests {
    @Test("an address has a mechanism, a target, and options")
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
      #expect(address.options.type == .stream)
      #expect(try Address(address.description) == address)
      #expect(address == Address(.unix, "/tmp/a b", options: address.options))
    }

    @Test("an address without options has the defaults", arguments: Mechanism.all)
    func defaults(mechanism: Mechanism) throws {
      for text in ["\(mechanism.name):place", "\(mechanism.name):place?", "\(mechanism.name):place?&&"] {
        let address = try Address(text)
        #expect(address.mechanism == mechanism)
        #expect(address.target == "place")
        #expect(address.options == ChannelOptions())
      }
      #expect(try Address("\(mechanism.name):").target == "")
    }

    @Test("each value of each option is read; of an option given twice, the last counts")
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

    @Test("the first colon ends the mechanism, the last question mark begins the options")
    func separators() throws {
      let address = try Address("fifo:/tmp/what?is:this?max=7")
      #expect(address.target == "/tmp/what?is:this")
      #expect(address.options.maximumMessageBytes == 7)
      #expect(try Address("tcp:[::1]:80").target == "[::1]:80")
    }

    @Test(
      "an invalid address is an error that names the invalid part",
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
    func invalidAddresses(text: String, named: String) {
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
      "an unknown mechanism is an error that lists the known ones", arguments: ["", "carrier-pigeon", "FIFO"])
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

    @Test(
      "the mechanism or the option that was probably meant is suggested",
      arguments: [
        ("pipes:", "did you mean pipe?"), ("Pipe:", "did you mean pipe?"),
        ("tpc:host:80", "did you mean tcp?"),
        ("sem:x", "did you mean semaphore?"),
        ("mem:x", "unknown mechanism \"mem\": choose from"),
        ("msgqueue:x", "unknown mechanism \"msgqueue\": choose from"), ("evenfd:", "did you mean eventfd?"),
        ("x:", "unknown mechanism \"x\": choose from"), ("pipe:?Wait=block", "did you mean wait?"),
        ("pipe:?recievers=one", "did you mean receivers?"), ("pipe:?colour=red", "\"colour\": choose from"),
      ])
    func suggestions(text: String, says: String) {
      #expect(sentence { () throws(ChannelError) in try Address(text) }.contains(says))
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
      "a size is a number with K, M or G",
      arguments: [
        ("0", 0), ("64", 64), ("64K", 65536), ("64k", 65536), ("1M", 1 << 20), ("2g", 2 << 30), ("", nil),
        ("K", nil),
        ("1KB", nil), ("1.5K", nil), ("-1", nil), ("1 K", nil), ("0x10", nil),
        ("9223372036854775807", Int.max),
        ("9223372036854775808", nil), ("9223372036854775807K", nil), ("９", nil), ("1é", nil),
      ])
    func sizes(text: String, bytes: Int?) { #expect(ChannelOptions.bytes(text) == bytes) }

    @Test("a size that ends in a letter of any script doesn't crash")
    func sizesInOtherScripts() async {
      // The capital of each of these is two letters. In a separate process: a trap would end this one.
      await #expect(processExitsWith: .success) {
        for letter in ["ß", "ﬁ", "ŉ", "ǰ", "e\u{301}", "👩‍👩‍👧"] {
          guard ChannelOptions.bytes("1" + letter) == nil else { exit(1) }
        }
      }
    }

    @Test("an address with typed options converts to text and back")
    func bothWays() throws {
      var options = ChannelOptions()
      for change: (inout ChannelOptions) -> Void in [
        { _ in }, { $0.wait = .block }, { $0.maximumMessageBytes = 0 }, { $0.capacityBytes = 4096 },
        { $0.senders = .one }, { $0.receivers = .many }, { $0.framing = .frames }, { $0.framing = .line },
        { $0.coalesces = true }, { $0.type = .tokens },
      ] {
        change(&options)
        for target in ["", "jobs", "/tmp/a?b", "/tmp/a?max=1", "a&b=c"] {
          let address = Address(.semaphore, target, options: options)
          #expect(try Address(address.description) == address, "\(address)")
        }
      }
      #expect(Address(.queue, "jobs").description == "queue:jobs")
    }

    @Test("a maximum out of its range is refused wherever a channel is opened", arguments: Mechanism.all)
    func maximumOutOfRange(mechanism: Mechanism) {
      var options = ChannelOptions()
      for maximum in [-1, ChannelOptions.largestMaximum + 1, .max] {
        options.maximumMessageBytes = maximum
        let address = Address(mechanism, "nowhere", options: options)
        let codes = [
          code { () throws(ChannelError) in _ = try ByteChannel(over: mechanism, options: options) },
          code { () throws(ChannelError) in _ = try Channel<Int>(over: mechanism, options: options) },
          code { () throws(ChannelError) in _ = try Receiver<Int>(at: address) },
          code { () throws(ChannelError) in _ = try Sender<Int>(to: address) },
        ]
        #expect(codes == Array(repeating: .invalidAddress, count: codes.count))
      }
      #expect(
        code { () throws(ChannelError) in _ = try Address("\(mechanism):x?max=513M") } == .invalidAddress)
    }

    @Test("options are equal to those read from their parameters")
    func parameters() throws {
      var options = ChannelOptions()
      options.wait = .block
      options.capacityBytes = 4096
      options.senders = .many
      options.framing = .line
      options.coalesces = true
      options.type = .packet
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

    @Test("a mechanism in the file system requires a path")
    func paths() throws {
      #expect(code { () throws(ChannelError) in try Address("fifo:").path() } == .invalidAddress)
      #expect(code { () throws(ChannelError) in try Address("fifo:/tmp/\u{0}x").path() } == .invalidAddress)
      #expect(try Address("fifo:/tmp/x").path() == "/tmp/x")
      #expect(sentence { () throws(ChannelError) in try Address("unix:").path() }.contains("unix:/tmp/jobs"))
    }
  }
}
