import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// The kernel objects of an entry: which are its, and which go.
  @Suite struct RegistryObjectTests {
    let directory: TestRuntimeDirectory

    init() throws { directory = try TestRuntimeDirectory() }

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
        let rules = RegistryRules()
        // No process receives: a sender doesn't take a dead one for a receiver.
        #expect(rules.sending("jobs").code == .noReceiver)
        #expect(try Segment.shmctl(status: segment).bytes == 4096)
        let (entry, liveness) = try rules.join("jobs")
        #expect(throws: SystemError.self) { try Segment.shmctl(status: segment) }
        #expect(rules.created == 1)
        #expect(entry.ids["number"] == "1")
        let now = try Files.readText(directory.path(of: "memory.jobs"))
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
        let (_, liveness) = try RegistryRules().join("jobs")
        liveness.leave {}
        #expect((try? Segment.shmctl(status: segment)) != nil, "\(what)")
        #expect((try? MessageQueues.msgctl(status: queue)) != nil, "\(what)")
        #expect(directory.names() == [])
      }
    }

    @Test("a living channel whose objects are gone, or another's by now, isn't joined")
    func removedObjects() throws {
      var receiver = try ByteReceiver(at: "queue:jobs")
      let text = try Files.readText(directory.path(of: "queue.jobs"))
      let mine = try #require(RegistryRecord(text))
      let queue = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: queue) }
      let stranger = text.replacing("\nqueue \(mine.ids["queue"] ?? "")\n", with: "\nqueue \(queue)\n")
      for other in [stranger, text.replacing("\nqueue ", with: "\nqueue 9")] {
        try directory.rewrite(other, "queue.jobs")
        #expect(
          code { () throws(ChannelError) in _ = try ByteSender(to: "queue:jobs", within: .zero) } == .removed)
        #expect(code { () throws(ChannelError) in _ = try ByteReceiver(at: "queue:jobs") } == .removed)
      }
      #expect(try MessageQueues.msgctl(status: queue).messages == 0)
      try directory.rewrite(text, "queue.jobs")
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
      let path = directory.path(of: "anonymous.5")
      let busy = try Files.open(path, .write, create: true)
      #expect(try Files.flock(busy, wait: false))
      Leftovers.remove()
      try Files.unlink(path)
      for name in directory.names() where !used.contains(name) {
        // The FIFOs that `leave` makes beside each.
        #expect(name.hasPrefix(directory.file("anonymous.5")), "\(name)")
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
  }
}
