import Foundation
import Glibc
import TestSupport
import Testing

extension AllTests {
  /// The wire and memory formats, byte for byte as they were when the files beside this one were written. A program
  /// in another language, or of another version, relies on them.
  ///
  /// `IPC_GOLDEN_RECORD=yes` writes the files anew, for a format that is meant to be new.
  @Suite(.guarded) struct GoldenTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    private static let places = GoldenDump.Places(
      files: Workspace.directory + "/files", registry: Workspace.records)

    @Test func framesAreAsRecorded() throws {
      try compare("frames") { try GoldenDump.frames(Self.places) }
    }

    @Test func messagesGivenUpAreAsRecorded() throws {
      try compare("abandoned") { try GoldenDump.abandoned() }
    }

    @Test func handshakesAreAsRecorded() throws {
      try compare("handshakes") { try GoldenDump.handshakes(Self.places) }
    }

    @Test func memoryAndSemaphoresAreAsRecorded() throws {
      try compare("memory") { try GoldenDump.memory(Self.places) }
    }

    @Test func registryEntriesAreAsRecorded() throws {
      try compare("registry") { try GoldenDump.registry(Self.places) }
    }

    @Test func whatAChildFindsIsAsRecorded() throws {
      try compare("children") { try GoldenDump.children(Self.places) }
    }

    private func compare(_ name: String, _ dump: () throws -> [String]) throws {
      defer { Workspace.removePaths() }
      let file = Self.folder.appendingPathComponent("\(name).golden")
      let found = try dump()
      if unsafe getenv("IPC_GOLDEN_RECORD") != nil {
        try (found.joined(separator: "\n") + "\n").write(to: file, atomically: true, encoding: .utf8)
        return
      }
      var recorded = try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n")
      if recorded.last == "" { recorded.removeLast() }
      var title = ""
      for (index, (old, new)) in zip(recorded, found).enumerated() {
        if old.hasPrefix("## ") { title = old }
        guard old != new else { continue }
        Issue.record(
          "\(name).golden, line \(index + 1), in \"\(title)\":\nrecorded: \(old)\n   found: \(new)")
        return
      }
      #expect(found.count == recorded.count, "\(name).golden: the lines that both have are the same")
    }
  }
}
