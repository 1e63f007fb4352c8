import Glibc
import SystemCalls

@testable import IPC

/// A private runtime directory for a test; the variable is restored at the end.
final class TestRuntimeDirectory {
  let path: String
  private let before = Processes.variable("IPC_RUNTIME_DIRECTORY")

  init() throws {
    path = "/tmp/swift-ipc-unit-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    try Files.mkdir(path)
    unsafe setenv("IPC_RUNTIME_DIRECTORY", path, 1)
  }

  deinit {
    if let before {
      unsafe setenv("IPC_RUNTIME_DIRECTORY", before, 1)
    } else {
      unsafe unsetenv("IPC_RUNTIME_DIRECTORY")
    }
    for name in names() { try? Files.unlink(path + "/" + name) }
    try? Files.rmdir(path)
  }

  func names() -> [String] { ((try? Files.names(in: path)) ?? []).sorted() }

  /// An entry and its liveness pipes, as killed processes leave them.
  func leave(_ name: String, _ text: String) throws {
    let name = file(name)
    let file = try Files.open(path + "/" + name, .write, create: true)
    try Files.writeText(file, text)
    for side in [".senders", ".receivers"] { try Files.mkfifo(path + "/" + name + side) }
  }

  /// Writes another text over an entry.
  func rewrite(_ text: String, _ name: String = "memory.jobs") throws {
    let file = try Files.open(path(of: name), .readWrite)
    try Files.ftruncate(file)
    try Files.writeText(file, text)
  }

  /// An entry's file, with the number of an IPC namespace that isn't the machine's own.
  func file(_ name: String) -> String { name + (IPCNamespace.current.map { "@\($0)" } ?? "") }

  func path(of name: String) -> String { path + "/" + file(name) }
}

/// What a mechanism allows, and how often it has created objects.
final class RegistryRules {
  let manySenders: Bool, manyReceivers: Bool
  private(set) var created = 0

  init(manySenders: Bool = false, manyReceivers: Bool = false) {
    self.manySenders = manySenders
    self.manyReceivers = manyReceivers
  }

  func join(
    _ name: String, _ mechanism: Mechanism = .memory
  ) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
    try RegistryEntry.joinReceiving(mechanism, name, sharesReceiving: manyReceivers, type: nil) { _ in
      self.created += 1
      return ["number": String(self.created)]
    }
  }

  func send(_ name: String) throws(ChannelError) -> (RegistryEntry, LivenessPipe) {
    try RegistryEntry.joinSending(.memory, name, sharesSending: manySenders, type: nil, until: .now)
  }

  /// The code with which joining fails; nil if it worked, and then it has left again.
  func joining(_ name: String) -> (code: ChannelError.Code?, said: String) {
    do throws(ChannelError) {
      try join(name).1.leave {}
      return (nil, "")
    } catch {
      return (error.code, error.description)
    }
  }

  func sending(_ name: String) -> (code: ChannelError.Code?, said: String) {
    do throws(ChannelError) {
      try send(name).1.leave {}
      return (nil, "")
    } catch {
      return (error.code, error.description)
    }
  }
}
