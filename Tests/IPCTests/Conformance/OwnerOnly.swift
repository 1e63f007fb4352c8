import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

@testable import ipc_peer

extension AllTests {
  /// Clause 10: only the owner gets in. And who comes second where there is room for one, or first where
  /// somebody must be there before, is told so.
  @Suite(.guarded) struct OnlyTheOwner {
    /// The named ones, and those of them that stand in the file system.
    static let named = Subject.named.filter { $0.options.wait == .adaptive }
    static let paths = named.filter { $0.traits.addressForm.contains("/") }

    @Test(arguments: named)
    func whatStandsInTheFileSystemIsPrivate(_ subject: Subject) throws {
      Watchdog.at(subject)
      // Whatever the user's mask allows.
      let mask = umask(0)
      defer { umask(mask) }
      let address = try subject.address()
      let receiver = try Receiver.open(address)
      let sender = try Sender.open(address)
      if subject.traits.addressForm.contains("/") {
        #expect(try Files.stat(address.target).mode == 0o600)
      }
      #expect(try Files.stat(Workspace.records).mode == 0o700)
      for name in try Files.names(in: Workspace.records) {
        #expect(try Files.stat("\(Workspace.records)/\(name)").mode == 0o600, "\(name)")
      }
      try sender.close()
      receiver.close()
    }

    @Test(arguments: paths)
    func aRegularFileIsRefusedAndStays(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      do { _ = try Files.open(address.target, .write, create: true) }
      defer { try? Files.unlink(address.target) }
      #expect(code { () throws(ChannelError) in _ = try Receiver.open(address) } == .wrongKind)
      #expect(
        code { () throws(ChannelError) in _ = try Sender.open(address, within: .milliseconds(30)) }
          == .wrongKind)
      #expect(try Files.stat(address.target).kind == .regular)
    }

    @Test(arguments: paths)
    func aSymbolicLinkIsNotFollowed(_ subject: Subject) throws {
      Watchdog.at(subject)
      let real = try subject.address()
      let receiver = try Receiver.open(real)
      let link = try subject.address()
      try #require(unsafe symlink(real.target, link.target) == 0)
      defer { try? Files.unlink(link.target) }
      let refusals: [ChannelError.Code?] = [.wrongKind, .notAllowed]
      #expect(
        refusals.contains(
          code { () throws(ChannelError) in _ = try Sender.open(link, within: .milliseconds(30)) }))
      #expect(refusals.contains(code { () throws(ChannelError) in _ = try Receiver.open(link) }))
      // Nor one that points nowhere, through which a file would be made somewhere else.
      let dangling = try subject.address()
      let nowhere = Workspace.path()
      try #require(unsafe symlink(nowhere, dangling.target) == 0)
      defer { try? Files.unlink(dangling.target) }
      #expect(refusals.contains(code { () throws(ChannelError) in _ = try Receiver.open(dangling) }))
      #expect((try? Files.stat(nowhere)) == nil)
      receiver.close()
    }

    @Test(arguments: named)
    func aProcessOfAnotherUserIsRefused(_ subject: Subject) throws {
      Watchdog.at(subject)
      guard getuid() == 0, unsafe access("/usr/bin/setpriv", X_OK) == 0 else { return }
      // Somewhere that the other user can reach: the directories on the way can be passed, not read.
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
      var receiver = try Receiver.open(address)
      let answer = try Self.asOther(directory, "open sender \(address.text)")
      let refusals = ["error notAllowed", "error noReceiver"]
      #expect(refusals.contains { answer.hasPrefix($0) }, "\(answer)")
      // It hasn't come in, and is in nobody's way.
      #expect(
        code { () throws(ChannelError) in try receiver.receive(within: .milliseconds(10)) { _ in } }
          == .timedOut)
      var sender = try Sender.open(address)
      try sender.send(Pattern.bytes(0, subject.size(9)))
      try receiver.receive { _ in }
      try sender.close()
      receiver.close()
    }

    /// Nor does what another user writes to a port, and is gone before anybody looks who it was.
    @Test(arguments: named.filter { $0.traits.addressForm.contains("port") })
    func whatAnotherUserWritesToAPortIsNoMessage(_ subject: Subject) throws {
      Watchdog.at(subject)
      guard getuid() == 0, unsafe access("/usr/bin/setpriv", X_OK) == 0, unsafe access("/bin/bash", X_OK) == 0
      else { return }
      let address = try subject.address()
      var receiver = try Receiver.open(address)
      let place = address.target.replacingColons
      try Self.run([
        "/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/bin/bash", "-c",
        "printf '\\0\\0\\0\\0\\4\\0\\0\\0evil' > /dev/tcp/\(place)",
      ])
      // Until the kernel has forgotten whose connection it was (FIN_WAIT2, TIME_WAIT). Bounded: it may
      // remember.
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

    /// One order, given to the other program as user 65534. The program's own directory may be closed to that
    /// user, so it gets a copy.
    private static func asOther(_ directory: String, _ order: String) throws -> String {
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

    @Test(arguments: named.filter { !$0.admitsManyReceivers })
    func aSecondReceiverIsTurnedAway(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try Receiver.open(address)
      let peer = try PeerProcess()
      #expect(code { () throws(ChannelError) in _ = try Receiver.open(address) } == .busy)
      #expect(try peer.ask("open receiver \(address.text)").hasPrefix("error busy"))
      // The first isn't harmed.
      var sender = try Sender.open(address)
      let bytes = Pattern.bytes(1, subject.size(10))
      try sender.send(bytes)
      #expect(try receiver.receive([UInt8].self) == bytes)
      #expect(try peer.ask("open receiver \(address.text)").hasPrefix("error busy"))
      try sender.close()
      receiver.close()
      // And with the first gone there is room.
      try peer.must("open receiver \(address.text)")
      try peer.must("close")
      try peer.finish()
    }

    @Test(arguments: named.filter { !$0.traits.manySenders })
    func aSecondSenderIsTurnedAway(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      var receiver = try Receiver.open(address)
      var sender = try Sender.open(address)
      let peer = try PeerProcess()
      #expect(try peer.ask("open sender \(address.text)").hasPrefix("error busy"))
      let bytes = Pattern.bytes(1, subject.size(10))
      try sender.send(bytes)
      #expect(try receiver.receive([UInt8].self) == bytes)
      try sender.close()
      receiver.close()
      try peer.finish()
    }

    @Test(
      arguments: Subject.once.filter {
        $0.form == .anonymous && !$0.traits.manySenders && !$0.traits.manyReceivers
      })
    func anAnonymousEndOfOneIsNotShared(_ subject: Subject) throws {
      let channel = try Channel.make(over: subject.mechanism, options: subject.options)
      let sender = channel.sender
      let receiver = channel.receiver
      var spawn = Spawn(Workspace.peer)
      #expect(code { () throws(ChannelError) in try spawn.share(sender, as: "end") } == .notSupported)
      #expect(code { () throws(ChannelError) in try spawn.share(receiver, as: "end") } == .notSupported)
      try sender.close()
      receiver.close()
    }

    @Test(arguments: named)
    func aSenderWithoutAReceiverIsToldSo(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      #expect(
        code { () throws(ChannelError) in _ = try Sender.open(address, within: .milliseconds(20)) }
          == .noReceiver)
      #expect(code { () throws(ChannelError) in _ = try Sender.open(address, within: .zero) } == .noReceiver)
      // One that has been and gone is none.
      let receiver = try Receiver.open(address)
      receiver.close()
      #expect(
        code { () throws(ChannelError) in _ = try Sender.open(address, within: .milliseconds(20)) }
          == .noReceiver)
    }

    /// A sender may come first: it waits for its receiver.
    @Test(arguments: named)
    func aSenderWaitsForItsReceiver(_ subject: Subject) throws {
      Watchdog.at(subject)
      let address = try subject.address()
      let peer = try PeerProcess()
      try peer.order("open-soon receiver \(address.text)")
      let sender = try Sender.open(address, within: .seconds(40))
      try peer.mustSucceed()
      try sender.close()
      try peer.must("close")
      try peer.finish()
    }
  }
}

extension String {
  /// As the shell wants a host and a port.
  fileprivate var replacingColons: String { map { $0 == ":" ? "/" : String($0) }.joined() }

  /// For the shell, to which `&` means something.
  fileprivate var replacingAmpersands: String {
    map { $0 == "&" || $0 == "?" ? "\\\($0)" : String($0) }.joined()
  }
}
