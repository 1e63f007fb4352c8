import Dispatch
import Distributed
import IPC
import IPCActors
import Synchronization
import SystemCalls
import TestActors
import TestSupport
import Testing

/// A process that hosts the tests' actors, and this one's system that is connected to it.
struct ActorHost: Sendable {
  let system: IPCActorSystem
  let peer: ActorPeer

  /// The mechanisms that calls fit.
  static let mechanisms = (Mechanism.all + Mechanism.variants).filter {
    $0.traits.carries == .messages && $0.traits.anonymous
  }

  init(over mechanism: Mechanism = .memory, options: ChannelOptions = ChannelOptions()) throws {
    Watchdog.at(mechanism)
    system = IPCActorSystem()
    system.carry(CarriedFailure.self)
    peer = try system.spawn(Workspace.peer, arguments: [TestHost.role], over: mechanism, options: options)
  }

  func desk(_ number: Int = 0) throws -> Desk { try peer.resolve(Desk.self, named: "desk\(number)") }
  func keeper() throws -> Keeper { try peer.resolve(Keeper.self, named: "keeper") }
  func narrow(_ name: String = "narrow") throws -> Narrow { try peer.resolve(Narrow.self, named: name) }
  func player() throws -> Player { try peer.resolve(Player.self, named: "player") }
}

/// Two systems of this process, connected to each other.
struct ActorPair: Sendable {
  let here = IPCActorSystem()
  let there = IPCActorSystem()
  /// What `here` has of `there`.
  let peer: ActorPeer
  /// What `there` has of `here`.
  let back: ActorPeer

  init(over mechanism: Mechanism = .memory, options: ChannelOptions = ChannelOptions()) throws {
    Watchdog.at(mechanism)
    let pair = try ByteConnection.Pair(over: mechanism, options: options)
    let far = Locked<ByteConnection?>(pair.far)
    let found = Locked<Result<ActorPeer, any Error>?>(nil)
    let end = DispatchSemaphore(value: 0)
    let there = there
    DispatchQueue.global().async {
      let result = Result { () throws -> ActorPeer in
        // Not a closure of its own: a connection is moved, not copied.
        guard let far = far.withLock({ $0.take() }) else { throw CancellationError() }
        return try there.attach(far, within: .seconds(30))
      }
      found.withLock { $0 = result }
      end.signal()
    }
    peer = try here.attach(pair.near, within: .seconds(30))
    end.wait()
    back = try #require(found.withLock { $0 }).get()
  }

  func close() {
    here.close()
    there.close()
  }
}

/// The code of the error of actors that `body` throws; nil when it throws none.
func actorCode<Value>(
  _ body: () async throws -> Value, at location: SourceLocation = #_sourceLocation
) async -> IPCActorError.Code? {
  do {
    _ = try await body()
    return nil
  } catch let error as IPCActorError {
    #expect(!error.message.isEmpty, sourceLocation: location)
    return error.code
  } catch {
    Issue.record("another error: \(error)", sourceLocation: location)
    return nil
  }
}

/// The code of the error with which attaching a connection ends; nil when it doesn't.
func attachCode(
  _ system: IPCActorSystem, _ connection: consuming ByteConnection, within timeout: Duration = .seconds(30)
) -> ChannelError.Code? {
  do throws(ChannelError) {
    _ = try system.attach(connection, within: timeout)
    return nil
  } catch {
    return error.code
  }
}

/// Threads of connections between systems, and of those that send for them.
func actorThreads() -> [String] {
  let threads = (try? Files.names(in: "/proc/self/task")) ?? []
  return threads.compactMap { thread in
    let name = (try? Files.readText("/proc/self/task/\(thread)/comm")) ?? ""
    return name.hasPrefix("ipc-actors") ? name.split(separator: "\n").first.map(String.init) : nil
  }
}
