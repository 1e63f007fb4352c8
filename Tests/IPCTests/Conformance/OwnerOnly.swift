import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 10: only the owner gets in.
  @Suite(.guarded) struct OwnerOnly {
    /// The subjects with a name, and those with a name in the file system.
    static let named = Subject.named.filter { $0.options.wait == .adaptive }
    static let canBeOther: ConditionTrait = ConditionTrait.enabled(
      if: getuid() == 0 && canRun("/usr/bin/setpriv") && canRun("/bin/bash"),
      "it needs root, setpriv and bash")
    private static func canRun(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

    static let paths = named.filter { $0.traits.addressForm.contains("/") }

    @Test(arguments: named)
    func filesArePrivate(_ subject: Subject) throws {
      Watchdog.at(subject)
      // Also with a mask that would allow more.
      let mask = umask(0)
      defer { umask(mask) }
      let address = try subject.address()
      var receiver = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address)
      if subject.traits.addressForm.contains("/") {
        // The sticky bit says of a FIFO that the library made it.
        #expect(try Files.stat(address.target).mode & 0o777 == 0o600)
      }
      #expect(try Files.stat(Workspace.records).mode == 0o700)
      for name in try Files.names(in: Workspace.records) {
        #expect(try Files.stat("\(Workspace.records)/\(name)").mode == 0o600, "\(name)")
      }
      try sender.close()
      receiver.close()
    }

    /// A mask that takes away what the owner needs, too.
    @Test(arguments: named, [0o177, 0o777] as [mode_t])
    func filesAreUsableWhateverTheMask(_ subject: Subject, _ taken: mode_t) throws {
      Watchdog.at("\(subject), umask \(String(taken, radix: 8))")
      let address = try subject.address()
      let mask = umask(taken)
      defer { umask(mask) }
      // As a process with such a mask left it.
      unsafe mkdir(Workspace.records, 0o700)
      unsafe chmod(Workspace.records, taken == 0o177 ? 0o600 : 0)
      var receiver = try ByteReceiver(at: address)
      var sender = try ByteSender(to: address)
      if subject.traits.addressForm.contains("/") {
        #expect(try Files.stat(address.target).mode & 0o777 == 0o600)
      } else {
        #expect(try subject.mechanism == .tcp || Files.stat(Workspace.records).mode == 0o700)
      }
      for name in try Files.names(in: Workspace.records) {
        #expect(try Files.stat("\(Workspace.records)/\(name)").mode == 0o600, "\(name)")
      }
      try sender.close()
      receiver.close()
      unsafe chmod(Workspace.records, 0o700)
    }

    @Test(arguments: paths)
    func aRegularFileIsRefusedAndKept(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      do { _ = try Files.open(address.target, .write, create: true) }
      defer { try? Files.unlink(address.target) }
      #expect(code { () throws(ChannelError) in _ = try ByteReceiver(at: address) } == .wrongKind)
      #expect(
        code { () throws(ChannelError) in _ = try ByteSender(to: address, within: .milliseconds(30)) }
          == .wrongKind)
      #expect(try Files.stat(address.target).kind == .regular)
    }

    @Test(arguments: paths)
    func aSymbolicLinkIsNotFollowed(_ subject: Subject) throws {
      Watchdog.at(subject)
      let real = try subject.address()
      var receiver = try ByteReceiver(at: real)
      let link = try subject.address()
      try #require(unsafe symlink(real.target, link.target) == 0)
      defer { try? Files.unlink(link.target) }
      let refusals: [ChannelError.Code?] = [.wrongKind, .notAllowed]
      #expect(
        refusals.contains(
          code { () throws(ChannelError) in _ = try ByteSender(to: link, within: .milliseconds(30)) }))
      #expect(refusals.contains(code { () throws(ChannelError) in _ = try ByteReceiver(at: link) }))
      // Also a link to a path without a file: none is created there.
      let dangling = try subject.address()
      let nowhere = Workspace.path()
      try #require(unsafe symlink(nowhere, dangling.target) == 0)
      defer { try? Files.unlink(dangling.target) }
      #expect(refusals.contains(code { () throws(ChannelError) in _ = try ByteReceiver(at: dangling) }))
      #expect((try? Files.stat(nowhere)) == nil)
      receiver.close()
    }

    @Test(canBeOther, arguments: named)
    func aProcessOfAnotherUserIsRefused(_ subject: Subject) throws {
      Watchdog.at(subject)
      // A place that the other user can reach: its parent directories can be entered, not read.
      let directory = Workspace.directory + "/reachable"
      unsafe mkdir(directory, 0o711)
      unsafe chmod(directory, 0o711)
      unsafe chmod(Workspace.directory, 0o711)
      defer {
        unsafe rmdir(directory)
        unsafe chmod(Workspace.directory, 0o700)
      }
      var address = try subject.address()
      if subject.traits.addressForm.contains("/") {
        address = Address(subject.mechanism, directory + "/" + Workspace.name(), options: subject.options)
      }
      var receiver = try ByteReceiver(at: address)
      let answer = try Self.asOther(directory, "open sender \(address.text)")
      let refusals = ["error notAllowed", "error noReceiver"]
      #expect(refusals.contains { answer.hasPrefix($0) }, "\(answer)")
      // It isn't connected, and blocks no other sender.
      #expect(
        code { () throws(ChannelError) in try receiver.receive(within: .milliseconds(10)) { _ in } }
          == .timedOut)
      var sender = try ByteSender(to: address)
      try sender.send(Pattern.bytes(0, subject.size(9)))
      try receiver.receive { _ in }
      try sender.close()
      receiver.close()
    }

    /// Also if the process of the other user has ended before its user is looked up.
    @Test(canBeOther, arguments: named.filter { $0.traits.addressForm.contains("port") })
    func bytesOfAnotherUserAreNoMessage(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try ByteReceiver(at: address)
      let place = address.target.replacingColons
      try Self.run([
        "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/bash", "-c",
        "printf '\\0\\0\\0\\0\\4\\0\\0\\0evil' > /dev/tcp/\(place)",
      ])
      // Until the kernel no longer knows the connection's user (FIN_WAIT2, TIME_WAIT). Bounded: it may keep it.
      let port = String(Int(address.target.split(separator: ":").last!)!, radix: 16, uppercase: true)
      let deadline = Deadline.within(.seconds(1))
      while !deadline.hasPassed {
        let states = try Files.readText("/proc/net/tcp").split(separator: "\n").map {
          $0.split(separator: " ")
        }
        .filter { $0.count > 3 && $0[2].hasSuffix(":\(port)") }.map { $0[3] }
        if states.contains("05") || states.contains("06") { break }
        Clock.sleep(nanoseconds: 5_000_000)
      }
      #expect(
        code { () throws(ChannelError) in try receiver.receive(within: .milliseconds(10)) { _ in } }
          == .timedOut)
      receiver.close()
    }

    /// Gives one order to the other program, run as user 65534. Runs a copy, because that user may not reach the program's
    /// own directory.
    static func asOther(_ directory: String, _ order: String) throws -> String {
      let program = directory + "/ipc-peer"
      let output = directory + "/answer"
      var arguments = ["/bin/cp", Workspace.peer, program]
      try run(arguments)
      defer { unsafe unlink(program) }
      unsafe chmod(program, 0o755)
      unsafe close(creat(output, 0o666))
      unsafe chmod(output, 0o666)
      defer { unsafe unlink(output) }
      arguments = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/sh", "-c"]
      arguments.append("exec \"$0\" \(order.replacingAmpersands) > \(output) 2>&1")
      arguments.append(program)
      try run(arguments)
      return try Files.readText(output)
    }

    private static func run(_ arguments: [String]) throws {
      var spawn = Spawn(arguments[0], arguments: Array(arguments.dropFirst()))
      spawn.environment["IPC_RUNTIME_DIRECTORY"] = Workspace.records
      var child = try spawn.start()
      _ = try child.wait(within: .seconds(30))
    }
  }
}

extension String {
  /// A host and a port as Bash writes them.
  fileprivate var replacingColons: String { map { $0 == ":" ? "/" : String($0) }.joined() }

  /// Quoted for the shell.
  fileprivate var replacingAmpersands: String {
    map { $0 == "&" || $0 == "?" ? "\\\($0)" : String($0) }.joined()
  }
}
