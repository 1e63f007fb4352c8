import Foundation
import Glibc
import IPC
import TestSupport
import Testing

extension AllCommandTests {
  /// The demos of the pipe, the FIFO, the queue and the semaphore: the line in which each shows a trait.
  @Suite(.serialized, .watched) struct MechanismDemoTests {
    /// A demo, and its lines in their order, as regular expressions.
    static let demos: [(name: String, lines: [String])] = [
      (
        "pipe",
        [
          #"end of file: the last writer has closed"#,
          #"ended with signal 13: SIGPIPE"#,
          #"gives EPIPE: "#,
          #"fills the pipe with \d+ bytes \(\d+ KiB\), then gives EAGAIN"#,
          #"POLLOUT: nothing"#,
          #"after a read\(2\) of \d+ bytes: POLLOUT"#,
          #"throws: timed out"#,
          #"poll\(2\) for 100 ms: nothing: no end of file"#,
          #"is gone: poll\(2\) gives POLLHUP, and read\(2\) 0"#,
          #"of 4096 bytes \(PIPE_BUF\): 0 of 80 were mixed"#,
          #"of 65537 bytes: [1-9]\d* of 80 were mixed"#,
        ]
      ),
      (
        "fifo",
        [
          #"O_WRONLY \| O_NONBLOCK: ENXIO"#,
          #"open\(2\), O_RDONLY: waits"#,
          #"open\(2\) has returned: there is a writer; read\(2\): "hello""#,
          #"got "hello from writer [AB]""#,
          #"got "hello from writer [AB]""#,
          #"got "goodbye from writer A""#,
          #"tryReceive gives nil"#,
          #"got "goodbye from writer B""#,
          #"end of file: the last writer has closed"#,
          #"open\(2\), O_WRONLY: waits"#,
          #"process \d+ still waits"#,
          #"open\(2\) has returned: there is a reader"#,
          #"read\(2\): "hello from a shell""#,
          #"read\(2\) again: 0, the end of file"#,
          #"read\(2\): "hello from the next""#,
        ]
      ),
      (
        "queue",
        [
          #"made queue \d+; ipcs -q lists it: 0 messages, 0 "#,
          #"its messages stay; ipcs -q lists it: 4 messages, [1-9]\d* "#,
          #"type 3: "the bill, please" of type 3"#,
          #"type 3, IPC_NOWAIT: ENOMSG"#,
          #"type -2: "the kitchen is on fire" of type 1"#,
          #"type 0: "soup" of type 2"#,
          #"IPC_NOWAIT: \d+ messages of 1024 bytes, then EAGAIN"#,
          #"process \d+ still waits"#,
          #"msgsnd\(2\) has returned"#,
          #"ipcs -q doesn't list queue"#,
        ]
      ),
      (
        "semaphore",
        [
          #"without the mutex: \d+ of \d+ were counted"#,
          #"with the mutex: 2000 of 2000 were counted"#,
          #"IPC_NOWAIT: EAGAIN .*: the count is 0"#,
          #"one semop\(2\) takes 0 and 1: EAGAIN"#,
          #"all or none: mutex 0 is still free \(1\)"#,
          #"a deadlock: semtimedop\(2\) of 100 ms for mutex 1: timed out"#,
          #"has both mutexes"#,
          #"ended with signal 9: the mutex is 1 again"#,
          #"the count is 2: without SEM_UNDO"#,
        ]
      ),
    ]

    @Test(arguments: demos) func eachTraitIsShown(_ demo: String, _ lines: [String]) throws {
      let result = try Tool.run("demo", demo)
      #expect(result.code == 0)
      #expect(result.errors.isEmpty, "\(result.errors)")
      var rest = result.output.split(separator: "\n")[...]
      for pattern in lines {
        let expression = try Regex(pattern)
        let found = rest.firstIndex { $0.contains(expression) }
        try #require(found != nil, "no line with \(pattern) in its place:\n\(result.output)")
        rest = rest[(found! + 1)...]
      }
    }

    /// Without the mutex some are lost, every time.
    @Test func updatesAreLostWithoutTheMutex() throws {
      let output = try Tool.run("demo", "semaphore").output
      let expression = try Regex(
        #"without the mutex: (\d+) of (\d+) were"#, as: (Substring, Substring, Substring).self)
      let match = try #require(output.firstMatch(of: expression)).output
      #expect(try #require(Int(match.1)) < #require(Int(match.2)))
    }

    /// Each demo, and the line from which on its object exists.
    static let lasting = [
      (demo: "fifo", object: #"mkfifo\(3\) made (/tmp/\S+)"#),
      (demo: "queue", object: #"msgget\(2\) made queue (\d+)"#),
      (demo: "semaphore", object: #"semget\(2\) made set (\d+)"#),
    ]

    @Test(arguments: lasting, [SIGINT, SIGTERM, SIGHUP])
    func aSignalLeavesNothingBehind(_ object: (demo: String, object: String), _ signal: Int32) throws {
      let expression = try Regex(object.object, as: (Substring, Substring).self)
      let tool = try Tool(["demo", object.demo])
      let deadline = TestDeadline(seconds: 30)
      #expect(deadline.reached { tool.output.contains(expression) || !tool.isRunning })
      tool.signal(signal)
      let result = tool.wait()
      #expect(result.errors.isEmpty, "\(result.errors)")
      let name = try #require(result.output.firstMatch(of: expression)).output.1
      switch object.demo {
      case "fifo": #expect(!FileManager.default.fileExists(atPath: String(name)))
      case "queue":
        #expect(throws: ChannelError.self) { _ = try MessageQueue.open(id: #require(Int32(name))) }
      default: #expect(throws: ChannelError.self) { _ = try SemaphoreSet.open(id: #require(Int32(name))) }
      }
    }
  }
}
