import ConcurrencyModels
import Foundation
import TestSupport
import Testing

/// What Python's generators did, as `pep_cases.py` wrote it down.
enum PEPRecord {
  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()

  static var text: String {
    get throws {
      try String(contentsOf: folder.appendingPathComponent("pep_cases.expected"), encoding: .utf8)
    }
  }

  /// The traces by the names of the cases.
  static func traces() throws -> [String: String] {
    let lines = try text.split(separator: "\n").map { line in
      let colon = try #require(line.firstIndex(of: ":"), "\(line)")
      return (String(line[..<colon]), String(line[colon...].dropFirst(2)))
    }
    return try #require(
      Set(lines.map(\.0)).count == lines.count ? Dictionary(uniqueKeysWithValues: lines) : nil)
  }

  /// What it writes now, and how it ended.
  static func run(_ arguments: [String]) throws -> (output: String, code: Int32) {
    let (process, pipe) = (Process(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3"] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (String(decoding: output, as: UTF8.self), process.terminationStatus)
  }

  static var script: String { folder.appendingPathComponent("pep_cases.py").path }

  /// The last reference ends a generator at once in CPython only; 3.8 has what the script asks for.
  static let hasPython: Bool = {
    let question = "import sys; sys.exit(sys.implementation.name != 'cpython' or sys.version_info < (3, 8))"
    return (try? run(["-c", question]))?.code == 0
  }()
}

extension AllConcurrencyModelsTests {
  /// Ours, case by case, beside the record of what Python's do: PEP 342 and PEP 380.
  @Suite(.watched) struct PEPTests {
    private static let cases = PEP342Cases.all + PEP380Cases.all
    private static let differing = Set(PEPDifference.all.map(\.name))

    @Test(arguments: cases.filter { !differing.contains($0.name) })
    func itDoesWhatPythonDoes(_ subject: PEPCase) throws {
      let recorded = try PEPRecord.traces()[subject.name]
      let trace = subject.trace()
      #expect(trace == recorded)
    }

    /// One that doesn't differ any more is no difference.
    @Test(arguments: PEPDifference.all) func itDiffersWhereItIsMeantTo(_ difference: PEPDifference) throws {
      let subject = try #require(Self.cases.first { $0.name == difference.name })
      let trace = subject.trace()
      #expect(trace == difference.trace, "\(difference.reason)")
      let recorded = try #require(try PEPRecord.traces()[difference.name])
      #expect(recorded != difference.trace)
    }

    @Test func everyCaseIsHereAndInTheRecord() throws {
      let names = Self.cases.map(\.name)
      #expect(Set(names).count == names.count)
      #expect(Set(names) == Set(try PEPRecord.traces().keys))
      #expect(Self.differing.count == PEPDifference.all.count)
    }

    @Test(.enabled(if: PEPRecord.hasPython, "there is no CPython here to ask"))
    func theRecordIsWhatPythonDoesNow() throws {
      let (output, code) = try PEPRecord.run([PEPRecord.script])
      #expect(code == 0)
      #expect(try output == PEPRecord.text)
    }
  }
}
