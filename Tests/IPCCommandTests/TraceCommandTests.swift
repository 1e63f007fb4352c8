import Foundation
import Glibc
import IPC
import IPCTrace
import SystemCalls
import TestSupport
import Testing

/// What `ipc trace --json` prints, as far as the tests look at it.
private struct TraceDocument: Decodable {
  struct Lane: Decodable {
    let pid: Int32
    let title: String
    let ending: String?
  }
  struct Span: Decodable {
    let lane: Int
    let kind: String
    let beginNs: UInt64
    let endNs: UInt64?
    let title: String
    let blocked: Bool
  }
  struct Mark: Decodable {
    let lane: Int
    let kind: String
    let title: String
  }
  struct Arrow: Decodable {
    let kind: String
    let fromLane: Int
    let toLane: Int
    let fromNs: UInt64
    let toNs: UInt64
  }
  struct Total: Decodable {
    let lane: Int
    let channel: Int?
    let sent: Int
    let received: Int
  }
  let exit: String?
  let notes: [String]
  let lanes: [Lane]
  let spans: [Span]
  let marks: [Mark]
  let arrows: [Arrow]
  let totals: [Total]
}

extension AllCommandTests {
  /// `ipc trace`, and the demos under it.
  @Suite(.serialized, .watched) struct TraceCommandTests {
    private func document(_ result: Tool.Result) throws -> TraceDocument {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      return try decoder.decode(TraceDocument.self, from: Data(result.output.utf8))
    }

    /// The folders that the tool makes for its traces.
    private func folders() -> [String] {
      ["/dev/shm", "/tmp"].flatMap { base in
        ((try? Files.names(in: base)) ?? []).filter { $0.hasPrefix("ipc-trace-") }
      }
    }

    @Test("a demo of each mechanism, as JSON: lanes, messages, no event lost")
    func demos() throws {
      let before = folders()
      for name in (Mechanism.all + Mechanism.variants).map(\.name) {
        let result = try Tool.run(["trace", "--json", "--", Tool.path, "demo", name])
        #expect(result.code == 0, "\(name): \(result.errors)")
        let trace = try document(result)
        #expect(trace.exit == "exited with 0" && !trace.lanes.isEmpty)
        #expect(trace.marks.contains { $0.kind == "note" }, "\(name)")
        // The semaphore's makes its calls itself.
        if name != "semaphore" { #expect(trace.marks.contains { $0.kind == "opened" }, "\(name)") }
        for arrow in trace.arrows { #expect(arrow.fromNs <= arrow.toNs) }
        for span in trace.spans { #expect(span.endNs.map { $0 >= span.beginNs } ?? true) }
        // What was received was sent.
        let sent = trace.totals.reduce(0) { $0 + $1.sent }
        let received = trace.totals.reduce(0) { $0 + $1.received }
        let lost = trace.notes.contains { $0.contains("found no room") }
        // With the FIFO's and the queue's, shells talk; the one in memory kills a sender before it can say what it sent.
        #expect(lost || ["popen", "fifo", "queue", "memory"].contains(name) || received <= sent, "\(name)")
      }
      #expect(folders() == before)
    }

    @Test("a demo with --trace shows its words in lanes, and prints nothing else")
    func demoTrace() throws {
      let result = try Tool(["demo", "pipe", "--trace"], environment: ["COLUMNS": "120"]).wait()
      #expect(result.code == 0)
      #expect(result.output.hasPrefix("      ms  ipc demo pipe "))
      #expect(
        result.output.contains("» write(2): \"hello\"") && result.output.contains("─▶│ received #1, 5 bytes"))
      for line in result.output.split(separator: "\n") { #expect(line.count <= 120) }
    }

    @Test("a child that is killed: its lane says so")
    func killedChild() throws {
      let trace = try document(Tool.run(["trace", "--json", "--", Tool.path, "demo", "memory"]))
      #expect(trace.lanes.contains { $0.ending == "killed by signal 9 (Killed)" })
    }

    @Test("both files, and the exit code of the program")
    func files() throws {
      let folder = try Folder()
      let (html, perfetto) = ("\(folder.path)/trace.html", "\(folder.path)/trace.json")
      let result = try Tool.run([
        "trace", "--html", html, "--perfetto", perfetto, "--", "/bin/sh", "-c", "\"$0\" demo unix; exit 7",
        Tool.path,
      ])
      #expect(result.code == 7)
      #expect(folder.text("trace.html").contains("</html>"))
      let json = try JSONSerialization.jsonObject(with: Data(folder.text("trace.json").utf8))
      #expect(((json as? [String: Any])?["traceEvents"] as? [Any])?.isEmpty == false)
      #expect(result.output.contains("process") && result.output.contains("wakes"))
    }

    @Test("a folder that IPC_TRACE named is shown, as often as one likes")
    func folder() throws {
      let folder = try Folder()
      let traces = folder.path + "/traces"
      let demo = try Tool(["demo", "pipe"], environment: ["IPC_TRACE": traces]).wait()
      #expect(demo.code == 0)
      let first = try Tool.run(["trace", traces, "--json"])
      let second = try Tool.run(["trace", traces, "--json"])
      #expect(first.code == 0 && first.output == second.output)
      #expect(try document(first).arrows.contains { $0.kind == "message" })
      // Of mode 0600, in a folder of mode 0700.
      #expect(try Files.stat(traces).mode == 0o700)
      for name in try Files.names(in: traces) { #expect(try Files.stat("\(traces)/\(name)").mode == 0o600) }
    }

    @Test("a folder in which nothing can be written doesn't disturb the program")
    func fullFolder() throws {
      let result = try Tool(["demo", "pipe"], environment: ["IPC_TRACE": "/proc/none"]).wait()
      #expect(result.code == 0 && result.errors.isEmpty)
    }

    @Test("a limit of file sizes that is too small for the events is reported")
    func fileSizeLimit() throws {
      let result = try Tool.run([
        "trace", "--", "/bin/sh", "-c", "ulimit -f 16; exec \"$0\" demo sequential >/dev/null", Tool.path,
      ])
      #expect(result.code == 1 && result.errors.contains("couldn't record: File too large"))
    }

    @Test(
      "wrong calls say what to do",
      arguments: [
        (["trace"], "write ipc trace -- COMMAND"),
        (["trace", "--"], "a command is missing behind --"),
        (["trace", "--", "no-such-program"], "no such program in a folder of PATH"),
        (["trace", "--", "/etc/passwd"], "no program that can be run"),
        (["trace", "--limit", "x", "--", "true"], "expected a whole number"),
        (["trace", "--html", "/no/such/folder/x", "--", "true"], "can't be written"),
        (["trace", "--hmtl", "x", "--", "true"], "did you mean --html?"),
        (["demo", "--trace"], "give one demo's name"),
        (["bench", "--", "x"], "unexpected argument \"--\""),
      ])
    func wrongCalls(_ arguments: [String], _ message: String) throws {
      let result = try Tool.run(arguments)
      #expect(result.code == 2 && result.output.isEmpty)
      #expect(result.errors.contains(message), "\(result.errors)")
    }

    @Test("a program that doesn't use the library, and a folder without a trace")
    func noTrace() throws {
      let result = try Tool.run(["trace", "--", "true"])
      #expect(result.code == 1 && result.errors.contains("strace -f true"))
      let folder = try Folder()
      #expect(try Tool.run(["trace", folder.path]).errors.contains("has no trace"))
      #expect(try Tool.run(["trace", folder.path + "/none"]).errors.contains("No such file or directory"))
    }

    @Test(
      "a program of the tool's that is ended by a signal: what it did is shown, and its exit code passed on")
    func killedProgram() throws {
      let result = try Tool.run([
        "trace", "--json", "--", "/bin/sh", "-c", "\"$0\" demo pipe >/dev/null; kill -KILL $$", Tool.path,
      ])
      #expect(result.code == 128 + SIGKILL)
      #expect(try document(result).exit == "killed by signal 9 (Killed)")
    }

    @Test("an interruption ends the program and shows what it did, with exit code 130")
    func interruption() throws {
      let before = folders()
      let folder = try Folder()
      let tool = try Tool([
        "trace", "--", "/bin/sh", "-c",
        "trap 'exit 5' TERM; \"$0\" demo unix >/dev/null; : >\"$1\"; while :; do sleep 0.05; done",
        Tool.path, folder.path + "/ready",
      ])
      #expect(eventually { FileManager.default.fileExists(atPath: folder.path + "/ready") })
      kill(tool.id, SIGINT)
      let result = tool.wait()
      #expect(result.code == 130 && result.output.contains("received #1"))
      #expect(folders() == before)
    }

    @Test("what a killed tool has left goes with the next")
    func leftFolder() throws {
      let folder = try Folder()
      let tool = try Tool(
        [
          "trace", "--", "/bin/sh", "-c", "\"$0\" demo unix >/dev/null; : >\"$1\"; read x", Tool.path,
          folder.path + "/ready",
        ], environment: ["TMPDIR": folder.path])
      #expect(eventually { FileManager.default.fileExists(atPath: folder.path + "/ready") })
      kill(tool.id, SIGKILL)
      _ = tool.wait()
      func left() throws -> [String] {
        try Files.names(in: folder.path).filter { $0.hasPrefix("ipc-trace-") }
      }
      let count = try left().count
      #expect(count <= 1)
      _ = try Tool(["trace", "--", "true"], environment: ["TMPDIR": folder.path]).wait()
      #expect(try left().isEmpty)
    }

    @Test(
      "strace sees the calls on a channel's objects that the trace has: none missing, none invented, in order",
      .enabled(if: StraceRun.isEnabled), arguments: (Mechanism.all + Mechanism.variants).map(\.name))
    func againstStrace(_ name: String) throws {
      let folder = try Folder()
      let traces = folder.path + "/traces"
      let run = try StraceRun(
        Tool.path, arguments: ["demo", name],
        environment: ["IPC_TRACE": traces, "IPC_TRACE_EVENTS": "1048576"])
      #expect(run.exit == .code(0))
      var reader = TraceFolder(traces, takes: false)
      var events: [TraceEvent] = []
      while try reader.read(looksForEnds: true, { events.append($0) }) > 0 {}
      #expect(reader.problems.isEmpty && reader.processes.allSatisfy { $0.lost == 0 })
      let both = TraceAgainstStrace(events, run.calls)
      #expect(!both.recorded.isEmpty || ["semaphore", "signal", "posix-semaphore"].contains(name))
      for place in Set(both.recorded.keys).union(both.seen.keys) {
        var (recorded, seen) = (both.recorded[place] ?? [], both.seen[place] ?? [])
        // The C library's semaphores call futex(2) only where a process sleeps.
        if name == "posix-semaphore", place.object == "memory" { continue }
        // A hundred thousand messages: what is read of strace's text ends before they do.
        if recorded.count > 20_000, seen.count > 1000 {
          recorded = Array(recorded.prefix(seen.count - 1))
          seen.removeLast()
        }
        // A process may end between the return of a call and its record.
        // Or before the call that it has recorded.
        if let last = recorded.last, !last.contains("=") {
          if recorded.count == seen.count, let other = seen.last, other.hasPrefix(last) {
            recorded[recorded.count - 1] = other
          } else if recorded.count == seen.count + 1 {
            recorded.removeLast()
          }
        }
        let difference = zip(recorded, seen).enumerated().first { $0.element.0 != $0.element.1 }?.offset
        let first = max(0, (difference ?? min(recorded.count, seen.count)) - 1)
        if recorded == seen { continue }
        Issue.record(
          "\(place): \(recorded.count) recorded, \(seen.count) seen; from \(first) on recorded \(recorded.dropFirst(first).prefix(4)), seen \(seen.dropFirst(first).prefix(4))"
        )
      }
      #expect(both.recordedSignals == both.seenSignals)
    }
  }
}
