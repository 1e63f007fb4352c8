import Glibc
import SystemCalls
import Testing

extension AllSystemCallsTests {
  @Suite struct ProcessesTests {
    /// Runs a line of shell with these descriptors, and waits for it.
    private func shell(_ line: String, _ descriptors: [Int32]) throws -> (Processes.Exit, Processes.Usage) {
      let process = try Processes.posixSpawn(
        "/bin/sh", arguments: ["-c", line], environment: ["PATH=/usr/bin:/bin", "WORD=hello"],
        descriptors: descriptors)
      let ended = try #require(try Processes.wait4(process, wait: true))
      return (ended.exit, ended.usage)
    }

    @Test("the child has the descriptors as 0, 1, 2 … in their order, and no others")
    func descriptorPlacement() throws {
      let input = try PipeEnds.pipe2()
      let output = try PipeEnds.pipe2()
      let extra = try PipeEnds.pipe2()
      _ = try write(input.writing.raw, Array("question\n".utf8))
      // As another library might leave it: open in the parent, and not closed on exec.
      let careless = dup(extra.writing.raw)
      defer { close(careless) }
      let (exit, _) = try shell(
        "read line; echo got $line; echo beside >&3; ls /proc/self/fd | wc -l >&3",
        [input.reading.raw, output.writing.raw, 2, extra.writing.raw])
      #expect(exit == .code(0))
      #expect(String(decoding: try read(output.reading.raw, 100), as: UTF8.self) == "got question\n")
      // 0 to 3, and the descriptor with which ls reads the directory.
      let beside = String(decoding: try read(extra.reading.raw, 100), as: UTF8.self)
      #expect(beside.split(whereSeparator: \.isWhitespace) == ["beside", "5"])
    }

    @Test("descriptors whose numbers are others' targets aren't overwritten")
    func overlappingDescriptors() throws {
      let pipes = [try OpenPipe.make(), try OpenPipe.make(), try OpenPipe.make()]
      // The numbers 3 to 5 become the pipes, and what they were before is restored.
      let saved = (3...5).map { fcntl($0, F_DUPFD_CLOEXEC, 100) }
      let flags = (3...5).map { fcntl($0, F_GETFD) }
      let high = pipes.map { fcntl($0.input, F_DUPFD_CLOEXEC, 200) }
      for index in 0..<3 { dup2(high[index], Int32(3 + index)) }
      // Rotated: 5 becomes 3, 3 becomes 4, 4 becomes 5.
      let exit = Result { try shell("echo 3 >&3; echo 4 >&4; echo 5 >&5", [0, 1, 2, 5, 3, 4]).0 }
      for index in 0..<3 {
        let number = Int32(3 + index)
        if saved[index] >= 0 {
          dup2(saved[index], number)
          _ = fcntl(number, F_SETFD, flags[index])
          close(saved[index])
        } else {
          close(number)
        }
        close(high[index])
      }
      #expect(try exit.get() == .code(0))
      let texts = try pipes.map { String(decoding: try read($0.output, 100, wait: false), as: UTF8.self) }
      #expect(texts == ["4\n", "5\n", "3\n"])
    }

    @Test("the same descriptor can go to several places")
    func sameDescriptorTwice() throws {
      let output = try PipeEnds.pipe2()
      let raw = output.writing.raw
      let (exit, _) = try shell("echo one; echo two >&3; echo three >&4", [0, raw, 2, raw, raw])
      #expect(exit == .code(0))
      #expect(String(decoding: try read(output.reading.raw, 100), as: UTF8.self) == "one\ntwo\nthree\n")
      #expect(closesOnExec(raw), "the parent's own stays as it was")
    }

    @Test("a child has no other file under the number of a standard stream that its parent lacks")
    func missingStandardStream() throws {
      let output = try PipeEnds.pipe2()
      let saved = fcntl(0, F_DUPFD_CLOEXEC, 100)
      close(0)
      let ended = Result {
        try shell("read line; echo $?; readlink /proc/self/fd/0", [0, output.writing.raw, 2])
      }
      let isFree = !isOpen(0)
      if saved >= 0 {
        dup2(saved, 0)
        close(saved)
      }
      #expect(isFree)
      #expect(try ended.get().0 == .code(0))
      // Reading fails there as it does here.
      let text = String(decoding: try read(output.reading.raw, 100), as: UTF8.self)
      #expect(text.hasSuffix("/dev/null\n") && !text.hasPrefix("0\n"), "\(text)")
    }

    @Test("a spawn leaves no descriptor open in the parent")
    func spawnLeavesNoDescriptors() throws {
      let before = try Files.names(in: "/proc/self/fd").count
      for _ in 0..<5 {
        _ = try shell("exit 0", [0, 1, 2, 0, 1])
        #expect(throws: SystemError.self) {
          _ = try Processes.posixSpawn(
            "/no/such/program", arguments: [], environment: [], descriptors: [0, 1, 2, 0])
        }
      }
      #expect(try Files.names(in: "/proc/self/fd").count == before)
    }

    @Test("a program that can't be run is an error")
    func missingProgram() {
      #expect(throws: SystemError(ENOENT, .posixSpawn)) {
        _ = try Processes.posixSpawn(
          "/no/such/program", arguments: [], environment: [], descriptors: [0, 1, 2])
      }
      #expect(throws: SystemError(EACCES, .posixSpawn)) {
        _ = try Processes.posixSpawn("/etc/passwd", arguments: [], environment: [], descriptors: [0, 1, 2])
      }
      #expect(throws: SystemError(EBADF, .fcntl)) {
        _ = try Processes.posixSpawn(
          "/bin/true", arguments: [], environment: [], descriptors: [0, 1_000_000])
      }
    }

    @Test("arguments and environment arrive unchanged, and nothing of the parent's environment")
    func argumentsAndEnvironment() throws {
      let output = try PipeEnds.pipe2()
      let process = try Processes.posixSpawn(
        "/bin/sh", arguments: ["-c", "echo \"$0|$1|$2|$WORD|$HOME\"", "zero", "", "two words"],
        environment: ["WORD=grün"], descriptors: [0, output.writing.raw, 2])
      #expect(try Processes.wait4(process, wait: true)?.exit == .code(0))
      #expect(String(decoding: try read(output.reading.raw, 100), as: UTF8.self) == "zero||two words|grün|\n")
    }

    @Test("the exit says whether a process ended by itself or by a signal")
    func exits() throws {
      #expect(try shell("exit 0", [0, 1, 2]).0 == .code(0))
      #expect(try shell("exit 77", [0, 1, 2]).0 == .code(77))
      #expect(try shell("kill -9 $$", [0, 1, 2]).0 == .signal(SIGKILL))
      #expect(try shell("kill -15 $$", [0, 1, 2]).0 == .signal(SIGTERM))
    }

    @Test(
      "a wait that doesn't block returns nothing while a child runs; its descriptor is readable once it has ended"
    )
    func reapWithoutWaiting() throws {
      let input = try PipeEnds.pipe2()
      // Reads until its input ends.
      let process = try Processes.posixSpawn(
        "/bin/cat", arguments: [], environment: [], descriptors: [input.reading.raw, 1, 2])
      let descriptor = try Processes.pidfdOpen(process)
      #expect(try Processes.wait4(process, wait: false) == nil)
      #expect(try !ppoll(descriptor.raw, read: true, nanoseconds: 0))
      Processes.kill(process, SIGTERM)
      #expect(try ppoll(descriptor.raw, read: true, nanoseconds: nil))
      #expect(try Processes.wait4(process, wait: false)?.exit == .signal(SIGTERM))
      #expect(throws: SystemError(ECHILD, .wait4)) { _ = try Processes.wait4(process, wait: false) }
      #expect(throws: SystemError(ESRCH, .pidfdOpen)) { _ = try Processes.pidfdOpen(process) }
    }

    @Test("a child's usage is counted")
    func usage() throws {
      let (exit, usage) = try shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done", [0, 1, 2])
      #expect(exit == .code(0))
      #expect(usage.userNanoseconds + usage.systemNanoseconds > 0)
      #expect(usage.peakKilobytes > 0)
      let mine = Processes.getrusage()
      #expect(mine.userNanoseconds > 0 && mine.peakKilobytes > 0)
    }

    @Test("the child leads its own process group, blocks no signal, and SIGPIPE has its default action")
    func signalState() throws {
      // The library's own threads block all signals; a child must not, whichever thread spawns it.
      Streams.ignoreSIGPIPE
      Streams.ignoreSIGXFSZ
      let output = try PipeEnds.pipe2()
      // Builtins only: a shell that waits for another program blocks signals meanwhile.
      let report =
        "read -r pid name state parent group rest < /proc/self/stat; echo $pid $group; while read -r line; "
        + "do case $line in SigBlk*|SigIgn*) echo \"$line\";; esac; done < /proc/self/status"
      let (exit, _) = try shell(report, [0, output.writing.raw, 2])
      #expect(exit == .code(0))
      let lines = String(decoding: try read(output.reading.raw, 1000), as: UTF8.self).split(separator: "\n")
      try #require(lines.count == 3)
      let numbers = lines[0].split(separator: " ")
      #expect(numbers.count == 2 && numbers[0] == numbers[1])
      #expect(lines[1].hasSuffix("0000000000000000"))
      let ignored = try #require(UInt64(lines[2].split(separator: "\t")[1], radix: 16))
      #expect(ignored & (1 << (SIGPIPE - 1)) == 0)
      #expect(ignored & (1 << (SIGXFSZ - 1)) == 0)
    }

    @Test("this process: its program, its environment, its CPUs")
    func thisProcess() throws {
      #expect(Processes.processors >= 1)
      #expect(try Files.stat(Processes.executable).kind == .regular)
      unsafe setenv("IPC_TEST_VARIABLE", "a=b", 1)
      #expect(Processes.variable("IPC_TEST_VARIABLE") == "a=b")
      #expect(Processes.environment.contains("IPC_TEST_VARIABLE=a=b"))
      unsafe unsetenv("IPC_TEST_VARIABLE")
      #expect(Processes.variable("IPC_TEST_VARIABLE") == nil)
    }
  }
}
