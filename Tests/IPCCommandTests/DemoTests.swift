import Foundation
import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

extension AllCommandTests {
  /// The lines in which each demo shows the traits of its mechanism, or what its model adds.
  @Suite(.serialized, .watched) struct DemoTests {
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
      (
        "memory",
        [
          #"without a protocol: read both \d+ times, \d+ ns each: they differed [1-9]\d* times"#,
          #"with a version counter \(a seqlock\): read both \d+ times, \d+ ns each: they differed 0 times"#,
          #"made segment \d+, wrote a number into it, and is dead \(signal 9\)"#,
          #"ipcs -m lists segment \d+, and the number in it is still 42"#,
          #"IPC_RMID: ipcs -m doesn't list segment"#,
          #"written in place and read in place"#,
        ]
      ),
      (
        "unix",
        [
          #"SOCK_STREAM: .* one read\(2\) returns "abcd""#,
          #"SOCK_STREAM: .* returns "efg", the next "h""#,
          #"SOCK_SEQPACKET: .* one read\(2\) returns "ab""#,
          #"SHUT_WR: the peer's second read\(2\) returns 0"#,
          #"the other direction still works: one read\(2\) returns "an answer""#,
          #"receives "26" over the other direction"#,
          #"SCM_RIGHTS"#,
          #"the other process read from it: "Linux""#,
        ]
      ),
      (
        "tcp",
        [
          #"recv\(2\) of 5 bytes, MSG_WAITALL: "onetw""#,
          #"6 that are left: "othree""#,
          #"read\(2\) returns -1: ECONNRESET"#,
          #"50000 numbers in order, sent one by one, in [\d.]{3,4} m?s, \d+ ns each"#,
          #"50000 numbers in order, sent in batches, in [\d.]{3,4} m?s, \d+ ns each"#,
          #"the client has closed: next\(\) returns nil"#,
        ]
      ),
      (
        "posix-queue",
        [
          #"4 messages of at most 64 bytes \(mq_getattr\(3\)\)"#,
          #"/dev/mqueue"#,
          #"got "urgent" with priority 9"#,
          #"got "soon" with priority 5"#,
          #"got "ordinary" with priority 1"#,
          #"4 messages, then EAGAIN"#,
          #"mq_unlink\(3\) removed the name; mq_open\(3\) of it fails: .*No such file"#,
          #""whole, in order, once""#,
        ]
      ),
      (
        "posix-semaphore",
        [
          #"sem_timedwait\(3\) returned 3 times"#,
          #"sem_trywait\(3\) fails with EAGAIN"#,
          #"fails after 20 ms: ETIMEDOUT"#,
          #"is dead \(signal 9\): sem_getvalue\(3\) gives 0"#,
          #"sent a token and received it"#,
        ]
      ),
      (
        "eventfd",
        [
          #"not readable, since the count is 0"#,
          #"poll\(2\): readable"#,
          #"returns their sum, 5"#,
          #"the next read\(2\) fails with EAGAIN"#,
          #"so 5 of them empty it"#,
          #"got 4 tokens"#,
        ]
      ),
      (
        "signal",
        [
          #"kill\(2\) sent SIGUSR1 to process \d+ three times"#,
          #"takes SIGUSR1 once:"#,
          #"takes SIGRTMIN\+1 3 times, in order: \[7, 8, 9\]"#,
          #"the sum is 5050"#,
        ]
      ),
      (
        "popen",
        [
          #"its output: "one""#,
          #"its output: "the last, without a newline""#,
          #"end of file"#,
          #"^apple$"#,
          #"^banana$"#,
          #"^cherry$"#,
          #"next\(\) gives nil"#,
        ]
      ),
      (
        "memfd",
        [
          #"leads to /memfd:ipc-demo \(deleted\)"#,
          #"F_SEAL_SHRINK; then ftruncate\(2\) to 2 bytes: EPERM"#,
          #"F_SEAL_WRITE; then write\(2\): EPERM"#,
          #"close\(2\): process \d+ alone has the memory"#,
          #"pread\(2\): "written once""#,
          #"the memory with it"#,
          #"through a ring in a memfd"#,
        ]
      ),
      (
        "generators",
        [
          #"send\(60.0\): .* 30.0"#,
          #"returns how many it had, 3"#,
          #"gets "page 1", which the inner one yields"#,
          #"throw\(_:\) gets "page 1 again""#,
          #"the inner generator has returned 2"#,
          #"gets "the end""#,
          #"the defer block runs"#,
        ]
      ),
      (
        "futures",
        [
          #"3 tasks run on this thread"#,
          #""the quick one" was answered"#,
          #""the slow one" was answered"#,
          #"and adds them: 39"#,
          #"NoAnswer\(\), thrown at its wait"#,
        ]
      ),
      (
        "select",
        [
          #"it added 1 to a semaphore"#
        ]
      ),
      (
        "scheduler",
        [
          #"▶ a thread runs tasks"#,
          #"global queue  tasks that are ready"#,
          #"ms  P0 +P1"#,
          #"the tasks ended in this order"#,
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
      (demo: "memory", object: #"process \d+ made segment (\d+)"#),
      (demo: "posix-queue", object: #"mq_open\(3\) made (/\S+):"#),
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
      case "memory":
        #expect(throws: ChannelError.self) { _ = try SharedMemory.open(id: #require(Int32(name))) }
      case "posix-queue": #expect(throws: ChannelError.self) { _ = try PriorityQueue.open(String(name)) }
      default: #expect(throws: ChannelError.self) { _ = try SemaphoreSet.open(id: #require(Int32(name))) }
      }
    }

    @Test("a command that a demo needs and that isn't there is one clear error") func aMissingCommand() throws
    {
      let result = try Tool(["demo", "popen"], environment: ["PATH": ""]).wait()
      #expect(result.code == 1)
      #expect(result.errorLines.count == 1 && result.errors.contains("sort(1)"), "\(result.errors)")
      #expect(try Tool(["demo", "queue"], environment: ["PATH": ""]).wait().errors.isEmpty)
    }

    /// Demos whose channels nothing but the tool removes. Twice, since a second signal must not cut the first one short.
    @Test(arguments: ["processes", "actors"], [SIGINT, SIGTERM])
    func aSignalLeavesNoChannelBehind(_ demo: String, _ signal: Int32) throws {
      let before = SystemSnapshot.systemVObjects()
      for milliseconds in [0, 20, 40, 60] {
        let tool = try Tool(["demo", demo])
        let deadline = TestDeadline(seconds: 30)
        #expect(deadline.reached { !tool.output.isEmpty || !tool.isRunning })
        Clock.sleep(nanoseconds: UInt64(milliseconds) * 1_000_000)
        tool.signal(signal)
        tool.signal(signal)
        let result = tool.wait()
        #expect(result.code == Int32(128) + signal || result.code == 0, "\(result)")
        #expect(result.errors.isEmpty, "\(result.errors)")
        #expect(eventually { before.isSuperset(of: SystemSnapshot.systemVObjects()) })
        let left = (try? Files.names(in: tool.records)) ?? []
        #expect(left.isEmpty)
      }
    }
  }
}
