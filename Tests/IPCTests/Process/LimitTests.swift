import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// Limits of the system that are smaller than a channel needs: an error that names them, and nothing is left.
  @Suite(.guarded) struct LimitTests {
    /// Whether this user may have namespaces of its own.
    private static let hasNamespaces = ConditionTrait.enabled(
      if: getuid() == 0 && succeeds("unshare -m -i sh -c '\(fewSemaphores)'"), "it needs root and unshare(1)")

    private static func succeeds(_ command: String) -> Bool {
      guard var child = try? ChildProcess.spawn("/bin/sh", arguments: ["-c", command]) else { return false }
      return (try? child.wait()) == .code(0)
    }

    /// What a command of the shell prints that ends with `exec`ing the other program, `"$0"`, and how it ends.
    private func output(_ command: String) throws -> String {
      let output = Workspace.path()
      defer { try? Files.unlink(output) }
      // Through a pipe: a limit of files is one of the output, too.
      let line = "{ (\(command)) 2>&1; echo exit $?; } | cat > \(output)"
      var child = try ChildProcess.spawn("/bin/sh", arguments: ["-c", line, Workspace.peer])
      #expect(try child.wait(within: .seconds(30)) == .code(0))
      return try Files.readText(output)
    }

    @Test("no file may grow: ulimit -f", arguments: ["open receiver memory:", "make memfd"])
    func fileSize(_ order: String) throws {
      let name = order.hasSuffix(":") ? Workspace.name() : ""
      let output = try output("ulimit -f 0; exec \"$0\" \(order)\(name)")
      #expect(output.contains("ulimit -f") && output.hasSuffix("exit 0\n"), "\(output)")
    }

    private static let fewSemaphores = "echo 4 32000 500 32000 > /proc/sys/kernel/sem"

    @Test("a set of semaphores may have four: kernel.sem", hasNamespaces)
    func semaphores() throws {
      let output = try output(
        "exec unshare -i sh -c '\(Self.fewSemaphores); exec \"$0\" make semaphore' \"$0\"")
      #expect(output.contains("kernel.sem") && output.hasSuffix("exit 0\n"), "\(output)")
    }

    @Test(
      "without /proc, what needs it says so, and the rest works", hasNamespaces,
      .enabled(if: !Sanitizer.isOn, "a sanitizer needs /proc"))
    func withoutProc() throws {
      // Swift finds a program's arguments in /proc too: the orders come over a channel.
      let peer = try PeerProcess(shell: "exec unshare -m sh -c 'umount -l /proc && exec \"$0\"' \"$0\"")
      for mechanism in Mechanism.all + Mechanism.variants {
        Watchdog.at(mechanism.name)
        let answer = try peer.ask("make \(mechanism.name)")
        if [.queue, .posixQueue].contains(mechanism) {
          #expect(answer.hasPrefix("error system") && answer.contains("mount /proc"), "\(answer)")
        } else {
          #expect(answer == "ok", "\(mechanism.name): \(answer)")
        }
        // A FIFO is opened once more where a call has a deadline.
        if mechanism == .fifo {
          let answer = try peer.ask("send-within 1000 0 3")
          #expect(answer.hasPrefix("error system") && answer.contains("mount /proc"), "\(answer)")
        }
      }
      // It is started by its own path.
      #expect(try peer.ask("family pipe").allSatisfy(\.isNumber))
      try peer.finish()
    }

    @Test("a limit that the kernel's error doesn't tell is named")
    func advice() {
      let cases: [(Int32, SystemCall, String)] = [
        (EAGAIN, .pthreadCreate, "ulimit -u"), (EAGAIN, .posixSpawn, "ulimit -u"),
        (ENOMEM, .mmap, "ulimit -v"),
        (EFBIG, .write, "ulimit -f"), (EINVAL, .semget, "kernel.sem"), (E2BIG, .semtimedop, "kernel.sem"),
      ]
      for (number, call, limit) in cases {
        let message = ChannelError(SystemError(number, call), .open, .memory).message
        #expect(message.hasPrefix("\(call.rawValue): ") && message.contains(limit), "\(message)")
      }
    }
  }
}
