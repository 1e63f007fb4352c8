import TestSupport
import Testing

extension AllTests {
  /// What strace(1) prints, and which of it is a channel's.
  @Suite(.guarded) struct StraceParserTests {
    // MARK: Lines

    @Test func wholeCallsAreSplit() throws {
      let calls = StraceParser.calls(
        in: """
          17 openat(AT_FDCWD</tmp>, "/tmp/a", O_RDONLY|O_CLOEXEC) = 3</tmp/a>
          17 brk(NULL)                         = 0x55ba9ba03000
          17 mq_timedsend(3</q>, ") = 1", 5, 0, NULL) = -1 EAGAIN (Resource temporarily unavailable)
          17 exit_group(0)                     = ?
          """)
      #expect(calls.map(\.name) == ["openat", "brk", "mq_timedsend", "exit_group"])
      #expect(calls.map(\.thread) == [17, 17, 17, 17])
      #expect(calls.map(\.line) == [0, 1, 2, 3])
      #expect(calls[0].arguments == "AT_FDCWD</tmp>, \"/tmp/a\", O_RDONLY|O_CLOEXEC")
      #expect(calls[0].result == "3</tmp/a>")
      #expect(calls[1].returned == 0x55ba_9ba0_3000)
      #expect(calls[2].arguments == "3</q>, \") = 1\", 5, 0, NULL")
      #expect(calls[2].result == "-1 EAGAIN (Resource temporarily unavailable)")
      #expect(calls[2].returned == nil)
      #expect(calls[3].result == "?")
    }

    @Test func interruptedCallsAreJoined() throws {
      let calls = StraceParser.calls(
        in: """
          17 read(3<pipe:[5]>,  <unfinished ...>
          18 vfork( <unfinished ...>
          17 <... read resumed>"ab", 131072)   = 2
          18 <... vfork resumed>)              = 19
          17 close(3<pipe:[5]> <unfinished ...>
          17 <... close resumed>)              = 0
          """)
      #expect(calls.map(\.name) == ["read", "vfork", "close"])
      #expect(calls.map(\.line) == [0, 1, 4])
      #expect(calls[0].arguments == "3<pipe:[5]>, \"ab\", 131072")
      #expect(calls[0].result == "2")
      #expect(calls[1].arguments == "")
      #expect(calls[1].returned == 19)
      #expect(calls[2].arguments == "3<pipe:[5]>")
    }

    @Test func callsThatNeverReturnAreKept() throws {
      var parser = StraceParser()
      #expect(parser.parse("17 futex(0x7f00, FUTEX_WAIT, 3, NULL <unfinished ...>") == nil)
      #expect(parser.parse("18 epoll_wait(4<anon_inode:[eventpoll]>,  <unfinished ...>") == nil)
      #expect(parser.parse("19 read(0,  <unfinished ...>") == nil)
      let resumed = parser.parse("19 <... read resumed> <unfinished ...>) = ?")
      #expect(resumed?.result == "?")
      #expect(resumed?.arguments == "0,")
      let ended = parser.parse("18 +++ killed by SIGKILL +++")
      #expect(ended?.name == "epoll_wait")
      #expect(ended?.result == nil)
      let left = parser.finish()
      #expect(left.map(\.name) == ["futex"])
      #expect(left.first?.result == nil)
    }

    @Test func whatIsNoCallIsSkipped() throws {
      let calls = StraceParser.calls(
        in: """
          17 --- SIGCHLD {si_signo=SIGCHLD, si_pid=18} ---
          17 +++ exited with 0 +++
          17 <... read resumed>"ab", 2) = 2
          strace: something else

          17
          17 ???( <unfinished ...>
          """)
      #expect(calls.isEmpty)
    }

    // MARK: Arguments

    @Test func descriptorsHaveNames() throws {
      let call = StraceCall(
        thread: 1, name: "x",
        arguments: "3<pipe:[5]>, \"4<no>\\\"5<no>\", [{fd=6</dev/null<char 1:3>>}], "
          + "7<UNIX:[1->2,\"/tmp/a\"]>, AT_FDCWD</tmp>, 8", result: "9<TCP:[127.0.0.1:1->127.0.0.1:2]>",
        line: 0)
      #expect(call.descriptors.map(\.number) == [3, 6, 7])
      #expect(call.descriptors.map(\.name) == ["pipe:[5]", "/dev/null<char 1:3>", "UNIX:[1->2,\"/tmp/a\"]"])
      #expect(call.resultDescriptors.map(\.number) == [9])
      #expect(call.strings == ["4<no>\\\"5<no>", "/tmp/a"])
    }

    // MARK: Phases

    @Test func callsBelongToThePhaseInWhichTheyBegin() throws {
      let phases = phases(
        """
        17 execve("/bin/a", ["a"], 0x1 /* 1 vars */) = 0
        17 pipe2([3<pipe:[1]>, 4<pipe:[2]>], O_CLOEXEC) = 0
        17 write(9</dev/null<char 1:3>>, "phase: open", 11) = 11
        17 pipe2([5<pipe:[7]>, 6<pipe:[8]>], O_CLOEXEC) = 0
        17 clone3({flags=CLONE_VM|CLONE_THREAD, stack=0x1}, 88) = 18
        18 read(5<pipe:[7]>,  <unfinished ...>
        17 read(3<pipe:[1]>, "", 1) = 0
        17 write(9</dev/null<char 1:3>>, "phase: send", 11) = 11
        18 <... read resumed>"a", 1) = 1
        17 writev(6<pipe:[8]>, [{iov_base="a", iov_len=1}], 1) = 1
        18 ppoll([{fd=5<pipe:[7]>, events=POLLIN}], 1, NULL, NULL, 8) = 0 (Timeout)
        17 write(9</dev/null<char 1:3>>, "phase: other", 12) = 12
        17 close(6<pipe:[8]>) = 0
        """)
      #expect(phases.names("open") == ["pipe2", "read"])
      #expect(phases.names("send") == ["writev", "ppoll"])
    }

    @Test func otherProcessesHaveOtherPhases() throws {
      let phases = phases(
        """
        17 write(9</dev/null<char 1:3>>, "phase: open", 11) = 11
        18 execve("/bin/a", ["a"], 0x1 /* 1 vars */) = 0
        18 read(5<pipe:[7]>, "", 1) = 0
        18 write(9</dev/null<char 1:3>>, "phase: send", 11) = 11
        17 fcntl(5<pipe:[7]>, F_GETFL) = 0
        18 writev(5<pipe:[7]>, [], 0) = 0
        17 vfork() = 18
        """)
      #expect(phases.names("open") == ["fcntl", "vfork"])
      #expect(phases.names("send") == ["writev"])
    }

    @Test func onlyWhatIsTheChannelsCounts() throws {
      let phases = phases(
        """
        17 write(9</dev/null<char 1:3>>, "phase: open", 11) = 11
        17 shmget(IPC_PRIVATE, 4096, IPC_CREAT|0600) = 7
        17 shmat(7, NULL, 0) = 0x7f0000001000
        17 futex(0x7f0000001080, FUTEX_WAKE, 1) = 0
        17 write(9</dev/null<char 1:3>>, "phase: send", 11) = 11
        17 futex(0x7f0000002000, FUTEX_WAKE_PRIVATE, 1) = 0
        17 openat(AT_FDCWD</tmp>, "/proc/self/maps", O_RDONLY) = 5</proc/17/maps>
        17 read(5</proc/17/maps>, "", 1024) = 0
        17 write(1</tmp/out>, "a", 1) = 1
        17 mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000003000
        17 munmap(0x7f0000003000, 4096) = 0
        17 unlink("/elsewhere/a") = 0
        17 unlink("/files/a") = 0
        17 write(9</dev/null<char 1:3>>, "phase: close", 12) = 12
        17 shmdt(0x7f0000001000) = 0
        17 futex(0x7f0000001080, FUTEX_WAKE, 1) = 0
        """)
      #expect(phases.names("open") == ["shmget", "shmat", "futex"])
      #expect(phases.names("send") == ["unlink"])
      #expect(phases.names("close") == ["shmdt"])
    }

    private func phases(_ text: String) -> StracePhases {
      StracePhases(
        StraceParser.calls(in: text), phases: ["open", "send", "receive", "wait", "close"], paths: ["/files"])
    }
  }
}
