import Foundation
import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

extension AllCommandTests {
  /// `ipc list`, `ipc who` and `ipc clean`.
  @Suite(.serialized, .watched, .leavesNothing([.systemV, .files], directories: { [Workspace.records] }))
  struct ExistingObjectsTests {
    /// Where this process and the tool keep their records.
    private let records: String

    init() throws {
      try #require(Workspace.warm)
      records = Workspace.records
    }

    private func run(_ words: String..., columns: Int? = nil) throws -> Tool.Result {
      var environment = ["IPC_RUNTIME_DIRECTORY": records]
      if let columns { environment["COLUMNS"] = "\(columns)" }
      return try Tool(words, environment: environment).wait()
    }

    private func list() throws -> ObjectsDocument {
      let result = try run("list", "--json")
      #expect(result.code == 0, "\(result.errors)")
      #expect(result.errors == "")
      return try ObjectsDocument(result.output)
    }

    /// An entry's file, with the number of an IPC namespace that isn't the machine's own.
    private func path(_ name: String) -> String {
      // PROC_IPC_INIT_INO: the namespace of the machine itself.
      let namespace = (try? Files.stat("/proc/self/ns/ipc", followsLink: true))?.inode ?? 0
      let number = namespace == 0xEFFF_FFFF ? "" : "@\(namespace)"
      return "\(records)/\(name)\(number)"
    }

    private func leave(_ name: String, _ text: String) throws {
      _ = try? Files.mkdir(records)
      try Files.writeText(try Files.open(path(name), .write, create: true), text)
    }

    /// A channel whose receiver was killed.
    private func leaveDead(_ address: String) async throws {
      await #expect(processExitsWith: .signal(SIGKILL)) { [address = address as String] in
        alarm(60)
        let receiver = try ByteReceiver(at: address)
        kill(getpid(), SIGKILL)
        withExtendedLifetime(receiver) {}
      }
    }

    // MARK: list

    @Test(
      "a living channel is listed with its kernel objects and its processes",
      arguments: ["queue", "semaphore", "memory", "posix-queue", "posix-semaphore", "signal"])
    func living(mechanism: String) throws {
      let address = "\(mechanism):\(Workspace.name())"
      var receiver = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address)
      let object = try #require(try list().object(address))
      #expect(object.mechanism == mechanism && object.address == address)
      #expect(object.alive == true && object.state == "alive" && object.recorded == true)
      #expect(object.attached == [getpid()])
      #expect(object.owner?.uid == getuid())
      #expect(!object.ids.isEmpty)
      if let id = object.id("segment") { #expect(try Segment.shmctl(status: id).bytes <= object.bytes ?? 0) }
      try sender.close()
      receiver.close()
      #expect(try list().object(address) == nil)
    }

    @Test("messages that wait are counted") func depth() throws {
      for mechanism in ["queue", "posix-queue", "semaphore"] {
        let address = "\(mechanism):\(Workspace.name())"
        var receiver = try ByteReceiver(at: address)
        var sender = try ByteSender(to: address)
        for _ in 0..<3 { try sender.send("hello") }
        #expect(try list().object(address)?.depth == 3, "\(mechanism)")
        try sender.close()
        receiver.close()
      }
    }

    @Test("a channel without a name is listed, and named after its key") func anonymous() throws {
      var channel = try ByteChannel(over: .queue)
      let found = try list().objects.filter { $0.name.hasPrefix("anonymous:") }
      let object = try #require(found.first)
      #expect(found.count == 1 && object.mechanism == "queue" && object.address == nil)
      #expect(object.alive == true && object.attached == [getpid()])
      #expect(object.owner?.process == getpid())
      #expect(try run("clean", object.name).code == 1)
      try channel.sender.send("hello")
      #expect(try channel.receiver.receive(String.self) == "hello")
    }

    @Test("entries of every kind are listed, and only what is unused is removed") func kinds() throws {
      try leave("queue.torn", "")
      try leave("queue.half", "swift-")
      try leave("queue.cut", "swift-ipc 2\n")
      try leave("memory.later", "swift-ipc 3\nrun abc\nwhat ever\n")
      try leave("memory.old", "swift-ipc 2\nrun abc\nboot 1\nnamespace 2\n")
      try leave("anonymous.7", "swift-ipc 2\nrun abc\nboot 1\nnamespace 2\n")
      try leave("queue.notes", "what a user keeps\n")
      try leave("notes", "swift-ipc 2\nrun abc\n")
      let other = "\(records)/queue.other@1"
      let here = try Files.readText("/proc/sys/kernel/random/boot_id").filter { !$0.isWhitespace }
      try Files.writeText(
        try Files.open(other, .write, create: true), "swift-ipc 2\nrun abc\nboot \(here)\nnamespace 1\n")
      try Files.mkdir(path("queue.folder"))
      try Files.mkfifo(path("queue.orphan") + ".senders")
      defer {
        for name in ["queue.notes", "notes"] { try? Files.unlink(path(name)) }
        try? Files.unlink(other)
        try? Files.rmdir(path("queue.folder"))
      }
      let document = try list()
      func remarks(_ name: String) -> String {
        document.object(name)?.remarks.joined(separator: ";") ?? "none"
      }
      #expect(remarks("queue:torn").contains("torn"))
      #expect(remarks("queue:half").contains("torn"))
      #expect(remarks("queue:cut").contains("torn"))
      #expect(remarks("memory:later").contains("of a later version, 3"))
      #expect(remarks("memory:old").contains("of an earlier boot"))
      #expect(remarks("anonymous:7").contains("of an earlier boot"))
      #expect(document.object("queue:other")?.state == "elsewhere")
      #expect(document.object(path("queue.notes"))?.state == "no entry")
      #expect(document.object(path("queue.folder"))?.remarks.first?.contains("directory") == true)
      let dead = document.objects.filter { $0.state == "dead" }.map(\.name)
      #expect(
        Set(dead) == [
          "queue:torn", "queue:half", "queue:cut", "memory:later", "memory:old", "anonymous:7",
          "queue:orphan",
        ])
      for name in dead { #expect(document.object(name)?.alive == false) }

      let before = try Files.names(in: records).sorted()
      let looked = try ObjectsDocument(try run("clean", "--dry-run", "--json").output)
      #expect(Set(looked.objects.map(\.name)) == Set(dead))
      #expect(looked.objects.allSatisfy { $0.removed == false && $0.error == nil })
      #expect(try Files.names(in: records).sorted() == before)

      let cleaned = try run("clean")
      #expect(cleaned.code == 0, "\(cleaned.errors)")
      for name in dead { #expect(cleaned.output.contains("removed \(name):"), "\(cleaned.output)") }
      #expect(Set(try Files.names(in: records)).count == 4)
      #expect(try run("clean").output == "nothing to remove\n")
      // Nor does any other start of a program of the library.
      #expect(try run("mechanisms", "pipe").code == 0)
      #expect(Set(try Files.names(in: records)).count == 4)
    }

    @Test("the table fits 160, 80 and 40 columns, and has a legend") func widths() throws {
      let address = "queue:" + String(repeating: "x", count: 90)
      var receiver = try ByteReceiver(at: address)
      for columns in [160, 80, 40] {
        let result = try run("list", columns: columns)
        #expect(result.code == 0)
        #expect(result.output.contains("state: "))
        // The rules of a terminal: no line is longer than it, except one word.
        for line in result.output.split(separator: "\n") where line.count > columns {
          #expect(!line.trimmingCharacters(in: .whitespaces).contains(" "), "\(line)")
        }
      }
      receiver.close()
    }

    @Test("objects of other programs are listed, and removed only by name") func others() throws {
      let queue = try MessageQueues.msgget()
      let set = try Semaphores.semget([1])
      let segment = try Segment(shmget: 4096)
      let id = segment.id
      let names = ["msg:\(queue)", "sem:\(set)", "shm:\(id)"]
      let document = try list()
      for name in names { #expect(document.object(name)?.recorded == false, "\(name)") }
      #expect(document.object(names[2])?.alive == true && document.object(names[2])?.attached == [getpid()])
      #expect(document.object(names[0])?.alive == nil)
      #expect(try run("clean").code == 0)
      #expect(try list().object(names[0]) != nil)
      // The segment is attached by this process.
      let attached = try run("clean", names[2])
      #expect(attached.code == 1 && attached.errors.contains("is in use by"), "\(attached.errors)")
      detach(segment)
      #expect(try run("clean", "--dry-run", names[0]).output == "would remove \(names[0]): queue \(queue)\n")
      #expect(try list().object(names[0]) != nil)
      let removed = try run("clean", names[0], names[1], names[2], names[0])
      #expect(removed.code == 0, "\(removed.errors)")
      for name in names { #expect(removed.output.contains("removed \(name):")) }
      #expect(try list().objects.allSatisfy { !names.contains($0.name) })
      let again = try run("clean", names[0])
      #expect(
        again.code == 1 && again.errors == "ipc: there is no \(names[0]): ipc list shows what there is\n")
    }

    private func detach(_ segment: consuming Segment) {}

    // MARK: clean

    @Test("what a killed receiver leaves is removed with its kernel objects", arguments: ["queue", "memory"])
    func dead(mechanism: String) async throws {
      let address = "\(mechanism):\(Workspace.name())"
      try await leaveDead(address)
      let object = try #require(try list().object(address))
      #expect(object.alive == false && object.attached.isEmpty && object.state == "dead")
      // By its own name only.
      if let segment = object.id("segment") {
        let part = try run("clean", "shm:\(segment)")
        #expect(part.code == 1 && part.errors.contains("is part of the channel \(address)"))
        #expect((try? Segment.shmctl(status: segment)) != nil)
      }
      let cleaned = try run("clean", "--json", address)
      #expect(cleaned.code == 0, "\(cleaned.errors)")
      #expect(try ObjectsDocument(cleaned.output).object(address)?.removed == true)
      if let segment = object.id("segment") { #expect((try? Segment.shmctl(status: segment)) == nil) }
      #expect(try list().object(address) == nil)
    }

    @Test("every command but these three begins with the removal") func firstOfAll() async throws {
      let address = "queue:\(Workspace.name())"
      try await leaveDead(address)
      #expect(try run("who", address).code == 0)
      #expect(try list().object(address) != nil)
      #expect(try run("mechanisms", "queue").code == 0)
      #expect(try list().object(address) == nil)
    }

    @Test("a living channel isn't removed, and what has it is named") func used() throws {
      let address = "queue:\(Workspace.name())"
      var receiver = try ByteReceiver(at: address)
      let result = try run("clean", address)
      #expect(result.code == 1 && result.output == "")
      #expect(result.errors.contains("is in use by") && result.errors.contains("\(getpid())"))
      #expect(try run("clean").output == "nothing to remove\n")
      var sender = try ByteSender(to: address)
      try sender.send("hello")
      #expect(try receiver.receive(String.self) == "hello")
      try sender.close()
      receiver.close()
    }

    @Test("bad names are wrong calls, in one line", arguments: ["", "jobs", "queue:", ":x", "--remove"])
    func badNames(name: String) throws {
      let result = try run("clean", name)
      #expect(result.code == 2)
      #expect(result.errorLines.count == 1)
    }

    @Test("names with control characters, and long ones, are shown safely") func strangeNames() throws {
      let long = "queue:" + String(repeating: "x", count: 4000)
      for name in ["queue:a\nb\u{1B}[31m", long] {
        for command in ["clean", "who"] {
          let result = try run(command, name)
          #expect(result.code == (command == "who" ? 2 : 1))
          #expect(result.errorLines.count == 1)
          #expect(result.errors.utf8.count < 400 && !result.errors.contains("\u{1B}"), "\(result.errors)")
        }
      }
      try leave("queue.a\nb\u{1B}[31m", "")
      let file = path("queue.a\nb\u{1B}[31m")
      defer { try? Files.unlink(file) }
      let result = try run("list")
      #expect(result.output.contains("\\u{A}") && !result.output.contains("\u{1B}"), "\(result.output)")
    }

    @Test("a registry that isn't this user's alone is an error that says so") func sharedRegistry() throws {
      try expectRefused {
        unsafe chmod(records, 0o755)
      } afterwards: {
        unsafe chmod(records, 0o700)
      }
    }

    /// The registry's directory, with an entry, isn't used while it isn't this user's alone, and nothing in it is touched.
    private func expectRefused(spoiling spoil: () -> Void, afterwards repair: () -> Void) throws {
      try leave("queue.kept", "")
      spoil()
      defer {
        repair()
        try? Files.unlink(path("queue.kept"))
      }
      for command in ["list", "clean"] {
        let result = try run(command)
        #expect(result.code == 1 && result.errors.contains("must be a directory of this user's alone"))
      }
      #expect(try run("mechanisms", "pipe").code == 0)
      #expect(try Files.names(in: records).count == 1)
    }

    @Test("nothing that is used is removed while two cleaners run in a loop") func cleaningInALoop()
      async throws
    {
      let records = records
      let cleaners = (0..<2).map { _ in
        Task.detached {
          var removed: [String] = []
          while !Task.isCancelled {
            let tool = try Tool(["clean", "--json"], environment: ["IPC_RUNTIME_DIRECTORY": records])
            let result = tool.wait()
            #expect(result.code == 0, "\(result.errors)")
            removed += try ObjectsDocument(result.output).objects.map(\.name)
          }
          return removed
        }
      }
      let mechanisms = [Mechanism.queue, .semaphore, .memory, .posixQueue]
      let kept = mechanisms.map { "\($0.name):\(Workspace.name())" }
      let receivers = try kept.map { address in
        var receiver = try Receiver<String>(at: address)
        return receiver.shared()
      }
      let senders = try kept.map { address in
        var sender = try Sender<String>(to: address)
        return sender.shared()
      }
      for round in 0..<3000 {
        let mechanism = mechanisms[round % mechanisms.count]
        let address = "\(mechanism.name):\(Workspace.name())"
        var receiver = try ByteReceiver(at: address)
        var sender = try ByteSender(to: address)
        try sender.send("\(round)")
        #expect(try receiver.receive(String.self) == "\(round)")
        var channel = try ByteChannel(over: mechanism)
        try channel.sender.send("\(round)")
        #expect(try channel.receiver.receive(String.self) == "\(round)")
        try sender.close()
        receiver.close()
      }
      for cleaner in cleaners {
        cleaner.cancel()
        // Others may go: an entry between its creation and its lock, whose maker makes it again, and one whose endpoints have
        // just closed while a child that starts still had their descriptors.
        let removed = try await cleaner.value
        #expect(!removed.contains { kept.contains($0) }, "\(removed)")
      }
      for (index, address) in kept.enumerated() {
        try await senders[index].send("still here")
        #expect(try await receivers[index].receive() == "still here", "\(address)")
        senders[index].close()
        receivers[index].close()
      }
    }

    // MARK: who

    @Test("both ends of a channel are shown", arguments: ["queue", "fifo", "unix", "tcp", "memfd"])
    func bothEnds(mechanism: String) throws {
      let address =
        switch mechanism {
        case "tcp": "tcp:localhost:\(try Workspace.port())"
        case "queue": "queue:\(Workspace.name())"
        default: "\(mechanism):\(Workspace.path())"
        }
      let missing = try run("who", address)
      #expect(missing.code == 1 && missing.output == "" && missing.errorLines.count == 1, "\(missing.errors)")
      var receiver = try ByteReceiver(at: address)
      // Only the receiver yet.
      var found = try who(address)
      #expect(
        Set(found.map(\.role)) == ["receiver"] && found.allSatisfy { $0.process == getpid() }, "\(found)")
      var sender = try ByteSender(to: address)
      try sender.send("hello")
      #expect(try receiver.receive(String.self) == "hello")
      found = try who(address)
      // The memory of `memfd` is shared by processes: this one has both ends.
      let roles = mechanism == "memfd" ? ["receiver"] : ["receiver", "sender"]
      #expect(found.map(\.role).sorted() == roles, "\(found)")
      for holder in found {
        #expect(holder.process == getpid() && holder.uid == getuid() && holder.since.count == 19)
      }
      let table = try run("who", address)
      #expect(table.code == 0 && table.output.contains("blocked in") && table.output.contains("\(getpid())"))
      try sender.close()
      receiver.close()
    }

    private func who(_ address: String) throws -> [ObjectsDocument.Holder] {
      let result = try run("who", address, "--json")
      #expect(result.code == 0, "\(result.errors)")
      return try ObjectsDocument(result.output).objects.first?.processes ?? []
    }

    @Test("the call that a process is blocked in is named") func blocked() throws {
      let path = Workspace.path()
      try Files.mkfifo(path)
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/cat")
      process.arguments = [path]
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      let writing = try Files.open(path, .write)
      let id = process.processIdentifier
      #expect(
        eventually {
          guard let found = try? who("fifo:\(path)") else { return false }
          let reader = found.first { $0.role == "receiver" }
          return reader?.process == id && reader?.blockedIn == "read" && reader?.command == "cat"
            && found.contains { $0.role == "sender" && $0.process == getpid() }
        })
      close(writing)
      process.waitUntilExit()
      try Files.unlink(path)
    }

    private func close(_ descriptor: consuming Descriptor) {}

    @Test("the other ends of a process's pipes and sockets are shown") func otherEnds() throws {
      let pipe = Pipe()
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/bin/cat")
      process.standardInput = pipe
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      let id = process.processIdentifier
      let result = try run("who", "--pid", "\(id)", "--json")
      #expect(result.code == 0, "\(result.errors)")
      let objects = try ObjectsDocument(result.output).objects
      let input = try #require(objects.first { $0.descriptor == 0 }, "\(result.output)")
      #expect(input.mechanism == "pipe" && input.access == "reads")
      #expect(input.processes?.contains { $0.process == getpid() && $0.role == "writes" } == true)
      let table = try run("who", "--pid", "\(id)")
      #expect(table.code == 0 && table.output.contains("\(getpid())"), "\(table.output)")
      try pipe.fileHandleForWriting.close()
      process.waitUntilExit()
    }

    @Test("the other end of a socket is shown") func peers() throws {
      let address = "unix:\(Workspace.path())"
      var receiver = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address)
      try sender.send("hello")
      #expect(try receiver.receive(String.self) == "hello")
      let result = try run("who", "--pid", "\(getpid())", "--json")
      let sockets = try ObjectsDocument(result.output).objects.filter { $0.mechanism == "unix" }
      #expect(sockets.contains { $0.remarks.contains("listens") })
      #expect(
        sockets.count { $0.processes?.contains { $0.process == getpid() } ?? false } >= 2, "\(result.output)")
      try sender.close()
      receiver.close()
    }

    @Test("what isn't there is a sentence, and a wrong call a hint")
    func absent() throws {
      let ended = Process()
      ended.executableURL = URL(fileURLWithPath: "/bin/true")
      try ended.run()
      ended.waitUntilExit()
      for words in [
        ["queue:nothing-of-this-name"], ["fifo:/nowhere/at/all"], ["unix:/dev/null"], ["fifo:/dev/null"],
        ["shm:2147483647"], ["anonymous:1"], ["--pid", "\(ended.processIdentifier)"],
      ] {
        let result = try Tool.run(["who"] + words)
        #expect(result.code == 1 && result.errorLines.count == 1 && result.output == "", "\(words)")
      }
      for words in [
        [], ["pipe:3"], ["jobs"], ["queue:a", "queue:b"], ["--pid", "x"], ["--pid", "1", "queue:a"],
      ] {
        let result = try Tool.run(["who"] + words)
        #expect(result.code == 2 && result.errorLines.count == 1 && result.output == "", "\(words)")
      }
    }

    /// A program that runs another as another user; root alone may.
    private static let setpriv = "/usr/bin/setpriv"
    private static let nobody: uid_t = 65534

    private func runAsNobody(_ words: String..., records: String) throws -> Tool.Result {
      let user = ["--reuid", "\(Self.nobody)", "--regid", "\(Self.nobody)", "--clear-groups", Tool.path]
      return try Tool(
        user + words, program: Self.setpriv, environment: ["IPC_RUNTIME_DIRECTORY": records]
      ).wait()
    }

    @Test(
      "objects and processes of another user are said, and not touched",
      .enabled(if: getuid() == 0 && Files.isExecutable(setpriv)))
    func anotherUser() throws {
      let queue = try MessageQueues.msgget()
      defer { try? MessageQueues.msgctl(remove: queue) }
      // Of that user's registry there is nothing.
      let nowhere = "/tmp/\(Workspace.name())"
      let listed = try runAsNobody("list", "--json", records: nowhere)
      #expect(listed.code == 0, "\(listed.errors)")
      #expect(try ObjectsDocument(listed.output).object("msg:\(queue)")?.owner?.uid == 0)
      #expect(
        try runAsNobody("list", records: nowhere).output.contains("of other users couldn't be looked at"))
      let cleaned = try runAsNobody("clean", "msg:\(queue)", records: nowhere)
      #expect(
        cleaned.code == 1 && cleaned.errors.contains("belongs to root: only that user"), "\(cleaned.errors)")
      #expect(try MessageQueues.msgctl(status: queue).messages == 0)
      let shown = try runAsNobody("who", "--pid", "\(getpid())", records: nowhere)
      #expect(shown.code == 1 && shown.errors.contains("belongs to root"), "\(shown.errors)")
    }

    @Test(
      "a registry of another user is an error, and nothing in it is touched", .enabled(if: getuid() == 0))
    func anotherUsersRegistry() throws {
      try expectRefused {
        unsafe chown(records, Self.nobody, Self.nobody)
      } afterwards: {
        unsafe chown(records, getuid(), getgid())
      }
    }

    @Test("help begins with an example", arguments: ["list", "who", "clean"]) func help(command: String)
      throws
    {
      #expect(try run(command, "--help").output.hasPrefix("example: ipc \(command)"))
    }
  }
}
