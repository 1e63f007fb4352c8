import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// Programs that run their work in `runProgram`: what they print, and how they end.
  @Suite(.guarded) struct RunProgramTests {
    /// The programs beside the test program, and the arguments before the word that chooses the work: one whose top level
    /// waits, and one whose top level doesn't.
    static let programs = [["ipc-peer", "program"], ["ipc-async-program"]]

    struct Case: CustomTestStringConvertible, Sendable {
      let work: String
      var redirection = ""
      let code: Int32
      let output: String
      /// Behind the program's name; nil: nothing.
      let error: String?
      var testDescription: String { "\(work) \(redirection)" }
    }

    private static let missing = "fifo: /nope/jobs: the folder /nope isn't there: make it first"
    private static let refused = "the work was refused"
    static let cases = [
      Case(work: "nothing", code: 0, output: "done\nand on\n", error: nil),
      Case(work: "channel-error", code: 1, output: "", error: missing),
      Case(work: "other-error", code: 1, output: "", error: refused),
      Case(work: "late-error", code: 1, output: "before", error: refused),
      Case(work: "nothing", redirection: ">&-", code: 0, output: "", error: nil),
      Case(work: "channel-error", redirection: ">&-", code: 1, output: "", error: missing),
      Case(work: "nothing", redirection: "2>&-", code: 0, output: "done\nand on\n", error: nil),
      Case(work: "late-error", redirection: "2>&-", code: 1, output: "before", error: nil),
      Case(work: "late-error", redirection: "<&- 2>&-", code: 1, output: "before", error: nil),
      // A full disk.
      Case(work: "late-error", redirection: "> /dev/full", code: 1, output: "", error: refused),
      Case(work: "late-error", redirection: "2> /dev/full", code: 1, output: "before", error: nil),
    ]

    @Test(arguments: programs, cases)
    func endsWithItsErrorsSentence(_ program: [String], _ aCase: Case) throws {
      Watchdog.at("\(program[0]) \(aCase)")
      let result = try Self.run(
        "exec \(Self.command(program, aCase.work)) > \(Self.output) 2> \(Self.errors) \(aCase.redirection)")
      #expect(result.exit == .code(aCase.code))
      #expect(result.output == aCase.output)
      #expect(result.errors == (aCase.error.map { "\(program[0]): \($0)\n" } ?? ""))
    }

    /// Neither a hang nor a death by SIGPIPE: the error is told, and the exit code is the error's.
    @Test(arguments: programs)
    func aStandardOutputWithoutAReaderChangesNothing(_ program: [String]) throws {
      Watchdog.at(program[0])
      let command = Self.command(program, "flood-error")
      let result = try Self.run("{ \(command) 2> \(Self.errors); echo $? > \(Self.output); } | true")
      #expect(result.output == "1\n")
      #expect(result.errors == "\(program[0]): \(Self.refused)\n")
    }

    @Test(arguments: programs)
    func aStandardErrorWithoutAReaderChangesNothing(_ program: [String]) throws {
      Watchdog.at(program[0])
      // The reader has ended before the program begins.
      let fifo = Workspace.path()
      try Files.mkfifo(fifo)
      defer { try? Files.unlink(fifo) }
      let result = try Self.run(
        "exec 3<> \(fifo) 4> \(fifo) 3>&-; \(Self.command(program, "channel-error")) 2>&4; echo $? > \(Self.output)"
      )
      #expect(result.output == "1\n")
    }

    /// What it prints goes into no channel, and a child has nothing of its channels either.
    @Test(arguments: ["<&-", ">&-", "2>&-", "<&- >&-", ">&- 2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
    func channelsLeaveTheStandardStreamsFree(_ redirection: String) throws {
      Watchdog.at(redirection)
      let command = Self.command(["ipc-peer", "closed-streams"], Self.output)
      let result = try Self.run(
        "exec \(command) < /dev/null > \(Self.errors) 2> \(Self.errors) \(redirection)")
      #expect(result.exit == .code(0))
      #expect(result.output == "", "what the program found wrong")
    }

    // MARK: Running a program

    private static let output = Workspace.directory + "/files/output"
    private static let errors = Workspace.directory + "/files/errors"

    private static func command(_ program: [String], _ work: String) -> String {
      let path = Processes.executable.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
      return (["\(path)/\(program[0])"] + program.dropFirst() + [work]).joined(separator: " ")
    }

    private static func run(
      _ command: String
    ) throws -> (exit: ChildProcess.Exit, output: String, errors: String) {
      defer { for path in [output, errors] { try? Files.unlink(path) } }
      var child = try ChildProcess.spawn("/bin/sh", arguments: ["-c", command])
      let exit = try child.wait()
      return (exit, (try? Files.readText(output)) ?? "", (try? Files.readText(errors)) ?? "")
    }
  }
}
