import Distributed
import IPC
import Synchronization
import SystemCalls
import TestActors
import TestSupport
import Testing

@testable import IPCActors

extension AllIPCActorsTests {
  /// Failures are reported, and the connection continues.
  @Suite(.guarded) struct ActorErrorTests {
    @Test(arguments: ActorHost.mechanisms) func unknownNamesAndOtherTypes(_ mechanism: Mechanism) async throws
    {
      let host = try ActorHost(over: mechanism)
      let unknown = try host.peer.resolve(Desk.self, named: "unknown")
      #expect(await actorCode { try await unknown.add(1) } == .unknownActor)
      let other = try host.peer.resolve(Narrow.self, named: "desk0")
      #expect(await actorCode { try await other.mostInside() } == .otherSignature)
      let empty = try host.peer.resolve(Desk.self, named: "")
      #expect(await actorCode { try await empty.add(1) } == .unknownActor)
      #expect(try await host.desk().add(1) == 1)
      host.system.close()
    }

    @Test func aGenericFunctionIsRefusedAtTheCaller() async throws {
      let host = try ActorHost()
      let desk = try host.desk()
      #expect(await actorCode { try await desk.identical(5) } == .notSupported)
      #expect(await actorCode { try await desk.identical("five") } == .notSupported)
      #expect(try await desk.add(1) == 1)
      host.system.close()
    }

    @Test(arguments: ActorHost.mechanisms) func whatIsTooLongIsRefused(_ mechanism: Mechanism) async throws {
      var options = ChannelOptions()
      options.maximumMessageBytes = 4096
      let host = try ActorHost(over: mechanism, options: options)
      let desk = try host.desk()
      for size in [5000, 4096, 4000] {
        let code = await actorCode { try await desk.reversed(Array(repeating: 1, count: size)) }
        #expect(code == (size == 4000 ? code : .notSupported))
      }
      for size in [4096, 100_000] {
        #expect(await actorCode { try await desk.produce(size) } == .notSupported)
      }
      // Each size around the edge is carried or refused.
      for size in 3900...4096 {
        let code = await actorCode { try await desk.produce(size) }
        #expect(code == nil || code == .notSupported)
      }
      #expect(try await desk.produce(3900).count == 3900)
      #expect(host.peer.isConnected)
      host.system.close()
    }

    @Test func anErrorsDescriptionMayBeLong() async throws {
      let host = try ActorHost()
      let desk = try host.desk()
      let words = String(repeating: "ü", count: 200_000)
      #expect(await actorCode { try await desk.fail(carried: false, words) } == .threw)
      await #expect(throws: CarriedFailure(code: 0, words: words)) {
        try await desk.fail(carried: true, words)
      }
      host.system.close()
    }

    @Test func aNameIsTakenOnce() async throws {
      let system = IPCActorSystem()
      let first = try system.host("desk") { Desk(actorSystem: $0) }
      #expect(await actorCode { try system.host("desk") { Desk(actorSystem: $0) } } == .nameTaken)
      #expect(await actorCode { try system.host("desk") { Narrow(actorSystem: $0) } } == .nameTaken)
      #expect(system.hosted.map(\.id) == [first.id])
      system.unhost("desk")
      #expect(system.hosted.isEmpty)
      system.unhost("desk")
      let second = try system.host("desk") { Narrow(actorSystem: $0) }
      #expect(second.id.name == "desk")
      // What `make` throws comes out, and the name is free.
      #expect(throws: OwnFailure.self) { try system.host("other") { _ -> Desk in throw OwnFailure("no") } }
      try system.host("other") { Desk(actorSystem: $0) }
      #expect(system.hosted.map(\.id.name) == ["desk", "other"])
      system.close()
      #expect(system.hosted.isEmpty)
    }

    @Test func actorsOfThisSystemAreResolvedAsThemselves() async throws {
      let system = IPCActorSystem()
      let desk = try system.host("desk") { Desk(actorSystem: $0) }
      #expect(try Desk.resolve(id: desk.id, using: system) === desk)
      #expect(await actorCode { try Narrow.resolve(id: desk.id, using: system) } == .otherSignature)
      let unknown = IPCActorID(process: system.process, name: "unknown")
      #expect(await actorCode { try Desk.resolve(id: unknown, using: system) } == .unknownActor)
      let stranger = IPCActorID(process: system.process &+ 1, name: "desk")
      #expect(await actorCode { try Desk.resolve(id: stranger, using: system) } == .notConnected)
      #expect(try await desk.add(2) == 2)
      system.close()
    }

    @Test func unhostingRefusesWaitingCalls() async throws {
      let host = try ActorHost()
      let desk = try host.desk(7)
      let tasks = (0..<5).map { _ in Task { try await desk.wait(at: "unhost") } }
      try await host.keeper().untilArrived(1, at: "unhost")
      // They have come: what is asked later by the same caller is answered later.
      _ = try await host.peer.hosted()
      try await host.keeper().unhost("desk7")
      try await host.keeper().open("unhost")
      var ends: [IPCActorError.Code?] = []
      for task in tasks { ends.append(await actorCode { try await task.value }) }
      // The one that was inside went on to its end.
      #expect(ends.count { $0 == nil } == 1)
      #expect(ends.count { $0 == .unknownActor } == 4)
      #expect(await actorCode { try await desk.add(1) } == .unknownActor)
      #expect(try await host.desk(8).add(1) == 1)
      host.system.close()
    }

    @Test func actorsWithoutANameLiveWhileReferenced() async throws {
      let pair = try ActorPair()
      var desk: Desk? = Desk(actorSystem: pair.there)
      let id = try #require(desk?.id)
      let remote = try Desk.resolve(id: id, using: pair.here)
      #expect(try await remote.add(3) == 3)
      #expect(pair.there.hosted.map(\.id) == [id])
      desk = nil
      #expect(comesTrue { pair.there.hosted.isEmpty })
      #expect(await actorCode { try await remote.add(3) } == .unknownActor)
      pair.close()
    }

    // MARK: Starting

    private func spawnCode(_ program: String?, _ mechanism: Mechanism) -> ChannelError.Code? {
      let system = IPCActorSystem()
      defer { system.close() }
      return code { () throws(ChannelError) in _ = try system.spawn(program, over: mechanism) }
    }

    @Test(arguments: ActorHost.mechanisms) func aProgramThatHostsNothing(_ mechanism: Mechanism) throws {
      #expect(spawnCode("/bin/true", mechanism) == .closed)
      #expect(spawnCode("/bin/false", mechanism) == .closed)
      #expect(spawnCode("/nowhere/at/all", mechanism) == .system)
    }

    @Test("the error says how a process ended, or that it is alive", arguments: ActorHost.mechanisms)
    func aProcessThatDoesNotServe(_ mechanism: Mechanism) {
      Watchdog.at(mechanism)
      let advice = "its main must call IPCActorSystem.serve before anything else"
      for (command, code, says) in [
        (
          "exit 3", ChannelError.Code.closed,
          "ended (exit code 3) before it was ready: what it printed on standard error may say why; \(advice)"
        ),
        (
          "kill -9 $$", .closed,
          "ended (signal 9) before it was ready: something killed it: see whether memory is short (dmesg), or which program sends the signal"
        ),
        (
          "exec sleep 100", .timedOut,
          "is alive and hasn't called IPCActorSystem.serve within 0.2 s: \(advice)"
        ),
      ] {
        let system = IPCActorSystem()
        // A process that ends is waited for as long as it takes.
        let timeout = code == .timedOut ? Duration.milliseconds(200) : .seconds(15)
        do throws(ChannelError) {
          _ = try system.spawn(
            "/bin/sh", arguments: ["-c", command], over: mechanism, readyWithin: timeout,
            mustCall: "IPCActorSystem.serve")
          Issue.record("it was ready")
        } catch {
          #expect(error.code == code)
          #expect(error.message == "the process /bin/sh \(says)")
        }
        system.close()
      }
    }

    @Test("a process's program that can't be started is told as any other's")
    func aFolderAsAProgram() {
      let system = IPCActorSystem()
      let error = #expect(throws: ChannelError.self) { try system.spawn("/tmp", over: .pipe) }
      #expect(error?.message.hasPrefix("/tmp: it is a folder: ") == true, "\(String(describing: error))")
      system.close()
    }

    @Test("an error that isn't carried says how it would be")
    func errorsThatAreNotCarried() async throws {
      let host = try ActorHost()
      do {
        _ = try await host.desk().fail(carried: false, "no")
        Issue.record("nothing was thrown")
      } catch let error as IPCActorError {
        let type = try #require(error.errorType)
        #expect(error.message.hasPrefix("it threw \(type): "), "\(error)")
        #expect(
          error.message.hasSuffix("call carry(\(type).self) on the actor system in both processes"),
          "\(error)")
      }
      host.system.close()
    }

    @Test func aMechanismWithoutMessages() throws {
      let others = Mechanism.all + Mechanism.variants
      for mechanism in others where !ActorHost.mechanisms.contains(mechanism) {
        #expect(spawnCode(Workspace.peer, mechanism) == .notSupported, "\(mechanism)")
      }
    }

    @Test func servingWithoutACaller() throws {
      var isSetUp = false
      do {
        try IPCActorSystem.serve { _ in isSetUp = true }
        Issue.record("nothing was thrown")
      } catch let error as ChannelError {
        #expect(error.code == .notSupported)
      }
      #expect(!isSetUp)
    }

    @Test(arguments: ActorHost.mechanisms) func attachingToNoActorSystem(_ mechanism: Mechanism) throws {
      Watchdog.at(mechanism)
      // It closes; it says something else.
      for text in [nil, "hello", ""] {
        let system = IPCActorSystem()
        let pair = try ByteConnection.Pair(over: mechanism)
        var far: ByteConnection? = pair.far
        if let text { try far?.sender.send(text) } else { far = nil }
        let found = attachCode(system, pair.near, within: .seconds(30))
        #expect(found == (text == nil ? .closed : .invalidMessage))
        far = nil
        system.close()
      }
    }

    @Test func attachingToASilentProcess() throws {
      let system = IPCActorSystem()
      let pair = try ByteConnection.Pair(over: .memory)
      let far = pair.far
      #expect(attachCode(system, pair.near, within: .milliseconds(30)) == .timedOut)
      letGo(far)
      system.close()
    }

    private func letGo(_ connection: consuming ByteConnection) {}

    @Test func bothSidesHostAndCall() async throws {
      let pair = try ActorPair(over: .unix)
      try pair.here.host("desk") { Desk(actorSystem: $0) }
      try pair.there.host("desk") { Desk(actorSystem: $0) }
      let theirs = try pair.peer.resolve(Desk.self, named: "desk")
      let mine = try pair.back.resolve(Desk.self, named: "desk")
      #expect(try await theirs.add(1) == 1)
      #expect(try await mine.add(10) == 10)
      #expect(try await theirs.add(1) == 2)
      #expect(pair.peer.process == pair.there.process && pair.back.process == pair.here.process)
      #expect(pair.peer.processID == nil)
      pair.close()
      #expect(await actorCode { try await theirs.add(1) } == .peerGone)
    }
  }
}
