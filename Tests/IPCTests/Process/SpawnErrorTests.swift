import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// Programs that can't be started: the error says what is wrong with the path, and what to do.
  @Suite(.guarded) struct SpawnErrorTests {
    private func expect(
      _ program: String, _ code: ChannelError.Code, _ says: [String],
      at location: SourceLocation = #_sourceLocation
    ) {
      do throws(ChannelError) {
        _ = try ChildProcess.spawn(program)
        Issue.record("\(program) was started", sourceLocation: location)
      } catch {
        #expect(error.code == code && error.operation == .spawn, "\(error)", sourceLocation: location)
        for words in says { #expect(error.message.contains(words), "\(error)", sourceLocation: location) }
      }
    }

    @Test func aFolder() {
      expect("/tmp", .notAllowed, ["/tmp: it is a folder: write the path of a program in it"])
      expect("/tmp/", .notAllowed, ["it is a folder"])
    }

    @Test func aFileThatIsNotExecutable() {
      expect("/etc/passwd", .notAllowed, ["it isn't executable for this user: chmod +x /etc/passwd"])
    }

    @Test func aPathThatIsNotThere() {
      expect(
        "./nosuch/program", .system,
        [
          "no such program",
          "check the path, which is relative to the working folder \(Processes.workingFolder)",
        ])
      expect("/nosuch/program", .system, ["/nosuch/program: no such program: check the path"])
      expect("/etc/passwd/program", .system, ["is a file, not a folder"])
    }

    @Test func aNameThatPATHDoesNotHave() {
      expect(
        "nosuchprogram", .system,
        [
          "no program \"nosuchprogram\" in a folder of PATH: write its path, with a slash, or install it (PATH is "
        ])
    }

    @Test func aScriptThatCannotRun() throws {
      for (text, says) in [
        ("#!/nosuch/interpreter\n", "its interpreter isn't there"), ("hello\n", "isn't a program"),
      ] {
        let path = Workspace.path()
        do {
          let file = try Files.open(path, .write, create: true)
          try Files.writeText(file, text)
        }
        defer { try? Files.unlink(path) }
        expect(path, .notAllowed, ["chmod +x \(path)"])
        var child = try ChildProcess.spawn("chmod", arguments: ["+x", path])
        #expect(try child.wait() == .code(0))
        expect(path, .system, [says])
      }
    }
  }
}
