public import Distributed
import IPC
import Synchronization
package import SystemCalls

/// Another process's actor system, as this one is connected to it.
public final class ActorPeer: Sendable {
  private let lane: ActorConnection
  /// The number of its system.
  public let process: UInt64

  init(_ lane: ActorConnection, process: UInt64) {
    self.lane = lane
    self.process = process
  }

  /// The other process's id; nil where it wasn't started by ``IPCActorSystem/spawn(_:arguments:environment:over:options:)``.
  public var processID: Int32? { lane.processID }

  /// Whether it can be called: it hasn't died, and neither side has closed.
  public var isConnected: Bool { lane.isOpen }

  /// An actor of its, by name. Whether there is one of this name and type is told by the first call.
  /// - Throws: `notConnected`.
  public func resolve<Act: DistributedActor>(_ type: Act.Type, named name: String) throws -> Act
  where Act.ActorSystem == IPCActorSystem, Act.ID == IPCActorID {
    try Act.resolve(id: IPCActorID(process: process, name: name), using: lane.system)
  }

  /// The actors that it hosts now, by name.
  /// - Throws: `peerGone`; `notSupported` when the list is too long for a message; `CancellationError`; ``/IPC/ChannelError`` when
  ///   the answer isn't one.
  public func hosted() async throws -> [HostedActor] { try await lane.list() }

  /// Closes the connection, and waits until the other side has as well; one that was spawned ends, and is reaped. It may
  /// finish the calls that it carries out on other threads than the connection's; after `patience` it is killed. A process
  /// that wasn't spawned is waited for no longer than that.
  public func close(within patience: Duration = .seconds(5)) { lane.close(within: patience) }

  /// Ends a process that was spawned, at once: SIGKILL.
  public func kill() { lane.kill() }

  // MARK: What it costs

  /// Bytes that the two channels have carried, framing included.
  package var bytesCarried: Int { lane.bytesCarried }
  /// What a process that was spawned has used, once it has ended.
  package var usage: Processes.Usage? { lane.usage }
  private let before = Mutex<Processes.Usage?>(nil)
  /// What it had used when it said so.
  package var usageBefore: Processes.Usage? { before.withLock { $0 } }
  package func note(_ usage: Processes.Usage) { before.withLock { $0 = usage } }
}
