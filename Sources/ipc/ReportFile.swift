import Foundation

/// A file for a report. Opening it fails before anything is measured; its earlier contents stay until the report replaces
/// them.
final class ReportFile {
  let path: String
  private let wasMade: Bool
  private var isWritten = false

  init(_ path: String, option: String) throws {
    self.path = path
    wasMade = !FileManager.default.fileExists(atPath: path)
    if wasMade { _ = FileManager.default.createFile(atPath: path, contents: nil) }
    guard FileHandle(forWritingAtPath: path) != nil else {
      throw Failure.call(
        "\(option) \(path) can't be written: choose a file in an existing folder that you can write to")
    }
  }

  deinit { if wasMade, !isWritten { try? FileManager.default.removeItem(atPath: path) } }

  func write(_ text: String) throws { try write([Data(text.utf8)]) }

  func write(_ pieces: some Sequence<Data>) throws {
    do {
      let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
      try? file.truncate(atOffset: 0)
      for piece in pieces { try file.write(contentsOf: piece) }
      try file.close()
      isWritten = true
    } catch {
      throw Failure.work("\(path) can't be written: \(error.localizedDescription)")
    }
  }
}
