import Foundation
import Glibc
import TestSupport
import Testing

extension AllCommandTests {
  /// What the tool does where its standard descriptors, or the signals that it inherits, aren't as usual.
  @Suite(.serialized, .watched) struct StandardStreamTests {
    /// Runs the tool with redirections, and what comes before it, as a shell has them.
    private func run(_ command: String, _ redirections: String = "", after before: String = "") throws
      -> Tool.Result
    {
      try Tool(["-c", "\(before) exec \"$0\" \(command) \(redirections)", Tool.path], program: "/bin/sh")
        .wait()
    }

    private static let commands = [
      "--help", "--version", "mechanisms", "mechanisms --json", "demo --json", "demo pipe", "site",
      "site --json",
      "crawl --work nothing --pages 10 --repeats 1 --mechanism pipe",
      "crawl --work nothing --pages 10 --repeats 1 --mechanism pipe --json",
      "bench throughput --mechanism pipe --seconds 0.01 --repeats 1",
      "bench steps --step select --seconds 0.01 --repeats 1", "bench select --mechanism pipe --seconds 0.05",
    ]

    @Test("output that can't be written is an error", arguments: commands, [">/dev/full", ">&-"])
    func outputThatCannotBeWritten(_ command: String, _ redirection: String) throws {
      let result = try run(command, redirection)
      #expect(result.code == 1)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(result.errors.hasPrefix("ipc: standard output can't be written"), "\(result.errors)")
    }

    @Test("errors that can't be written change nothing", arguments: ["2>/dev/full", "2>&-", "<&- 2>&-"])
    func errorsThatCannotBeWritten(_ redirection: String) throws {
      #expect(try run("mechanisms pipe", redirection).code == 0)
      #expect(try run("mechanisms nope", redirection).code == 2)
      #expect(try run("crawl --work nothing --pages 10 --repeats 1 --mechanism pipe", redirection).code == 0)
    }

    @Test(
      "without any standard descriptor a command ends", arguments: commands.filter { !$0.contains("site") })
    func noStandardDescriptors(_ command: String) throws {
      #expect(try run(command, "<&- >&- 2>&-").code == 1)
    }

    @Test("children are waited for where the parent ignored SIGCHLD") func ignoredChildren() throws {
      let result = try run("demo pipe", after: "trap '' CHLD;")
      #expect(result.code == 0, "\(result.errors)")
      let crawl = try run(
        "crawl --work nothing --pages 10 --repeats 1 --mechanism pipe", after: "trap '' CHLD;")
      #expect(crawl.code == 0 && crawl.errors.isEmpty, "\(crawl.errors)")
    }

    @Test("a command that nohup(1) starts goes on when its terminal is gone") func ignoredHangUp() throws {
      let tool = try Tool(
        ["-c", "trap '' HUP; exec \"$0\" site --pages 3 --json", Tool.path], program: "/bin/sh")
      #expect(eventually { tool.output.contains("url") || !tool.isRunning })
      tool.signal(SIGHUP)
      tool.signal(SIGTERM)
      #expect(tool.wait().code == 128 + SIGTERM)
    }

    /// From the first instructions of the tool on: before, the system's default action ends it.
    @Test("a signal ends a command with its exit code", arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT])
    func signals(_ signal: Int32) throws {
      for _ in 0..<10 {
        let tool = try Tool(["bench", "throughput", "--mechanism", "fifo,queue", "--seconds", "5"])
        // The thread that takes the signals is the first one beside the main thread.
        #expect(eventually { threads(tool.id) > 1 || !tool.isRunning })
        tool.signal(signal)
        let result = tool.wait()
        #expect(result.code == 128 + signal)
        #expect(result.errors.isEmpty && result.output.isEmpty, "\(result.errors)")
        #expect((try? FileManager.default.contentsOfDirectory(atPath: tool.records))?.isEmpty != false)
      }
    }

    private func threads(_ process: Int32) -> Int {
      (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task").count) ?? 0
    }

    @Test("what a command can't use isn't offered for a word that it doesn't know") func offeredMechanisms()
      throws
    {
      for command in [["crawl"], ["bench", "select"]] {
        let result = try Tool.run(command + ["--mechanism", "nope"])
        #expect(result.code == 2 && result.errors.contains("posix-queue"))
        for name in ["eventfd", "signal", "posix-semaphore"] {
          #expect(!result.errors.contains(name))
        }
      }
    }

    @Test("too few descriptors for the workers are told before anything is measured") func tooFewDescriptors()
      throws
    {
      let crawl = "crawl --work nothing --pages 10 --repeats 1 --mechanism pipe,memory"
      let result = try run("\(crawl) --workers 20", after: "ulimit -n 64;")
      #expect(result.code == 2)
      #expect(result.errorLines.count == 1 && result.output.isEmpty)
      #expect(result.errors.contains("ulimit -n") && result.errors.contains("64"), "\(result.errors)")
      #expect(try run("\(crawl) --workers 2", after: "ulimit -n 64;").code == 0)
    }
  }
}
