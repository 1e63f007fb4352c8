import Measurement
import SystemCalls
import TestSupport
import Testing

@testable import IPC

extension AllTests {
  /// How an entry tells types and versions.
  @Suite struct RegistryTypeTests {
    let directory: TestRuntimeDirectory

    init() throws { directory = try TestRuntimeDirectory() }

    private static let job = MessageType(coding: "test", size: 8, name: "Job")
    private static let page = MessageType(coding: "test", size: 8, name: "Page")

    /// What joins of this type find; nil: each worked, and has left again.
    private func joiners(_ type: MessageType?) -> [(code: ChannelError.Code, said: String)?] {
      func found(
        _ join: () throws(ChannelError) -> (RegistryEntry, LivenessPipe)
      ) -> (code: ChannelError.Code, said: String)? {
        do throws(ChannelError) {
          try join().1.leave {}
          return nil
        } catch {
          return (error.code, error.message)
        }
      }
      return [
        found { () throws(ChannelError) in
          try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: type) { _ in [:] }
        },
        found { () throws(ChannelError) in
          try RegistryEntry.joinSending(.memory, "jobs", sharesSending: true, type: type, until: .now)
        },
      ]
    }

    @Test("a joiner of another type is refused, and the others aren't disturbed")
    func anotherType() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: Self.job)
      { _ in
        ["number": "1"]
      }
      let text = try Files.readText(directory.path(of: "memory.jobs"))
      #expect(text.contains("\ntype \(String(Self.job.fingerprint, radix: 16)) Job\n"))
      for found in joiners(Self.page) {
        #expect(found?.code == .typeMismatch)
        #expect(found?.said.contains("Job") == true && found?.said.contains("Page") == true)
      }
      for found in joiners(Self.job) + joiners(nil) { #expect(found == nil) }
      #expect(try Files.readText(directory.path(of: "memory.jobs")) == text)
      #expect(!first.hasNoReceiver)
      first.leave {}
      #expect(directory.names() == [])
    }

    @Test("the first receiver with a type decides for those that follow; a sender doesn't")
    func untypedEntryGetsAType() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        _ in
        ["number": "1"]
      }
      let text = try Files.readText(directory.path(of: "memory.jobs"))
      #expect(!text.contains("type"))
      let (_, sender) = try RegistryEntry.joinSending(
        .memory, "jobs", sharesSending: true, type: Self.job, until: .now)
      #expect(try Files.readText(directory.path(of: "memory.jobs")) == text)
      let (_, receiver) = try RegistryEntry.joinReceiving(
        .memory, "jobs", sharesReceiving: true, type: Self.page
      ) { _ in [:] }
      #expect(
        try Files.readText(directory.path(of: "memory.jobs")) == text + "type \(Self.page.text)\n")
      for found in joiners(Self.job) { #expect(found?.code == .typeMismatch) }
      for found in joiners(Self.page) + joiners(nil) { #expect(found == nil) }
      #expect(
        try Files.readText(directory.path(of: "memory.jobs")) == text + "type \(Self.page.text)\n")
      for liveness in [sender, receiver, first] { liveness.leave {} }
      #expect(directory.names() == [])
    }
    @Test("an entry without a type fits any")
    func untypedEntry() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        _ in
        ["number": "1"]
      }
      #expect(try !Files.readText(directory.path(of: "memory.jobs")).contains("type"))
      for found in joiners(nil) + joiners(Self.page) + joiners(nil) { #expect(found == nil) }
      first.leave {}
    }

    @Test("a living entry of another version is refused, with both versions", arguments: [1, 3, 0, 77])
    func anotherVersion(version: Int) throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        _ in
        ["number": "1"]
      }
      let text = try Files.readText(directory.path(of: "memory.jobs"))
      for other in [
        text.replacing("swift-ipc 2", with: "swift-ipc \(version)"), "swift-ipc \(version)\nother\n",
      ] {
        try directory.rewrite(other)
        for found in joiners(Self.job) + joiners(nil) {
          #expect(found?.code == .versionMismatch)
          #expect(
            found?.said.contains("version 2") == true && found?.said.contains("version \(version)") == true)
        }
        #expect(try Files.readText(directory.path(of: "memory.jobs")) == other)
      }
      try directory.rewrite(text)
      first.leave {}
      #expect(directory.names() == [])
    }

    @Test("a type that is garbage is an error, never a crash")
    func garbageTypes() throws {
      let (_, first) = try RegistryEntry.joinReceiving(.memory, "jobs", sharesReceiving: true, type: nil) {
        _ in
        ["number": "1"]
      }
      let text = try Files.readText(directory.path(of: "memory.jobs"))
      for line in [
        "type", "type ", "type 12", "type 12 ", "type x Job", "type 123456789abcdef01 Job", "type -1",
        "type \u{301}", "type  1 Job",
      ] {
        try directory.rewrite(text + line + "\n")
        for found in joiners(Self.job) + joiners(nil) { #expect(found?.code == .typeMismatch, "\(line)") }
      }
      var random = SeededRandom.printed()
      for _ in 0..<200 {
        try directory.rewrite(text + "type " + String(decoding: random.bytes(0...60), as: UTF8.self) + "\n")
        for found in joiners(Self.job) { #expect([nil, .typeMismatch].contains(found?.code)) }
      }
      try directory.rewrite(text)
      first.leave {}
    }
  }
}
