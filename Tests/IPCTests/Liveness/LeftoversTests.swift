import Glibc
import IPC
import SystemCalls
import TestSupport
import Testing

extension AllTests {
  /// What killed processes leave, the next program removes.
  @Suite(.guarded) struct LeftoversTests {
    private static let addresses = [
      "queue", "semaphore", "tokens", "memory", "posix-queue", "posix-semaphore", "signal",
    ]

    private static func channel(_ name: String) throws(ChannelError) -> ByteChannel {
      var options = ChannelOptions()
      if name == "tokens" { options.type = .tokens }
      let mechanism = name == "tokens" ? Mechanism.semaphore : try Mechanism(named: name)
      return try ByteChannel(over: mechanism, options: options)
    }

    @Test(
      "channels without a name whose processes are all killed at once leave nothing after the next program",
      arguments: addresses)
    func bothEndsKilled(name: String) async throws {
      Watchdog.at(name)
      // Set before the other processes start: they have the same registry.
      let records = Workspace.records
      let before = SystemSnapshot.systemVObjects()
      await #expect(processExitsWith: .signal(SIGKILL)) { [name = name as String] in
        alarm(60)
        let channel = try Self.channel(name)
        kill(getpid(), SIGKILL)
        withExtendedLifetime(channel) {}
      }
      // Another program makes a channel.
      await #expect(processExitsWith: .success) {
        alarm(60)
        var channel = try ByteChannel(over: .queue)
        try channel.sender.send("hello")
        exit(try channel.receiver.receive(String.self) == "hello" ? 0 : 1)
      }
      #expect(SystemSnapshot.systemVObjects().subtracting(before) == [])
      #expect(((try? Files.names(in: records)) ?? []) == [])
    }

    /// At every call of an opening: the next program finds what the process had made by then.
    @Test(arguments: ["queue", "semaphore", "tokens", "memory", "posix-queue", "fifo"])
    func killedWhileItOpens(name: String) async throws {
      let records = Workspace.records
      let before = SystemSnapshot.systemVObjects()
      // Not there in a namespace that has none mounted.
      let files = Self.fifos
      let queues = try? Files.names(in: "/dev/mqueue")
      for step in 0..<40 {
        Watchdog.at("\(name), call \(step)")
        await #expect(processExitsWith: .signal(SIGKILL)) { [name = name as String, step = step as Int] in
          alarm(60)
          // A watcher that the process can't outrun: the kernel's count of its system calls isn't known, its time is.
          let start = Clock.now() + UInt64(step) * 25_000
          Self.killThisProcess(at: start)
          while true {
            let channel = try Self.channel(name)
            withExtendedLifetime(channel) {}
          }
        }
      }
      await #expect(processExitsWith: .success) {
        alarm(60)
        _ = try ByteChannel(over: .queue)
        exit(0)
      }
      #expect(SystemSnapshot.systemVObjects().subtracting(before) == [])
      #expect(((try? Files.names(in: records)) ?? []) == [])
      #expect((try? Files.names(in: "/dev/mqueue")) == queues)
      #expect(Self.fifos.isSubset(of: files))
    }

    private static var fifos: Set<String> {
      Set(((try? Files.names(in: "/tmp")) ?? []).filter { $0.hasPrefix("swift-ipc-fifo-") })
    }

    private static func killThisProcess(at instant: UInt64) {
      try? Threads.start(name: "killer") {
        while Clock.now() < instant {}
        kill(getpid(), SIGKILL)
      }
    }
  }
}
