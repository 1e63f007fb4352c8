import Glibc
import TestSupport
import Testing

@testable import SystemCalls

extension AllSystemCallsTests {
  /// What the kernel's tables say of this process, whose answer the tests know.
  @Suite struct ProcessFilesTests {
    @Test("this process is in the list, with its user, program and start")
    func status() throws {
      #expect(ProcessFiles.ids().contains(getpid()))
      let status = try #require(ProcessFiles.status(getpid()))
      #expect(status.user == geteuid() && !status.isZombie && !status.isKernel && !status.command.isEmpty)
      #expect(abs(status.started - Int(Clock.realtime() / 1_000_000_000)) < 86400)
      #expect(ProcessFiles.arguments(getpid()) == CommandLine.arguments)
      #expect(ProcessFiles.status(Int32.max) == nil)
      #expect(throws: SystemError.self) { _ = try ProcessFiles.openFiles(Int32.max) }
    }

    @Test("descriptors are listed with their access and inode")
    func descriptors() throws {
      let pipe = try PipeEnds.pipe2()
      let (reading, writing) = (pipe.reading.raw, pipe.writing.raw)
      let files = try ProcessFiles.openFiles(getpid())
      let read = try #require(files.first { $0.number == reading })
      let write = try #require(files.first { $0.number == writing })
      #expect(read.access == .read && write.access == .write)
      #expect(read.inode == write.inode && read.device == write.device && read.kind == .fifo)
      #expect(read.target == "pipe:[\(read.inode)]")
      withExtendedLifetime(pipe) {}
    }

    @Test("System V objects are in the tables, and an attached segment in this process's list")
    func objects() throws {
      let queue = try MessageQueues.msgget()
      let set = try Semaphores.semget([1, 2, 3])
      let segment = try Segment(shmget: 8192)
      defer {
        try? MessageQueues.msgctl(remove: queue)
        try? Semaphores.semctl(remove: set)
        try? Segment.shmctl(remove: segment.id)
      }
      #expect(
        SystemVTable.entries(.queue).contains { $0.id == queue && $0.owner == geteuid() && $0.messages == 0 })
      #expect(SystemVTable.entries(.set).contains { $0.id == set && $0.count == 3 })
      let found = try #require(SystemVTable.entries(.segment).first { $0.id == segment.id })
      #expect(found.bytes == 8192 && found.attachments == 1 && found.maker == getpid() && !found.isRemoved)
      #expect(try ProcessFiles.attachedSegments(getpid()).contains(segment.id))
      try Segment.shmctl(remove: segment.id)
      #expect(SystemVTable.entries(.segment).first { $0.id == segment.id }?.isRemoved == true)
    }

    @Test("a thread that waits in read is blocked in it, on its descriptor")
    func blocked() throws {
      let pipe = try PipeEnds.pipe2()
      let (reading, writing) = (pipe.reading.raw, pipe.writing.raw)
      try Threads.start(name: "reader") {
        var byte: UInt8 = 0
        _ = unsafe Glibc.read(reading, &byte, 1)
        unsafe Glibc.write(writing, &byte, 1)
      }
      #expect(
        comesTrue {
          ProcessFiles.calls(getpid()).contains { $0.name == "read" && $0.argument == Int(reading) }
        })
      var byte: UInt8 = 7
      unsafe Glibc.write(writing, &byte, 1)
      #expect(
        comesTrue {
          !ProcessFiles.calls(getpid()).contains { $0.name == "read" && $0.argument == Int(reading) }
        })
      withExtendedLifetime(pipe) {}
    }

    @Test("connected Unix sockets are each other's peers")
    func unixSockets() throws {
      var ends: [Int32] = [-1, -1]
      try #require(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
      defer { for end in ends { close(end) } }
      let files = try ProcessFiles.openFiles(getpid())
      let inodes = ends.compactMap { end in files.first { $0.number == end }?.inode }
      let (sockets, tellsPeers) = UnixSockets.all()
      let mine = try #require(sockets.first { $0.inode == inodes[0] })
      #expect(!mine.listens && mine.name == nil)
      if tellsPeers { #expect(mine.peer == inodes[1]) }
    }

    @Test("addresses of TCP are read as the kernel writes them")
    func places() throws {
      #expect(TCPSockets.Place(host: [127, 0, 0, 1], port: 80).text == "127.0.0.1:80")
      let loopback = [UInt8](repeating: 0, count: 15) + [1]
      #expect(TCPSockets.Place(host: loopback, port: 80).text == "[::1]:80")
      let mapped = [UInt8](repeating: 0, count: 10) + [255, 255, 127, 0, 0, 1]
      #expect(TCPSockets.Place(host: mapped, port: 80) == TCPSockets.Place(host: [127, 0, 0, 1], port: 80))
      #expect(try TCPSockets.places(host: "127.0.0.1", port: 80).contains { $0.host == [127, 0, 0, 1] })
    }
  }
}
