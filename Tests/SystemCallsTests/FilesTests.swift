import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct FilesTests {
    let scratch: ScratchDirectory

    init() throws { scratch = try ScratchDirectory() }

    @Test("created files are for this user only, whatever the umask is")
    func modes() throws {
      let before = umask(0)
      defer { umask(before) }
      try Files.mkfifo(scratch("fifo"))
      try Files.mkdir(scratch("directory"))
      _ = try Files.open(scratch("file"), .write, create: true)
      let fifo = try Files.stat(scratch("fifo"))
      let directory = try Files.stat(scratch("directory"))
      let file = try Files.stat(scratch("file"))
      #expect(fifo.kind == .fifo && fifo.mode == 0o600)
      #expect(directory.kind == .directory && directory.mode == 0o700)
      #expect(file.kind == .regular && file.mode == 0o600)
      #expect([fifo, directory, file].allSatisfy { $0.owner == getuid() })
    }

    @Test(
      "created files can be used by this user, whatever the umask takes away",
      arguments: [0o177, 0o777] as [mode_t])
    func restoredModes(_ mask: mode_t) throws {
      let before = umask(mask)
      defer { umask(before) }
      try Files.mkfifo(scratch("fifo"))
      try Files.mkfifo(scratch("marked"), isMarked: true)
      try Files.mkdir(scratch("directory"))
      _ = try Files.open(scratch("file"), .write, create: true)
      _ = try Files.open(scratch("everyone's"), .write, create: true, mode: Files.everyone)
      let socket = try Sockets.socket(unix: .stream)
      try Sockets.bind(socket, path: scratch("socket"))
      #expect(try Files.stat(scratch("fifo")).mode == 0o600)
      #expect(try !Files.stat(scratch("fifo")).isMarked)
      #expect(try Files.stat(scratch("marked")).mode == 0o1600)
      #expect(try Files.stat(scratch("marked")).isMarked)
      #expect(try Files.stat(scratch("directory")).mode == 0o700)
      #expect(try Files.stat(scratch("file")).mode == 0o600)
      #expect(try Files.stat(scratch("everyone's")).mode == 0o666 & ~UInt32(mask))
      #expect(try Files.stat(scratch("socket")).mode == 0o600)
      let name = "/swift-ipc-test-\(getpid())"
      defer { try? POSIXQueues.mqUnlink(name) }
      let queue = try POSIXQueues.mqOpen(creating: name, messages: 1, size: 1)
      #expect(try Files.fstat(queue).mode == 0o600)
    }

    @Test("a directory that its owner can't use is repaired")
    func repairedDirectory() throws {
      let path = scratch("directory")
      for (found, repaired) in [(0o600, 0o700), (0, 0o700), (0o700, 0o700), (0o2500, 0o2700)]
        as [(mode_t, UInt32)]
      {
        unsafe mkdir(path, 0o700)
        unsafe chmod(path, found)
        try Files.repair(directory: path, try Files.stat(path))
        #expect(try Files.stat(path).mode == repaired)
        try Files.rmdir(path)
      }
    }

    @Test("no symbolic link is followed, neither by open nor by stat")
    func symbolicLinks() throws {
      let file = try Files.open(scratch("target"), .write, create: true)
      let link = scratch("link")
      let linked = unsafe symlink(scratch("target"), link)
      #expect(linked == 0)
      for access in [Files.Access.read, .write, .readWrite] {
        #expect(throws: SystemError(ELOOP, .open)) { _ = try Files.open(link, access) }
        #expect(throws: SystemError(ELOOP, .open)) { _ = try Files.open(link, access, create: true) }
      }
      #expect(try Files.stat(link).kind == .other)
      #expect(try Files.stat(link).inode != Files.fstat(file).inode)
      // Opening a dangling link doesn't create its target either.
      let dangling = scratch("dangling")
      let dangled = unsafe symlink(scratch("nowhere"), dangling)
      #expect(dangled == 0)
      #expect(throws: SystemError(ELOOP, .open)) { _ = try Files.open(dangling, .write, create: true) }
      #expect(throws: SystemError(ENOENT, .lstat)) { _ = try Files.stat(scratch("nowhere")) }
      // unlink removes the link itself.
      try Files.unlink(link)
      #expect(try Files.stat(scratch("target")).kind == .regular)
    }

    @Test("a link is followed where that is asked for, and a file for everyone gets what umask leaves")
    func followedLinks() throws {
      let before = umask(0o022)
      defer { umask(before) }
      let link = scratch("link")
      let linked = unsafe symlink(scratch("target"), link)
      #expect(linked == 0)
      let file = try Files.open(link, .write, create: true, followsLink: true, mode: Files.everyone)
      try Files.writeText(file, "through the link")
      #expect(try Files.stat(scratch("target")).mode == 0o644)
      #expect(try Files.readText(scratch("target")) == "through the link")
    }

    @Test("one open file at a time holds the lock, and closing it releases the lock")
    func locks() throws {
      let path = scratch("lock")
      var first: Descriptor? = try Files.open(path, .readWrite, create: true)
      let second = try Files.open(path, .readWrite)
      #expect(try Files.flock(first!, wait: false))
      #expect(try !Files.flock(second, wait: false))
      #expect(try Files.flock(first!, wait: false), "the holder may ask again")
      // A duplicate is the same open file: the lock stays until both are closed.
      var copy: Descriptor? = try first!.duplicate()
      first = nil
      #expect(try !Files.flock(second, wait: false))
      let copied = copy != nil
      copy = nil
      #expect(copied)
      #expect(try Files.flock(second, wait: false))
    }

    #if DEBUG
      @Test("a lock that a signal interrupts is tried again; another failure is thrown")
      func lockFaults() throws {
        let file = try Files.open(scratch("lock"), .readWrite, create: true)
        let fired = try Faults.with([Faults.Plan(.flock, at: 1, .errno(EINTR))]) { () throws(SystemError) in
          #expect(try Files.flock(file, wait: true))
        }
        #expect(fired == [true])
        #expect(throws: SystemError(ENOLCK, .flock)) {
          _ = try Faults.with([Faults.Plan(.flock, at: 1, .errno(ENOLCK))]) { () throws(SystemError) in
            _ = try Files.flock(file, wait: false)
          }
        }
      }
    #endif

    @Test("text is written, read back, truncated, and written again")
    func text() throws {
      let path = scratch("text")
      let file = try Files.open(path, .readWrite, create: true)
      let text = String(repeating: "grün\n", count: 40_000)
      try Files.writeText(file, text)
      #expect(try Files.readText(path) == text)
      try Files.ftruncate(file)
      #expect(try Files.readText(path) == "")
      try Files.writeText(file, "")
      #expect(try Files.readText(path) == "")
    }

    @Test("reading stops at 4 MiB")
    func readsNoMoreThanItSays() throws {
      let file = try Files.open(scratch("large"), .readWrite, create: true)
      #expect(ftruncate(file.raw, 64 << 20) == 0)
      #expect(try Files.readText(scratch("large")).utf8.count <= 4 << 20)
    }

    @Test("names lists a directory without . and ..")
    func names() throws {
      #expect(try Files.names(in: scratch.path) == [])
      for name in ["a", "b.c", ".hidden"] { _ = try Files.open(scratch(name), .write, create: true) }
      #expect(try Files.names(in: scratch.path).sorted() == [".hidden", "a", "b.c"])
      #expect(throws: SystemError(ENOENT, .opendir)) { _ = try Files.names(in: scratch("none")) }
    }

    @Test("missing and existing files are reported as such")
    func missingAndTaken() throws {
      #expect(throws: SystemError(ENOENT, .open)) { _ = try Files.open(scratch("none"), .read) }
      #expect(throws: SystemError(ENOENT, .unlink)) { try Files.unlink(scratch("none")) }
      #expect(throws: SystemError(ENOENT, .lstat)) { _ = try Files.stat(scratch("none")) }
      try Files.mkfifo(scratch("fifo"))
      #expect(throws: SystemError(EEXIST, .mkfifo)) { try Files.mkfifo(scratch("fifo")) }
      #expect(throws: SystemError(EEXIST, .mkdir)) { try Files.mkdir(scratch("fifo")) }
      #expect(throws: SystemError(ENOTDIR, .open)) {
        _ = try Files.open(scratch("fifo"), .read, directory: true)
      }
      // A FIFO without a reader can't be opened for writing without waiting.
      #expect(throws: SystemError(ENXIO, .open)) {
        _ = try Files.open(scratch("fifo"), .write, nonblocking: true)
      }
    }

    @Test("an open file and its name have the same device and inode")
    func identity() throws {
      let file = try Files.open(scratch("file"), .write, create: true)
      let byName = try Files.stat(scratch("file"))
      let byDescriptor = try Files.fstat(file)
      #expect(byName.inode == byDescriptor.inode && byName.device == byDescriptor.device)
    }
  }
}
