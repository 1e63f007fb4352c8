package import IPC
import SystemCalls

/// Runs a program under `strace -f -yy`, and returns the system calls that it and its children made.
package struct StraceRun {
  /// The calls, in the order in which they began.
  package let calls: [StraceCall]
  /// How the program ended. strace(1) ends as the program does.
  package let exit: ChildProcess.Exit
  /// The trace as strace(1) wrote it.
  package let text: String

  /// strace(1), where it is installed.
  package static let executable: String? = {
    let directories = (Processes.variable("PATH") ?? "/usr/bin:/bin").split(separator: ":")
    return directories.map { "\($0)/strace" }.first { (try? Files.stat($0))?.kind == .regular }
  }()

  /// Whether tests that trace run here. In CI they do without a sanitizer, and fail where there is no strace(1).
  package static let isEnabled = !Sanitizer.isOn && (executable != nil || Processes.variable("CI") != nil)

  /// Why a run gave no trace.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  private static let stringBytes = 80

  /// Runs the program and waits for its end.
  /// - Throws: ``Failure`` if there is no strace(1), if it isn't allowed to trace, or if the program doesn't end in time.
  package init(
    _ program: String, arguments: [String], environment: [String: String] = [:],
    within duration: Duration = .seconds(60)
  ) throws {
    guard let strace = Self.executable else {
      throw Failure(description: "strace isn't installed: apt-get install strace")
    }
    let path = Workspace.path()
    defer { try? Files.unlink(path) }
    var spawn = Spawn(
      strace,
      arguments: ["-f", "-yy", "-s", String(Self.stringBytes), "-o", path, "--", program] + arguments)
    spawn.environment = environment
    var child = try spawn.start()
    guard let exit = try child.wait(within: duration) else {
      throw Failure(description: "\(program) doesn't end within \(duration)")
    }
    self.exit = exit
    text = (try? Files.readText(path)) ?? ""
    calls = StraceParser.calls(in: text)
    // Where tracing is refused, strace(1) says so on standard error.
    guard calls.contains(where: { $0.name == "execve" }) else {
      throw Failure(description: "strace gave no trace (\(exit)): this machine may refuse ptrace(2)")
    }
  }
}
