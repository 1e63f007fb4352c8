import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// How processes join and leave a name.
  @Suite struct RegistryEntryTests {
    let directory: TestRuntimeDirectory

    init() throws { directory = try TestRuntimeDirectory() }

    @Test(
      "invalid names are refused before anything is created",
      arguments: [
        "", ".", "..", ".hidden", "a/b", "../x", "a b", "a\u{0}b", "grün", "a\n", "*", "~", "a:b",
        String(repeating: "x", count: 101),
      ])
    func invalidNames(name: String) {
      let rules = RegistryRules()
      #expect(rules.joining(name).code == .invalidAddress)
      #expect(rules.sending(name).code == .invalidAddress)
      #expect(rules.joining(name).said.contains("memory:jobs"))
      #expect(rules.created == 0)
      #expect(directory.names() == [])
    }

    @Test(
      "valid names are accepted", arguments: ["a", "A-b_c.9", "a..b", String(repeating: "x", count: 100)])
    func validNames(name: String) throws {
      let rules = RegistryRules()
      let (entry, liveness) = try rules.join(name, .queue)
      #expect(entry.ids["number"] == "1")
      let path = directory.file("queue." + name)
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
    @Test("a process that is stopped while it has the lock makes nobody wait past its deadline")
    func stoppedHolder() throws {
      var receiver = try ByteReceiver(at: "queue:jobs")
      do {
        let held = try Files.open(directory.path(of: "queue.jobs"), .readWrite)
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
      let path = directory.path(of: "queue.jobs")
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
      let rules = RegistryRules()
      #expect(rules.sending("jobs").code == .noReceiver)
      let (_, liveness) = try rules.join("jobs")
      #expect(rules.created == 1)
      liveness.leave {}
    }

    @Test(
      "joining living processes works or is refused as the mechanism says; the last to leave removes the name",
      arguments: [true, false])
    func livingOwners(many: Bool) throws {
      let rules = RegistryRules(manySenders: many, manyReceivers: many)
      let (first, receiver) = try rules.join("jobs")
      let (second, sender) = try rules.send("jobs")
      #expect(first.ids == second.ids)
      #expect(rules.joining("jobs").code == (many ? nil : .busy))
      #expect(rules.sending("jobs").code == (many ? nil : .busy))
      #expect(rules.created == 1)
      var removed = 0
      receiver.leave { removed += 1 }
      #expect(removed == 0 && directory.names().count == 3)
      #expect(rules.sending("jobs").code == .noReceiver)
      sender.leave { removed += 1 }
      sender.leave { removed += 1 }
      #expect(removed == 1 && directory.names() == [])
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
      let rules = RegistryRules()
      unsafe setenv("IPC_RUNTIME_DIRECTORY", place, 1)
      #expect(rules.joining("jobs").code == nil, "it is made where there is none")
      #expect(try Files.stat(place).mode == 0o700)
      unsafe chmod(place, 0o750)
      #expect(rules.joining("jobs").code == .notAllowed)
      #expect(rules.joining("jobs").said.contains(place))
      try Files.rmdir(place)
      unsafe symlink(directory.path, place)
      #expect(rules.joining("jobs").code == .notAllowed)
      try Files.unlink(place)
      _ = try Files.open(place, .write, create: true)
      #expect(rules.joining("jobs").code == .notAllowed)
    }
    @Test("a receiver that finds no other receiver begins anew, and senders of the one before are told")
    func takeover() throws {
      let rules = RegistryRules(manySenders: true)
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
