import FoundationEssentials
import IPC
import SystemCalls

/// A process of an exchange, as the benchmark sees it. It ends with this object.
final class ExchangeProcess {
  private static let readBytes = 1 << 16

  let spec: ExchangeSpec
  private var process: ChildProcess
  private let commands: Descriptor
  private let answers: Descriptor
  private var buffer: [UInt8] = []

  init(
    _ spec: ExchangeSpec, arguments: [String], prepare: (inout Spawn) throws(ChannelError) -> Void = { _ in }
  ) throws {
    self.spec = spec
    let text = String(decoding: try JSONEncoder().encode(spec), as: UTF8.self)
    var spawn = Spawn(arguments: arguments + [text])
    let there = try PipeEnds.pipe2()
    let back = try PipeEnds.pipe2()
    try back.reading.setNonblocking(true)
    spawn.input = there.reading.raw
    spawn.output = back.writing.raw
    try prepare(&spawn)
    process = try spawn.start()
    commands = try there.writing.duplicate()
    answers = try back.reading.duplicate()
  }

  func send(_ command: ExchangeCommand) throws {
    var line = Array(try JSONEncoder().encode(command))
    line.append(ControlPipe.newline)
    if !ControlPipe.write(line, to: commands.raw) { throw BenchmarkError(.work, ended) }
  }

  var pollable: Int32 { answers.raw }

  private var ended: String {
    "the \(spec.role.rawValue) over \(spec.mechanism) ended: it was killed, or it crashed"
  }

  /// A reply, if a whole one has arrived. Call this when the pipe is readable.
  func reply() throws -> ExchangeReply? {
    let descriptor = answers.raw
    let count = unsafe try withUnsafeTemporaryAllocation(byteCount: Self.readBytes, alignment: 16) {
      room throws in
      do throws(SystemError) {
        let count = unsafe try Streams.read(descriptor, into: room)
        unsafe buffer.append(contentsOf: room[..<count])
        return count
      } catch {
        return error.wouldBlock ? -1 : 0
      }
    }
    if let newline = buffer.firstIndex(of: ControlPipe.newline) {
      let line = Data(buffer[..<newline])
      buffer.removeFirst(newline + 1)
      let reply = try JSONDecoder().decode(ExchangeReply.self, from: line)
      if let failure = reply.failure {
        throw BenchmarkError(
          .work,
          "\(spec.mechanism): the \(spec.raw == nil ? "" : "plain C ")\(spec.role.rawValue): \(failure)")
      }
      return reply
    }
    if count == 0 { throw BenchmarkError(.work, ended) }
    return nil
  }

  /// Waits until the process has ended; kills it if it doesn't end.
  func finish() {
    if (try? process.wait(within: .seconds(5))) == nil { process.kill() }
    _ = try? process.wait()
  }
}
