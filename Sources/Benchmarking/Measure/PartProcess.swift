import Foundation
import IPC
import SystemCalls

/// A process of a measurement, as the benchmark sees it. Ends with this value.
final class PartProcess {
  let spec: PartSpec
  private var process: ChildProcess
  private let commands: Descriptor
  private let answers: Descriptor
  private var buffer: [UInt8] = []

  init(
    _ spec: PartSpec, arguments: [String], prepare: (inout Spawn) throws(ChannelError) -> Void = { _ in }
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

  func tell(_ command: PartCommand) throws {
    var line = Array(try JSONEncoder().encode(command))
    line.append(10)
    if !PartControl.write(line, to: commands.raw) { throw BenchmarkError(.work, ended) }
  }

  var pollable: Int32 { answers.raw }

  private var ended: String {
    "the \(spec.role.rawValue) over \(spec.mechanism) has ended: something killed it, or it crashed"
  }

  /// An answer, if a whole one has come. Call it when the pipe can be read.
  func answer() throws -> PartReply? {
    let descriptor = answers.raw
    let count = unsafe try withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { room throws in
      do throws(SystemError) {
        let count = unsafe try Streams.read(descriptor, into: room)
        unsafe buffer.append(contentsOf: room[..<count])
        return count
      } catch {
        return error.wouldBlock ? -1 : 0
      }
    }
    if let newline = buffer.firstIndex(of: 10) {
      let line = Data(buffer[..<newline])
      buffer.removeFirst(newline + 1)
      let reply = try JSONDecoder().decode(PartReply.self, from: line)
      if let failure = reply.failure {
        throw BenchmarkError(
          .work,
          "\(spec.mechanism): the \(spec.raw == nil ? "" : "baseline's ")\(spec.role.rawValue): \(failure)")
      }
      return reply
    }
    if count == 0 { throw BenchmarkError(.work, ended) }
    return nil
  }

  /// Waits until it has ended by itself; kills it if it doesn't.
  func finish() {
    if (try? process.wait(within: .seconds(5))) == nil { process.kill() }
    _ = try? process.wait()
  }
}
