import Glibc
import SystemCalls
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
