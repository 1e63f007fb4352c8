import Glibc
import SystemCalls

/// Whether a number is an open descriptor of this process.
func isOpen(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) != -1 }

func closesOnExec(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0 }

func isNonblocking(_ descriptor: Int32) -> Bool { fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0 }

/// Writes the bytes, as two pieces cut at `cut`. Returns how many were written.
func write(
  _ descriptor: Int32, _ bytes: [UInt8], cut: Int = 0, wait: Bool = true
) throws(SystemError) -> Int {
  let head = Array(bytes[..<cut])
  let body = Array(bytes[cut...])
  return unsafe try head.span.withUnsafeBytes { head throws(SystemError) in
    unsafe try body.span.withUnsafeBytes { body throws(SystemError) in
      wait
        ? unsafe try Streams.writev(descriptor, head, body)
        : unsafe try Streams.pwritev2(descriptor, head, body)
    }
  }
}

/// One read of at most `count` bytes.
func read(_ descriptor: Int32, _ count: Int, wait: Bool = true) throws(SystemError) -> [UInt8] {
  let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 8)
  defer { unsafe memory.deallocate() }
  let found =
    wait
    ? unsafe try Streams.read(descriptor, into: memory) : unsafe try Streams.preadv2(descriptor, into: memory)
  return unsafe Array(memory[..<found])
}

/// A pipe whose ends can be closed one by one.
final class OpenPipe {
  var reading: Descriptor?
  var writing: Descriptor?

  /// The numbers of the writing and the reading end.
  let input: Int32
  let output: Int32

  private init(_ reading: consuming Descriptor, _ writing: consuming Descriptor) {
    input = writing.raw
    output = reading.raw
    self.reading = consume reading
    self.writing = consume writing
  }

  static func make() throws(SystemError) -> OpenPipe { try PipeEnds.pipe2().take { OpenPipe($0, $1) } }
}

/// A new directory for one test, removed with its contents.
final class ScratchDirectory {
  let path: String

  init() throws {
    path = "/tmp/swift-ipc-tests-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try Files.mkdir(path)
  }

  deinit {
    for name in (try? Files.names(in: path)) ?? [] {
      let inside = path + "/" + name
      if (try? Files.stat(inside))?.kind == .directory {
        try? Files.rmdir(inside)
      } else {
        try? Files.unlink(inside)
      }
    }
    try? Files.rmdir(path)
  }

  func callAsFunction(_ name: String) -> String { path + "/" + name }
}

/// Zeroed and sealed memory, as the memfd mechanism creates it.
func memoryFile(_ count: Int) throws(SystemError) -> MemoryFile {
  let descriptor = try MemoryFile.memfdCreate()
  try MemoryFile.ftruncate(descriptor, bytes: count)
  try MemoryFile.fcntl(addSeals: descriptor)
  return try MemoryFile(mmap: descriptor, bytes: count)
}
