import Glibc
import IPC
import Synchronization
import SystemCalls

/// What the tests of one run share: a private directory, unique names, the other program's
/// path.
package enum Workspace {
  private static let next = Atomic<Int>(0)

  /// A directory of this run's alone, which is also where the library keeps its records. Removed at the end.
  package static let directory: String = {
    var template = Array("/tmp/ipc-tests-XXXXXX".utf8CString)
    guard let made = unsafe mkdtemp(&template) else {
      fatalError("no private directory in /tmp: errno \(errno)")
    }
    let path = unsafe String(cString: made)
    unsafe mkdir(path + "/files", 0o700)
    unsafe setenv("IPC_RUNTIME_DIRECTORY", path + "/records", 1)
    atexit {
      for directory in ["/files", "/records"] {
        for name in (try? Files.names(in: Workspace.directory + directory)) ?? [] {
          unsafe unlink(Workspace.directory + directory + "/" + name)
        }
        unsafe rmdir(Workspace.directory + directory)
      }
      unsafe rmdir(Workspace.directory)
    }
    return path
  }()

  /// Where the library keeps its records.
  package static var records: String { directory + "/records" }

  /// A name that no other test has.
  package static func name() -> String { "t\(getpid())-\(next.add(1, ordering: .relaxed).newValue)" }

  /// A path in the private directory that no other test has.
  package static func path() -> String { directory + "/files/\(name())" }

  /// Removes whatever stands at the paths that tests were given.
  package static func removePaths() {
    for name in (try? Files.names(in: directory + "/files")) ?? [] {
      try? Files.unlink("\(directory)/files/\(name)")
    }
  }

  /// Another build's `ipc-peer`, for tests against another version: `IPC_TEST_PEER=/path`.
  package static let otherPeer = Processes.variable("IPC_TEST_PEER")

  /// `ipc-peer`: the one in `IPC_TEST_PEER`, or the one beside the test program.
  package static let peer: String = {
    if let otherPeer { return otherPeer }
    let mine = Processes.executable
    return String(mine[..<mine.lastIndex(of: "/")!]) + "/ipc-peer"
  }()

  /// A TCP port of this machine that was free a moment ago.
  package static func port() throws -> Int { try Internet.freePort() }

  /// Everything that the library and the runtime make once per process, made: no test's own leak.
  package static let warm: Bool = {
    _ = directory
    Sanitizer.startSymbolizer()
    do {
      // The liveness monitor, SIGPIPE's disposition, the locale and resolver files of the C library.
      _ = try ByteChannel(over: .memory)
      _ = try ByteChannel(over: .pipe)
      _ = try ByteChannel(at: "memory:\(name())")
      _ = try port()
      _ = SystemSnapshot()
      return true
    } catch {
      return false
    }
  }()
}
