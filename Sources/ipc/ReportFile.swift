import IPC
import SystemCalls

/// A file for a report. Opening it fails before anything is measured; its earlier contents stay until the report replaces
/// them.
final class ReportFile {
  let path: String
  private let wasMade: Bool
  private var isWritten = false

  init(_ path: String, option: String) throws {
    if path == "-" {
      throw Failure.call("\(option) -: name a file; one of this name is ./-")
    }
    self.path = path
    let exists = (try? Files.stat(path, followsLink: true)) != nil
    wasMade = !exists
    do throws(SystemError) {
      _ = try Files.open(path, .write, create: !exists, followsLink: true, mode: Files.everyone)
    } catch {
      throw Failure.call(
        "\(option) \(path) can't be written: choose a file in an existing folder that you can write to")
    }
  }

  /// Whether both are the same file, whatever they are called.
  func isSame(as other: ReportFile) -> Bool { Files.isSame(path, other.path) }

  deinit { if wasMade, !isWritten { try? Files.unlink(path) } }

  func write(_ text: String) throws { try write([text]) }

  func write(_ pieces: some Sequence<String>) throws {
    do throws(SystemError) {
      let file = try Files.open(path, .write, followsLink: true)
      // A terminal, or another thing without a length, isn't emptied.
      try? Files.ftruncate(file)
      for piece in pieces { try Files.writeText(file, piece) }
      isWritten = true
    } catch {
      throw Failure.work("\(path) can't be written: \(error.description)\(error.advice)")
    }
  }
}
