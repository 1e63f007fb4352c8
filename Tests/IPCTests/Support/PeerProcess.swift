import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

/// The other process of a test: executes orders and answers them.
final class PeerProcess {
  private var child: ChildProcess
  private var orders: ByteSender
  private var report: ByteReceiver
  let id: Int32

  /// Starts one, with the endpoints that `give` passes.
  convenience init(_ give: (inout Spawn) throws(ChannelError) -> Void = { _ in }) throws {
    try self.init(Spawn(Workspace.peer), give)
  }

  /// Starts one by a command of the shell, which ends with `exec`ing it: `"$0"`.
  convenience init(shell command: String) throws {
    try self.init(Spawn("/bin/sh", arguments: ["-c", command, Workspace.peer])) { _ in }
  }

  private init(_ spawn: consuming Spawn, _ give: (inout Spawn) throws(ChannelError) -> Void) throws {
    var options = ChannelOptions()
    options.wait = .block
    var down = try ByteChannel(over: .pipe, options: options)
    var up = try ByteChannel(over: .pipe, options: options)
    try spawn.pass(&down.receiver, as: Workspace.otherPeer == nil ? "orders" : "orders-2")
    try spawn.pass(&up.sender, as: Workspace.otherPeer == nil ? "report" : "report-2")
    if Workspace.otherPeer != nil {
      // As a parent of version 1 describes them: another build's process takes its orders, whatever its version is.
      let pipe = "pipe max=16777216 unit=65536&stream=1"
      spawn.environment["SWIFT_IPC_END_orders"] = "receiver \(pipe) 4"
      spawn.environment["SWIFT_IPC_END_report"] = "sender \(pipe) 5"
    }
    try give(&spawn)
    child = try spawn.start()
    orders = down.sender
    report = up.receiver
    id = child.id
  }

  /// Gives an order; the answer comes later.
  func order(_ text: String) throws { try orders.send(text) }

  /// The next answer.
  func answer(at location: SourceLocation = #_sourceLocation) throws -> String {
    do {
      return try report.receive(String.self, within: .seconds(40))
    } catch {
      Issue.record("the other process gave no answer: \(error)", sourceLocation: location)
      throw error
    }
  }

  /// Whether no answer comes for so long.
  func isSilent(for duration: Duration) throws -> Bool {
    do throws(ChannelError) {
      _ = try report.receive(String.self, within: duration)
      return false
    } catch {
      guard error.code == .timedOut else { throw error }
      return true
    }
  }

  /// Gives an order and waits for its answer.
  @discardableResult
  func ask(_ text: String, at location: SourceLocation = #_sourceLocation) throws -> String {
    try order(text)
    return try answer(at: location)
  }

  /// Gives an order that must be answered with "ok".
  func must(_ text: String, at location: SourceLocation = #_sourceLocation) throws {
    let answer = try ask(text, at: location)
    try #require(answer == "ok", "\(text.prefix(60))", sourceLocation: location)
  }

  /// The next answer must be "ok".
  func mustSucceed(at location: SourceLocation = #_sourceLocation) throws {
    try #require(try answer(at: location) == "ok", sourceLocation: location)
  }

  /// Sends SIGKILL and waits for the end of the process.
  func kill() throws {
    child.kill()
    #expect(try child.wait() == .signal(9))
  }

  /// Waits until the process sleeps in the kernel. Bounded, and only a hint: a process that spins never sleeps.
  func untilAsleep() {
    let deadline = Clock.now() + 200_000_000
    var seen = 0
    while Clock.now() < deadline, seen < 3 {
      let text = (try? Files.readText("/proc/\(id)/stat")) ?? ""
      let state = text.lastIndex(of: ")").map { text[$0...].dropFirst(2).prefix(1) }
      seen = state == "S" ? seen + 1 : 0
      Clock.sleep(nanoseconds: 1_000_000)
    }
  }

  /// Lets the process end, and checks its exit code.
  func finish(at location: SourceLocation = #_sourceLocation) throws {
    // Closing the orders ends its main.
    let none = try ByteChannel(over: .pipe)
    orders = none.sender
    let exit = try child.wait(within: .seconds(40))
    #expect(exit == .code(0), sourceLocation: location)
  }
}

/// A receiver's answer: how receiving ended, and what it took until then.
struct Collected {
  let end: String
  let tally: Tally

  init(_ answer: String) {
    let words = answer.split(separator: " ")
    end = String(words.first ?? "")
    tally = Tally(parsing: words.dropFirst())
  }
}
