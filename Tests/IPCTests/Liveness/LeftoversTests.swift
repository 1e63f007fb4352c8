import Glibc
import SystemCalls
import TestSupport
import Testing

@testable import IPC

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

    /// As a second Ctrl-C ends a command, or the death of a worker's parent the worker, while another thread makes channels.
    @Test(
      "a process that ends while it makes a channel leaves nothing",
      arguments: ["queue", "semaphore", "memory", "posix-queue", "fifo"], [false, true])
    func endedWhileItOpens(name: String, byExit: Bool) async throws {
      let records = Workspace.records
      let before = SystemSnapshot.systemVObjects()
      let files = Self.fifos
      let queues = try? Files.names(in: "/dev/mqueue")
      for step in 0..<20 {
        Watchdog.at("\(name), end \(step)")
        await #expect(processExitsWith: .exitCode(7)) {
          [name = name as String, step = step as Int, byExit = byExit as Bool] in
          alarm(60)
          let (made, more) = (Notes(), Notes())
          let work = BackgroundWork {
            while true {
              let channel = try Self.channel(name)
              (made.numbers.isEmpty ? made : more).add(1)
              withExtendedLifetime(channel) {}
            }
          }
          while made.numbers.isEmpty { Clock.sleep(nanoseconds: 100_000) }
          Clock.sleep(nanoseconds: UInt64(step) * 11_000)
          if byExit { exit(7) }
          ResourceCleaner.removeAll()
          withExtendedLifetime(work) {}
          _exit(7)
        }
      }
      #expect(SystemSnapshot.systemVObjects().subtracting(before) == [])
      #expect(((try? Files.names(in: records)) ?? []) == [])
      #expect((try? Files.names(in: "/dev/mqueue")) == queues)
      #expect(Self.fifos.isSubset(of: files))
    }

    @Test(
      "a child that makes a channel while its parent dies leaves nothing",
      arguments: ["queue", "semaphore", "memory"])
    func parentDiesWhileItOpens(name: String) async throws {
      let records = Workspace.records
      let before = SystemSnapshot.systemVObjects()
      for step in 0..<20 {
        Watchdog.at("\(name), death \(step)")
        await #expect(processExitsWith: .signal(SIGKILL)) { [name = name as String, step = step as Int] in
          alarm(60)
          let peer = try PeerProcess()
          try peer.must("make \(name)")
          for _ in 0..<200 { try peer.order("make \(name)") }
          Clock.sleep(nanoseconds: UInt64(step) * 23_000)
          kill(getpid(), SIGKILL)
        }
      }
      #expect(comesTrue { SystemSnapshot.systemVObjects().isSubset(of: before) })
      #expect(comesTrue { ((try? Files.names(in: records)) ?? []).isEmpty })
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
