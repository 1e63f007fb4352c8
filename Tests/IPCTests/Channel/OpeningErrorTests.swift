import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// Addresses that read well and can't be opened: the error says what is wrong, and what to do.
  @Suite(.guarded) struct OpeningErrorTests {
    struct Case: CustomTestStringConvertible, Sendable {
      let address: String
      let says: String
      var testDescription: String { address }
    }

    static let places = [
      Case(address: "tcp:", says: "host and port are missing: write tcp:localhost:7000"),
      Case(address: "tcp:host", says: "the port is missing: write tcp:host:7000"),
      Case(address: "tcp:5000", says: "the host is missing: write tcp:localhost:5000"),
      Case(address: "tcp:65536", says: "the port 65536 is out of range"),
      Case(address: "tcp:localhost:", says: "the port is missing"),
      Case(address: "tcp::80", says: "the host is missing: write tcp:localhost:80"),
      Case(address: "tcp:127.0.0.1:abc", says: "the port \"abc\" isn't a number"),
      Case(address: "tcp:127.0.0.1:+80", says: "the port \"+80\" isn't a number"),
      Case(address: "tcp:127.0.0.1:-1", says: "the port \"-1\" isn't a number"),
      Case(address: "tcp:127.0.0.1:８０", says: "isn't a number"),
      Case(
        address: "tcp:127.0.0.1:65536", says: "the port 65536 is out of range: choose one from 0 to 65535"),
      Case(address: "tcp:127.0.0.1:99999", says: "the port 99999 is out of range"),
      Case(address: "tcp:127.0.0.1:99999999999999999999", says: "99999999999999999999 is out of range"),
      Case(address: "tcp:[::1]", says: "the port is missing: write tcp:[::1]:7000"),
      Case(address: "tcp:[::1", says: "the bracket isn't closed"),
      Case(address: "tcp:[::1]:99999", says: "the port 99999 is out of range"),
      Case(address: "tcp:[]:80", says: "the host is missing"),
      Case(address: "tcp:[::1]x:80", says: "expected one host and one port"),
      Case(address: "tcp:::1:80", says: "an IPv6 address in brackets"),
      Case(address: "tcp:localhost\u{0}x:80", says: "zero byte"),
      Case(address: "tcp:no host:80", says: "\"no host\" has no known address"),
    ]

    @Test("a host and a port that make no place are named", arguments: places)
    func wrongPlace(_ wrong: Case) throws {
      Watchdog.at(wrong.address)
      try Self.expectBoth(wrong.address, [.invalidAddress], wrong.says)
    }

    /// IPv6's, where this machine has it.
    static let hosts: [String] =
      ["127.0.0.1", "localhost"]
      + (((try? Files.readText("/proc/net/if_inet6")) ?? "").isEmpty ? [] : ["[::1]"])

    @Test("a host is a name, an IPv4 address, or an IPv6 address in brackets", arguments: hosts)
    func knownHost(_ host: String) throws {
      Watchdog.at(host)
      let address = "tcp:\(host):\(try Workspace.port())"
      var receiver = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address)
      try sender.close()
      receiver.close()
    }

    @Test("an address of another machine is no place to receive at")
    func foreignHost() throws {
      // One of those for documentation (RFC 5737).
      do throws(ChannelError) {
        _ = try ByteReceiver(at: "tcp:192.0.2.1:5000")
        Issue.record("it was opened")
      } catch {
        #expect(error.code == .system && error.errno == EADDRNOTAVAIL)
        #expect(error.message.hasPrefix("192.0.2.1 isn't an address of this machine: "), "\(error)")
        #expect(error.message.contains("0.0.0.0"))
      }
    }

    @Test(
      "a sender that has waited in vain is told how to wait longer", arguments: ["queue", "memory", "tcp"])
    func noReceiver(_ mechanism: String) throws {
      let place = mechanism == "tcp" ? "localhost:\(try Workspace.port())" : Workspace.name()
      do throws(ChannelError) {
        _ = try ByteSender(to: "\(mechanism):\(place)", within: .milliseconds(1))
        Issue.record("it was opened")
      } catch {
        #expect(error.code == .noReceiver)
        #expect(error.message.contains("Sender(to:within:)"), "\(error)")
      }
    }

    @Test("a pipe with a name is told the mechanism that has names")
    func namedPipe() throws {
      try Self.expectBoth("pipe:", [.notSupported], "or write fifo:/path")
      try Self.expectBoth("pipe:/tmp/jobs", [.notSupported], "or write fifo:/tmp/jobs")
    }

    /// The mechanisms whose names are paths.
    static let paths = (Mechanism.all + Mechanism.variants).filter {
      $0.traits.addressForm.contains(":/") && $0.traits.named
    }

    @Test("a folder that isn't there is named", arguments: paths)
    func missingFolder(_ mechanism: Mechanism) throws {
      Watchdog.at(mechanism.name)
      let folder = Workspace.path()
      for (path, missing) in [("\(folder)/jobs", folder), ("\(folder)/a/b/jobs", "\(folder)/a/b")] {
        try Self.expectBoth(
          "\(mechanism.name):\(path)", [.system, .noReceiver],
          "the folder \(missing) isn't there: make it first")
      }
      // A sender may come before the folder: it waits for it, as for a receiver.
      #expect((try? Files.stat(folder)) == nil)
    }

    @Test(
      "several senders or receivers are refused where the mechanism has one",
      arguments: Mechanism.all + Mechanism.variants)
    func oneSenderOnly(_ mechanism: Mechanism) {
      for (option, isPossible) in [
        ("senders", mechanism.traits.manySenders), ("receivers", mechanism.traits.manyReceivers),
      ] where !isPossible {
        let address = "\(mechanism.name):x?\(option)=many"
        for opensReceiver in [true, false] {
          do throws(ChannelError) {
            if opensReceiver {
              _ = try ByteReceiver(at: address)
            } else {
              _ = try ByteSender(to: address, within: .milliseconds(1))
            }
            Issue.record("\(address) was opened")
          } catch {
            #expect(error.code == .invalidAddress, "\(error)")
            #expect(error.message.contains("leave \(option)=many out"), "\(error)")
          }
        }
      }
    }

    @Test("the constants have the names of addresses")
    func constants() throws {
      let constants: [Mechanism] = [
        .pipe, .fifo, .queue, .semaphore, .memory, .unix, .tcp, .posixQueue, .posixSemaphore, .eventfd,
        .signal, .popen,
        .memfd,
      ]
      #expect(constants == Mechanism.all + Mechanism.variants)
      for mechanism in constants { #expect(try Mechanism(named: mechanism.name) == mechanism) }
    }

    @Test("a file on the way to a path is named", arguments: paths)
    func fileAsFolder(_ mechanism: Mechanism) throws {
      Watchdog.at(mechanism.name)
      let file = Workspace.path()
      do { _ = try Files.open(file, .write, create: true) }
      defer { try? Files.unlink(file) }
      try Self.expectBoth("\(mechanism.name):\(file)/jobs", [.system], "\(file) isn't a folder")
    }

    @Test("a path that is too long is told with its length", arguments: paths)
    func longPath(_ mechanism: Mechanism) throws {
      Watchdog.at(mechanism.name)
      let long = Workspace.path() + String(repeating: "x", count: 200)
      let address = "\(mechanism.name):\(long)"
      if mechanism == .fifo {
        // A FIFO has no other limit than a file.
        var receiver = try ByteReceiver(at: address)
        receiver.close()
      } else {
        let sentence = "the path has \(long.utf8.count) bytes, and a socket's path at most 107"
        try Self.expectBoth(address, [.system], sentence)
      }
      let longer = Workspace.path() + String(repeating: "x", count: 5000)
      try Self.expectBoth("\(mechanism.name):\(longer)", [.system], "use a shorter one")
    }

    @Test("a folder that this user may not use is named", OwnerOnly.canBeOther, arguments: paths)
    func forbiddenFolder(_ mechanism: Mechanism) throws {
      Watchdog.at(mechanism.name)
      // The other user may enter the run's directory, but not the folder of files in it.
      let path = Workspace.path()
      let folder = Workspace.directory + "/files"
      unsafe chmod(Workspace.directory, 0o711)
      defer { unsafe chmod(Workspace.directory, 0o700) }
      for role in ["receiver", "sender"] {
        let answer = try OwnerOnly.asOther(Workspace.directory, "open \(role) \(mechanism.name):\(path)")
        #expect(answer.hasPrefix("error notAllowed"), "\(role): \(answer)")
        #expect(answer.contains("this user may not use the folder \(folder)"), "\(role): \(answer)")
      }
    }

    /// Both a receiver and a sender at the address fail, with one of these codes and this in the sentence.
    private static func expectBoth(
      _ address: String, _ codes: [ChannelError.Code], _ says: String
    ) throws {
      for opensReceiver in [true, false] {
        do throws(ChannelError) {
          if opensReceiver {
            _ = try ByteReceiver(at: address)
          } else {
            _ = try ByteSender(to: address, within: .milliseconds(20))
          }
          Issue.record("\(address) was opened")
        } catch {
          #expect(codes.contains(error.code), "\(error)")
          #expect(error.message.contains(says), "\(error)")
          #expect(!error.message.contains("\n"))
        }
      }
    }
  }
}
