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
    let name = file(name)
    let file = try Files.open(path + "/" + name, .write, create: true)
    try Files.writeText(file, text)
    for side in [".senders", ".receivers"] { try Files.mkfifo(path + "/" + name + side) }
  }
}

/// An entry's file, with the number of an IPC namespace that isn't the machine's own.
private func file(_ name: String) -> String { name + (IPCNamespace.current.map { "@\($0)" } ?? "") }

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
        try RegistryEntry.joinReceiving(mechanism, name, sharesReceiving: manyReceivers, type: nil) { _ in
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
      #expect(entry.ids["number"] == "1")
      let path = file("queue." + name)
      #expect(directory.names() == [path, path + ".receivers", path + ".senders"])
      for name in directory.names() { #expect(try Files.stat(directory.path + "/" + name).mode == 0o600) }
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

    /// A segment with a key, and the lines of an entry that records it.
    private func recordedSegment() throws -> (id: Int32, record: RegistryRecord) {
      let key = SystemVObject.newKey()
      let id = try Segment(shmget: 4096, creating: key).id
      return (
        id,
        RegistryRecord(
          run: "abc", ids: KernelObjects.stamped(["segment": String(id), "key": String(key), "other": "x y"]))
      )
    }

    @Test("an entry of dead processes is removed and created again, whatever its version")
    func staleEntry() throws {
      for version in [1, 2] {
        let (segment, record) = try recordedSegment()
        defer { try? Segment.shmctl(remove: segment) }
        let text = record.text(nil).replacing("swift-ipc 2", with: "swift-ipc \(version)")
        try directory.leave("memory.jobs", text)
        let rules = Rules()
        // No process receives: a sender doesn't take a dead one for a receiver.
        #expect(sending("jobs", rules).code == .noReceiver)
        #expect(try Segment.shmctl(status: segment).bytes == 4096)
        let (entry, liveness) = try rules.join("jobs")
        #expect(throws: SystemError.self) { try Segment.shmctl(status: segment) }
        #expect(rules.created == 1)
        #expect(entry.ids["number"] == "1")
        let now = try Files.readText(directory.path + "/" + file("memory.jobs"))
        #expect(now.hasPrefix("swift-ipc 2\nrun ") && !now.contains("abc") && now.hasSuffix("number 1\n"))
        liveness.leave {}
        #expect(directory.names() == [])
      }
    }

    @Test("objects that an entry doesn't prove to be the channel's are never touched")
    func objectsOfOthers() throws {
      let (segment, record) = try recordedSegment()
      defer { try? Segment.shmctl(remove: segment) }
      let queue = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: queue) }
      let text = record.text(nil)
      let made = try #require(record.ids["segment-made"])
      let key = try #require(record.ids["key"])
      for (what, other) in [
        ("another key", text.replacing("key \(key)", with: "key 1")),
        ("no key", text.replacing("key \(key)\n", with: "")),
        ("another time", text.replacing("segment-made \(made)", with: "segment-made 1")),
        ("another boot", text.replacing("boot ", with: "boot 0")),
        ("another namespace", text.replacing("namespace ", with: "namespace 1")),
        ("no boot", "swift-ipc 2\nrun abc\nsegment \(segment)\nqueue \(queue)\n"),
        ("an object without a key", text.replacing("segment \(segment)", with: "segment 0\nqueue \(queue)")),
      ] {
        try directory.leave("memory.jobs", other)
        let (_, liveness) = try Rules().join("jobs")
        liveness.leave {}
        #expect((try? Segment.shmctl(status: segment)) != nil, "\(what)")
        #expect((try? MessageQueues.msgctl(status: queue)) != nil, "\(what)")
        #expect(directory.names() == [])
      }
    }

    @Test("a living channel whose objects are gone, or another's by now, isn't joined")
    func removedObjects() throws {
      var receiver = try ByteReceiver(at: "queue:jobs")
      let text = try Files.readText(directory.path + "/" + file("queue.jobs"))
      let mine = try #require(RegistryRecord(text))
      let queue = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: queue) }
      let stranger = text.replacing("\nqueue \(mine.ids["queue"] ?? "")\n", with: "\nqueue \(queue)\n")
      for other in [stranger, text.replacing("\nqueue ", with: "\nqueue 9")] {
        try rewrite(other, "queue.jobs")
        #expect(
          code { () throws(ChannelError) in _ = try ByteSender(to: "queue:jobs", within: .zero) } == .removed)
        #expect(code { () throws(ChannelError) in _ = try ByteReceiver(at: "queue:jobs") } == .removed)
      }
      #expect(try MessageQueues.msgctl(status: queue).messages == 0)
      try rewrite(text, "queue.jobs")
      receiver.close()
      #expect(directory.names() == [])
    }

    @Test("objects that were made and not yet recorded are found by their key")
    func unrecordedObjects() throws {
      let key = SystemVObject.newKey()
      let queue = try MessageQueues.msgget(creating: key)
      let set = try Semaphores.semget([1, 1], creating: key)
      try directory.leave("queue.jobs", RegistryRecord(run: "abc", ids: ["key": String(key)]).text(nil))
      var receiver = try ByteReceiver(at: "queue:jobs")
      receiver.close()
      #expect(throws: SystemError.self) { _ = try MessageQueues.msgctl(status: queue) }
      #expect(throws: SystemError.self) { _ = try Semaphores.semctl(status: set) }
      #expect(directory.names() == [])
    }

    @Test("what no process uses is removed, and what one uses, or may, isn't")
    func leftovers() throws {
      // Without a name, while two endpoints are open.
      var channel = try ByteChannel(over: .queue)
      var tokens = try ByteChannel(over: .semaphore, options: Self.tokenOptions)
      var named = try ByteReceiver(at: "semaphore:jobs")
      let used = directory.names()
      #expect(used.count == 5)
      // As kills leave them: a channel without a name, one with, one that wasn't recorded yet, one of an earlier boot.
      let (segment, record) = try recordedSegment()
      try directory.leave("anonymous.1", record.text(nil))
      let (second, other) = try recordedSegment()
      try directory.leave("memory.dead", other.text(nil))
      let key = SystemVObject.newKey()
      let queue = try MessageQueues.msgget(creating: key)
      try directory.leave("anonymous.2", RegistryRecord(run: "abc", ids: ["key": String(key)]).text(nil))
      let (third, early) = try recordedSegment()
      defer { try? Segment.shmctl(remove: third) }
      try directory.leave("anonymous.3", early.text(nil).replacing("boot ", with: "boot 0"))
      try directory.leave("anonymous.4", "")
      // Another process is making one just now.
      let path = directory.path + "/" + file("anonymous.5")
      let busy = try Files.open(path, .write, create: true)
      #expect(try Files.flock(busy, wait: false))
      Leftovers.remove()
      try Files.unlink(path)
      for name in directory.names() where !used.contains(name) {
        // The FIFOs that `leave` makes beside each.
        #expect(name.hasPrefix(file("anonymous.5")), "\(name)")
      }
      #expect(used.allSatisfy { directory.names().contains($0) })
      #expect(throws: SystemError.self) { _ = try Segment.shmctl(status: segment) }
      #expect(throws: SystemError.self) { _ = try Segment.shmctl(status: second) }
      #expect(throws: SystemError.self) { _ = try MessageQueues.msgctl(status: queue) }
      #expect((try? Segment.shmctl(status: third)) != nil)
      try channel.sender.send("hello")
      #expect(try channel.receiver.receive(String.self) == "hello")
      try tokens.sender.send([UInt8]())
      #expect(try tokens.receiver.receive { $0.count } == 0)
      named.close()
      try channel.sender.close()
      channel.receiver.close()
      try tokens.sender.close()
      tokens.receiver.close()
      #expect(directory.names() == [])
    }

    private static var tokenOptions: ChannelOptions {
      var options = ChannelOptions()
      options.type = .tokens
      return options
    }

    @Test("a process that is stopped while it has the lock makes nobody wait past its deadline")
    func stoppedHolder() throws {
      var receiver = try ByteReceiver(at: "queue:jobs")
      do {
        let held = try Files.open(directory.path + "/" + file("queue.jobs"), .readWrite)
        #expect(try Files.flock(held, wait: false))
        let start = Clock.now()
        #expect(
          code { () throws(ChannelError) in
            _ = try ByteSender(to: "queue:jobs", within: .milliseconds(50))
          } == .busy)
        #expect(
          code { () throws(ChannelError) in _ = try ByteSender(to: "queue:jobs", within: .zero) } == .busy)
        #expect(Clock.now() - start >= 50_000_000)
        #expect(code { () throws(ChannelError) in _ = try ByteReceiver(at: "queue:jobs") } == .busy)
        // Closing waits a moment and leaves the rest to the next user of the name.
        receiver.close()
      }
      #expect(directory.names() != [])
      var next = try ByteReceiver(at: "queue:jobs")
      next.close()
      #expect(directory.names() == [])
    }

    @Test("something else in an entry's place is an error that names it")
    func othersInPlace() throws {
      let path = directory.path + "/" + file("queue.jobs")
      for make in [
        { try Files.mkfifo(path) }, { try Files.mkdir(path) }, { _ = unsafe symlink("/etc/passwd", path) },
      ] {
        try make()
        for found in [
          error { () throws(ChannelError) in _ = try ByteReceiver(at: "queue:jobs") },
          error { () throws(ChannelError) in _ = try ByteSender(to: "queue:jobs", within: .zero) },
        ] {
          #expect(found?.code == .wrongKind)
          #expect(found?.description.contains(path) == true)
        }
        if (try? Files.unlink(path)) == nil { try Files.rmdir(path) }
      }
    }

    private func error(_ body: () throws(ChannelError) -> Void) -> ChannelError? {
      do throws(ChannelError) {
        try body()
        return nil
      } catch {
        return error
      }
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
          try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: type) { _ in [:] }
        },
        found { () throws(ChannelError) in
          try RegistryEntry.joinSending(.memory, "jobs", sharesSending: true, type: type, until: .now)
        },
      ]
    }

    private func rewrite(_ text: String, _ name: String = "memory.jobs") throws {
      let file = try Files.open(directory.path + "/" + file(name), .readWrite)
      try Files.ftruncate(file)
      try Files.writeText(file, text)
    }

    @Test("a joiner of another type is refused, and the others aren't disturbed")
    func anotherType() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: Self.job)
      { _ in
        ["number": "1"]
      }
      let text = try Files.readText(directory.path + "/" + file("memory.jobs"))
      #expect(text.contains("\ntype \(String(Self.job.fingerprint, radix: 16)) Job\n"))
      for found in joiners(Self.page) {
        #expect(found?.code == .typeMismatch)
        #expect(found?.said.contains("Job") == true && found?.said.contains("Page") == true)
      }
      for found in joiners(Self.job) + joiners(nil) { #expect(found == nil) }
      #expect(try Files.readText(directory.path + "/" + file("memory.jobs")) == text)
      #expect(!first.hasNoReceiver)
      first.leave {}
      #expect(directory.names() == [])
    }

    @Test("the first receiver with a type decides for those that follow; a sender doesn't")
    func untypedEntryGetsAType() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        _ in
        ["number": "1"]
      }
      let text = try Files.readText(directory.path + "/" + file("memory.jobs"))
      #expect(!text.contains("type"))
      let (_, sender) = try RegistryEntry.joinSending(
        .memory, "jobs", sharesSending: true, type: Self.job, until: .now)
      #expect(try Files.readText(directory.path + "/" + file("memory.jobs")) == text)
      let (_, receiver) = try RegistryEntry.joinReceiving(
        .memory, "jobs", sharesReceiving: true, type: Self.page
      ) { _ in [:] }
      #expect(
        try Files.readText(directory.path + "/" + file("memory.jobs")) == text + "type \(Self.page.text)\n")
      for found in joiners(Self.job) { #expect(found?.code == .typeMismatch) }
      for found in joiners(Self.page) + joiners(nil) { #expect(found == nil) }
      #expect(
        try Files.readText(directory.path + "/" + file("memory.jobs")) == text + "type \(Self.page.text)\n")
      for liveness in [sender, receiver, first] { liveness.leave {} }
      #expect(directory.names() == [])
    }

    /// A mechanism whose endpoints can't be made.
    private enum Failing: KernelObjectMechanism {
      static var mechanism: Mechanism { .memory }
      static var traits: MechanismTraits { mechanism.traits }
      static func create(_ options: ChannelOptions, _ key: Int32) throws(ChannelError) -> CreatedObjects {
        CreatedObjects(["number": "1"])
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
        _ in
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
        _ in
        ["number": "1"]
      }
      #expect(try !Files.readText(directory.path + "/" + file("memory.jobs")).contains("type"))
      for found in joiners(nil) + joiners(Self.page) + joiners(nil) { #expect(found == nil) }
      first.leave {}
    }

    @Test("a living entry of another version is refused, with both versions", arguments: [1, 3, 0, 77])
    func anotherVersion(version: Int) throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        _ in
        ["number": "1"]
      }
      let text = try Files.readText(directory.path + "/" + file("memory.jobs"))
      for other in [
        text.replacing("swift-ipc 2", with: "swift-ipc \(version)"), "swift-ipc \(version)\nother\n",
      ] {
        try rewrite(other)
        for found in joiners(Self.job) + joiners(nil) {
          #expect(found?.code == .versionMismatch)
          #expect(
            found?.said.contains("version 2") == true && found?.said.contains("version \(version)") == true)
        }
        #expect(try Files.readText(directory.path + "/" + file("memory.jobs")) == other)
      }
      try rewrite(text)
      first.leave {}
      #expect(directory.names() == [])
    }

    @Test("a type that is garbage is an error, never a crash")
    func garbageTypes() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        _ in
        ["number": "1"]
      }
      let text = try Files.readText(directory.path + "/" + file("memory.jobs"))
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

    @Test("the next receiver removes the kernel objects of a stale name")
    func staleObjects() throws {
      let (segment, record) = try recordedSegment()
      defer { try? Segment.shmctl(remove: segment) }
      try directory.leave("memory.jobs", record.text(nil))
      do {
        var receiver = try ByteReceiver(at: "memory:jobs")
        var sender = try ByteSender(to: "memory:jobs", within: .zero)
        try sender.send("hello")
        #expect(try receiver.receive(String.self) == "hello")
      }
      #expect(throws: SystemError.self) { _ = try Segment.shmctl(status: segment) }
      #expect(directory.names() == [])
    }

    @Test("a receiver that finds no other receiver begins anew, and senders of the one before are told")
    func takeover() throws {
      let rules = Rules(manySenders: true)
      let (first, receiver) = try rules.join("jobs")
      let (_, sender) = try rules.send("jobs")
      // As a kill does.
      receiver.releaseToChild()
      let (second, next) = try rules.join("jobs")
      #expect(rules.created == 2 && first.ids != second.ids)
      #expect(sender.hasNoReceiver)
      let (_, other) = try rules.send("jobs")
      #expect(!other.hasNoReceiver)
      // The end of the earlier one leaves the later one alone.
      sender.leave {}
      #expect(directory.names().count == 3 && !other.hasNoReceiver)
      other.leave {}
      next.leave {}
      #expect(directory.names() == [])
    }
  }
}
