import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// What lies in the registry, as `ipc list` and `ipc clean` see it.
  @Suite struct RegistryItemTests {
    let directory: TestRuntimeDirectory

    init() throws { directory = try TestRuntimeDirectory() }

    private func write(_ name: String, _ text: String) throws {
      try Files.writeText(try Files.open(directory.path + "/" + name, .write, create: true), text)
    }

    @Test("the names of files tell entries from others")
    func names() {
      for (name, mechanism, rest) in [
        ("queue.jobs", "queue", "jobs"), ("posix-queue.a.b", "posix-queue", "a.b"),
        ("anonymous.17", "anonymous", "17"), ("memory.x@12", "memory", "x"),
      ] {
        let parts = RegistryDirectory.parts(name)
        #expect(parts?.mechanism == mechanism && parts?.name == rest, "\(name)")
      }
      for name in ["", "queue", "queue.", "notes.txt", "anonymous.x", "queue.a@b", "queue.a@1@2", ".queue"] {
        #expect(RegistryDirectory.parts(name) == nil, "\(name)")
      }
    }

    @Test("a user's files in a directory that becomes the registry's are never removed")
    func filesOfOthers() throws {
      let kept = [
        "notes", "memory.txt", directory.file("queue.letter"), "swift-ipc.txt", directory.file("anonymous.x"),
      ]
      for name in kept { try write(name, "dear reader\n") }
      try write("notes.txt", "swift-ipc 2\nrun a\n")
      try write(directory.file("queue.torn"), "")
      #expect(Leftovers.remove().map(\.path) == [directory.path(of: "queue.torn")])
      #expect(directory.names() == (kept + ["notes.txt"]).sorted())
      for item in try RegistryItem.all() { #expect(item.state == .notOurs || !item.name.contains("letter")) }
    }

    @Test("FIFOs whose entry is gone are removed, unless a process holds one")
    func orphans() throws {
      let path = directory.path(of: "queue.jobs")
      try Files.mkfifo(path + ".senders")
      try Files.mkfifo(path + ".receivers")
      do {
        let reading = try Files.open(path + ".senders", .read, nonblocking: true)
        let writing = try Files.open(path + ".senders", .write, nonblocking: true)
        #expect(try RegistryItem.all().map(\.state) == [.used])
        Leftovers.remove()
        #expect((try? Files.stat(path + ".senders")) != nil)
        withExtendedLifetime(reading) {}
        withExtendedLifetime(writing) {}
      }
      let item = try #require(try RegistryItem.all().first)
      #expect(item.state == .unused && item.name == "queue:jobs")
      #expect(try Leftovers.remove(item, dryRun: true) != nil)
      #expect(directory.names().contains(directory.file("queue.jobs") + ".senders"))
      #expect(try Leftovers.remove(item, dryRun: false) != nil)
      #expect(directory.names() == [])
      #expect(try Leftovers.remove(item, dryRun: false) == nil)
    }

    @Test("a directory that isn't this user's alone isn't read, and nothing is removed from it")
    func sharedDirectory() throws {
      try write(directory.file("queue.torn"), "")
      unsafe chmod(directory.path, 0o777)
      #expect(Leftovers.remove().isEmpty)
      #expect(directory.names() == [directory.file("queue.torn")])
      var found: ChannelError.Code?
      do throws(ChannelError) { _ = try RegistryItem.all() } catch { found = error.code }
      #expect(found == .notAllowed)
      unsafe chmod(directory.path, 0o700)
    }

    @Test("an entry of another IPC namespace is kept, and one of an earlier boot removed")
    func otherNamespace() throws {
      let here = RegistryRecord(run: "abc", ids: ["queue": "0"]).text(nil)
      let there = here.split(separator: "\n").map { $0.hasPrefix("namespace ") ? "namespace 1" : String($0) }
      try write("queue.jobs@1", there.joined(separator: "\n") + "\n")
      #expect(try RegistryItem.all().map(\.state) == [.ofOtherNamespace])
      #expect(Leftovers.remove().isEmpty)
      #expect(directory.names() == ["queue.jobs@1"])
      try Files.unlink(directory.path + "/queue.jobs@1")
      try write("queue.jobs@1", here.replacing("boot ", with: "boot 0"))
      #expect(try RegistryItem.all().first?.remarks.contains("of an earlier boot") == true)
      #expect(Leftovers.remove().count == 1)
      #expect(directory.names() == [])
    }

    @Test("a cleaner that is killed leaves what the next one removes")
    func killedCleaner() async throws {
      for step in 0..<20 {
        let key = SystemVObject.newKey()
        let segment = try Segment(shmget: 4096, creating: key).id
        let ids = KernelObjects.stamped(["segment": String(segment), "key": String(key)])
        try directory.leave("memory.jobs", RegistryRecord(run: "abc", ids: ids).text(nil))
        await #expect(processExitsWith: .signal(SIGKILL)) { [step = step as Int] in
          alarm(60)
          let instant = Clock.now() + UInt64(step) * 20_000
          try Threads.start(name: "killer") {
            while Clock.now() < instant {}
            kill(getpid(), SIGKILL)
          }
          Leftovers.remove()
          while true { pause() }
        }
        Leftovers.remove()
        #expect(directory.names() == [], "killed at step \(step)")
        #expect((try? Segment.shmctl(status: segment)) == nil, "killed at step \(step)")
      }
    }

    @Test("a channel's objects are listed once each")
    func objects() throws {
      var receiver = try ByteReceiver(at: "queue:jobs")
      let item = try #require(try RegistryItem.find(.queue, "jobs"))
      #expect(item.state == .used && item.mechanism == "queue" && !item.isAnonymous)
      #expect(Set(item.objects.keys) == ["mutexes", "queue", "segment"])
      let scan = ProcessScan()
      let holders = scan.holders(of: item.receiversPath).filter { $0.file.access == .write }
      #expect(holders.map(\.process.id) == [getpid()])
      #expect(scan.attached(segment: try #require(item.objects["segment"])).map(\.id) == [getpid()])
      #expect(try Leftovers.remove(item, dryRun: false) == nil)
      receiver.close()
      #expect(try RegistryItem.find(.queue, "jobs") == nil)
    }
  }
}
