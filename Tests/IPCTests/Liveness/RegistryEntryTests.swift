import Glibc
import Measurement
import SystemCalls
import TestSupport
import Testing

@testable import IPC

/// A private runtime directory for a test; the variable is restored at the end.
final class TestRuntimeDirectory {
  let path: String
  private let before = Processes.variable("IPC_RUNTIME_DIRECTORY")

  init() throws {
    path = "/tmp/swift-ipc-unit-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try Files.mkdir(path)
    unsafe setenv("IPC_RUNTIME_DIRECTORY", path, 1)
  }

  deinit {
    if let before {
      unsafe setenv("IPC_RUNTIME_DIRECTORY", before, 1)
    } else {
      unsafe unsetenv("IPC_RUNTIME_DIRECTORY")
    }
    for name in names() { try? Files.unlink(path + "/" + name) }
    try? Files.rmdir(path)
  }

  func names() -> [String] { ((try? Files.names(in: path)) ?? []).sorted() }

  /// An entry and its liveness pipes, as killed processes leave them.
  func leave(_ name: String, _ text: String) throws {
    let file = try Files.open(path + "/" + name, .write, create: true)
    try Files.writeText(file, text)
    for side in [".senders", ".receivers"] { try Files.mkfifo(path + "/" + name + side) }
  }
}

extension AllTests {
  @Suite struct RegistryEntryTests {
    let directory: TestRuntimeDirectory

    init() throws { directory = try TestRuntimeDirectory() }

    /// What a mechanism allows, and how often it has created objects.
    final class Rules {
      let manySenders: Bool, manyReceivers: Bool
      private(set) var created = 0

      init(manySenders: Bool = false, manyReceivers: Bool = false) {
        self.manySenders = manySenders
        self.manyReceivers = manyReceivers
      }

      func join(
        _ name: String, _ mechanism: Mechanism = .memory
      ) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
        try RegistryEntry.joinReceiving(mechanism, name, sharesReceiving: manyReceivers, type: nil) {
          self.created += 1
          return ["number": String(self.created)]
        }
      }

      func send(_ name: String) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
        try RegistryEntry.joinSending(.memory, name, sharesSending: manySenders, type: nil, until: .now)
      }
    }

    /// The code with which joining fails; nil if it worked, and then it has left again.
    private func joining(_ name: String, _ rules: Rules) -> (code: ChannelError.Code?, said: String) {
      do throws(ChannelError) {
        try rules.join(name).1.leave {}
        return (nil, "")
      } catch {
        return (error.code, error.description)
      }
    }

    private func sending(_ name: String, _ rules: Rules) -> (code: ChannelError.Code?, said: String) {
      do throws(ChannelError) {
        try rules.send(name).1.leave {}
        return (nil, "")
      } catch {
        return (error.code, error.description)
      }
    }

    @Test(
      "invalid names are refused before anything is created",
      arguments: [
        "", ".", "..", ".hidden", "a/b", "../x", "a b", "a\u{0}b", "grün", "a\n", "*", "~", "a:b",
        String(repeating: "x", count: 101),
      ])
    func invalidNames(name: String) {
      let rules = Rules()
      #expect(joining(name, rules).code == .invalidAddress)
      #expect(sending(name, rules).code == .invalidAddress)
      #expect(joining(name, rules).said.contains("memory:jobs"))
      #expect(rules.created == 0)
      #expect(directory.names() == [])
    }

    @Test(
      "valid names are accepted", arguments: ["a", "A-b_c.9", "a..b", String(repeating: "x", count: 100)])
    func validNames(name: String) throws {
      let rules = Rules()
      let (entry, liveness) = try rules.join(name, .queue)
      #expect(entry.ids == ["number": "1"])
      #expect(directory.names() == ["queue." + name, "queue.\(name).receivers", "queue.\(name).senders"])
      for file in directory.names() { #expect(try Files.stat(directory.path + "/" + file).mode == 0o600) }
      var removed = 0
      liveness.leave { removed += 1 }
      #expect(removed == 1)
      #expect(directory.names() == [])
    }

    @Test(
      "a name that another name's liveness pipe uses is refused",
      arguments: ["jobs.senders", "jobs.receivers"])
    func clashingNames(name: String) async {
      // In a separate process: the alarm ends it if it waits forever.
      await #expect(processExitsWith: .success) { [name = name as String] in
        alarm(30)
        var first = try ByteReceiver(at: "memory:jobs")
        let found = code { () throws(ChannelError) in _ = try ByteReceiver(at: "memory:\(name)") }
        first.close()
        exit(found == .invalidAddress ? 0 : 1)
      }
    }

    @Test("an entry of dead processes is removed and created again")
    func staleEntry() throws {
      let segment = try Segment(shmget: 4096).id
      defer { try? Segment.shmctl(remove: segment) }
      try directory.leave("memory.jobs", "swift-ipc 1\nrun abc\nsegment \(segment)\nother x y\n")
      let rules = Rules()
      // No process receives: a sender doesn't take a dead one for a receiver.
      #expect(sending("jobs", rules).code == .noReceiver)
      #expect(try Segment.shmctl(status: segment).bytes == 4096)
      let (entry, liveness) = try rules.join("jobs")
      #expect(throws: SystemError.self) { try Segment.shmctl(status: segment) }
      #expect(rules.created == 1)
      #expect(entry.ids == ["number": "1"])
      let text = try Files.readText(directory.path + "/memory.jobs")
      #expect(text.hasPrefix("swift-ipc 2\nrun ") && !text.contains("abc") && text.hasSuffix("number 1\n"))
      liveness.leave {}
      #expect(directory.names() == [])
    }

    @Test(
      "a file that is no entry is overwritten",
      arguments: ["", "rubbish", "swift-ipc 2\nrun x\n", "swift-ipc 1\n"])
    func unreadableEntry(text: String) throws {
      try directory.leave("memory.jobs", text)
      let rules = Rules()
      #expect(sending("jobs", rules).code == .noReceiver)
      let (_, liveness) = try rules.join("jobs")
      #expect(rules.created == 1)
      liveness.leave {}
    }

    @Test(
      "joining living processes works or is refused as the mechanism says; the last to leave removes the name",
      arguments: [true, false])
    func livingOwners(many: Bool) throws {
      let rules = Rules(manySenders: many, manyReceivers: many)
      let (first, receiver) = try rules.join("jobs")
      let (second, sender) = try rules.send("jobs")
      #expect(first.ids == second.ids)
      #expect(joining("jobs", rules).code == (many ? nil : .busy))
      #expect(sending("jobs", rules).code == (many ? nil : .busy))
      #expect(rules.created == 1)
      var removed = 0
      receiver.leave { removed += 1 }
      #expect(removed == 0 && directory.names().count == 3)
      #expect(sending("jobs", rules).code == .noReceiver)
      sender.leave { removed += 1 }
      sender.leave { removed += 1 }
      #expect(removed == 1 && directory.names() == [])
    }

    // MARK: Types and versions

    private static let job = MessageType(coding: "test", size: 8, name: "Job")
    private static let page = MessageType(coding: "test", size: 8, name: "Page")

    /// What joins of this type find; nil: each worked, and has left again.
    private func joiners(_ type: MessageType?) -> [(code: ChannelError.Code, said: String)?] {
      func found(
        _ join: () throws(ChannelError) -> (RegistryEntry, LivenessPipe)
      ) -> (code: ChannelError.Code, said: String)? {
        do throws(ChannelError) {
          try join().1.leave {}
          return nil
        } catch {
          return (error.code, error.message)
        }
      }
      return [
        found { () throws(ChannelError) in
          try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: type) { [:] }
        },
        found { () throws(ChannelError) in
          try RegistryEntry.joinSending(.memory, "jobs", sharesSending: true, type: type, until: .now)
        },
      ]
    }

    private func rewrite(_ text: String) throws {
      let file = try Files.open(directory.path + "/memory.jobs", .readWrite)
      try Files.ftruncate(file)
      try Files.writeText(file, text)
    }

    @Test("a joiner of another type is refused, and the others aren't disturbed")
    func anotherType() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: Self.job)
      {
        ["number": "1"]
      }
      let text = try Files.readText(directory.path + "/memory.jobs")
      #expect(text.contains("\ntype \(String(Self.job.fingerprint, radix: 16)) Job\n"))
      for found in joiners(Self.page) {
        #expect(found?.code == .typeMismatch)
        #expect(found?.said.contains("Job") == true && found?.said.contains("Page") == true)
      }
      for found in joiners(Self.job) + joiners(nil) { #expect(found == nil) }
      #expect(try Files.readText(directory.path + "/memory.jobs") == text)
      #expect(!first.hasNoReceiver)
      first.leave {}
      #expect(directory.names() == [])
    }

    @Test("the first receiver with a type decides for those that follow; a sender doesn't")
    func untypedEntryGetsAType() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        ["number": "1"]
      }
      let text = try Files.readText(directory.path + "/memory.jobs")
      #expect(!text.contains("type"))
      let (_, sender) = try RegistryEntry.joinSending(
        .memory, "jobs", sharesSending: true, type: Self.job, until: .now)
      #expect(try Files.readText(directory.path + "/memory.jobs") == text)
      let (_, receiver) = try RegistryEntry.joinReceiving(
        .memory, "jobs", sharesReceiving: true, type: Self.page
      ) { [:] }
      #expect(try Files.readText(directory.path + "/memory.jobs") == text + "type \(Self.page.text)\n")
      for found in joiners(Self.job) { #expect(found?.code == .typeMismatch) }
      for found in joiners(Self.page) + joiners(nil) { #expect(found == nil) }
      #expect(try Files.readText(directory.path + "/memory.jobs") == text + "type \(Self.page.text)\n")
      for liveness in [sender, receiver, first] { liveness.leave {} }
      #expect(directory.names() == [])
    }

    /// A mechanism whose endpoints can't be made.
    private enum Failing: KernelObjectMechanism {
      static var mechanism: Mechanism { .memory }
      static var traits: MechanismTraits { mechanism.traits }
      static func create(_ options: ChannelOptions) throws(ChannelError) -> [String: String] {
        ["number": "1"]
      }
      static func sender(
        _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
      ) throws(ChannelError) -> any SenderTransport { throw .noReceiver(mechanism, "sender") }
      static func receiver(
        _ ids: KernelObjectIDs, _ liveness: LivenessPipe, _ options: ChannelOptions
      ) throws(ChannelError) -> any ReceiverTransport { throw .noReceiver(mechanism, "receiver") }
      static func limits() -> [MechanismLimit] { [] }
    }

    @Test("an endpoint that can't be made leaves no name")
    func failedEndpoint() throws {
      let address = try Address("memory:jobs")
      #expect(code { () throws(ChannelError) in _ = try Failing.openReceiver(address) } == .noReceiver)
      #expect(directory.names() == [])
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        ["number": "1"]
      }
      for _ in 0..<2 {
        #expect(
          code { () throws(ChannelError) in _ = try Failing.openSender(address, until: .now) } == .noReceiver)
      }
      // The one that is there stays.
      #expect(!first.hasNoReceiver && directory.names() != [])
      first.leave {}
      #expect(directory.names() == [])
    }

    @Test("an entry without a type fits any")
    func untypedEntry() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        ["number": "1"]
      }
      #expect(try !Files.readText(directory.path + "/memory.jobs").contains("type"))
      for found in joiners(nil) + joiners(Self.page) + joiners(nil) { #expect(found == nil) }
      first.leave {}
    }

    @Test("a living entry of another version is refused, with both versions", arguments: [1, 3, 0, 77])
    func anotherVersion(version: Int) throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        ["number": "1"]
      }
      let text = try Files.readText(directory.path + "/memory.jobs")
      for other in [
        text.replacing("swift-ipc 2", with: "swift-ipc \(version)"), "swift-ipc \(version)\nother\n",
      ] {
        try rewrite(other)
        for found in joiners(Self.job) + joiners(nil) {
          #expect(found?.code == .versionMismatch)
          #expect(
            found?.said.contains("version 2") == true && found?.said.contains("version \(version)") == true)
        }
        #expect(try Files.readText(directory.path + "/memory.jobs") == other)
      }
      try rewrite(text)
      first.leave {}
      #expect(directory.names() == [])
    }

    @Test("a type that is garbage is an error, never a crash")
    func garbageTypes() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        ["number": "1"]
      }
      let text = try Files.readText(directory.path + "/memory.jobs")
      for line in [
        "type", "type ", "type 12", "type 12 ", "type x Job", "type 123456789abcdef01 Job", "type -1",
        "type \u{301}", "type  1 Job",
      ] {
        try rewrite(text + line + "\n")
        for found in joiners(Self.job) + joiners(nil) { #expect(found?.code == .typeMismatch, "\(line)") }
      }
      var random = SeededRandom.printed()
      for _ in 0..<200 {
        try rewrite(text + "type " + String(decoding: random.bytes(0...60), as: UTF8.self) + "\n")
        for found in joiners(Self.job) { #expect([nil, .typeMismatch].contains(found?.code)) }
      }
      try rewrite(text)
      first.leave {}
    }

    @Test(
      "a failed creation leaves no file",
      arguments: [
        "semaphore:jobs?capacity=1G", "memory:jobs?capacity=1000000G", "queue:jobs?capacity=2147483647",
      ])
    func failedCreation(address: String) {
      #expect(code { () throws(ChannelError) in _ = try ByteReceiver(at: address) } != nil)
      #expect(directory.names() == [])
    }

    @Test("a directory that other users can enter, or a file in its place, isn't used")
    func unsafeDirectories() throws {
      let place = directory.path + "/place"
      let rules = Rules()
      unsafe setenv("IPC_RUNTIME_DIRECTORY", place, 1)
      #expect(joining("jobs", rules).code == nil, "it is made where there is none")
      #expect(try Files.stat(place).mode == 0o700)
      unsafe chmod(place, 0o750)
      #expect(joining("jobs", rules).code == .notAllowed)
      #expect(joining("jobs", rules).said.contains(place))
      try Files.rmdir(place)
      unsafe symlink(directory.path, place)
      #expect(joining("jobs", rules).code == .notAllowed)
      try Files.unlink(place)
      _ = try Files.open(place, .write, create: true)
      #expect(joining("jobs", rules).code == .notAllowed)
    }

    @Test("an entry that is a symbolic link isn't followed")
    func linkedEntry() throws {
      unsafe symlink("/tmp/nowhere-\(getpid())", directory.path + "/queue.jobs")
      #expect(code { () throws(ChannelError) in _ = try ByteReceiver(at: "queue:jobs") } == .system)
      #expect((try? Files.stat("/tmp/nowhere-\(getpid())")) == nil)
    }

    @Test("the next receiver removes the kernel objects of a stale name")
    func staleObjects() throws {
      let segment = try Segment(shmget: 4096).id
      defer { try? Segment.shmctl(remove: segment) }
      try directory.leave("memory.jobs", "swift-ipc 1\nrun abc\nsegment \(segment)\n")
      do {
        var receiver = try ByteReceiver(at: "memory:jobs")
        var sender = try ByteSender(to: "memory:jobs", within: .zero)
        try sender.send("hello")
        #expect(try receiver.receive(String.self) == "hello")
      }
      #expect(throws: SystemError.self) { _ = try Segment.shmctl(status: segment) }
      #expect(directory.names() == [])
    }
  }
}
