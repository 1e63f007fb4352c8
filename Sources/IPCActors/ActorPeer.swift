public import Distributed
import IPC
import Synchronization
package import SystemCalls

/// The actor system of another process to which this process is connected.
public final class ActorPeer: Sendable {
  private let connection: ActorConnection
  /// The number of the other system.
  public let process: UInt64

  init(_ connection: ActorConnection, process: UInt64) {
    self.connection = connection
    self.process = process
  }

  /// The other process's id; nil where it wasn't started by ``IPCActorSystem/spawn(_:arguments:environment:over:options:)``.
  public var processID: Int32? { connection.processID }

  /// Whether it can be called: the process hasn't died, and neither side has closed the connection.
  public var isConnected: Bool { connection.isOpen }

  /// A reference to one of its actors, by name. The first call fails if there is no actor of this name and type.
  /// - Throws: `notConnected`.
  public func resolve<Act: DistributedActor>(_ type: Act.Type, named name: String) throws -> Act
  where Act.ActorSystem == IPCActorSystem, Act.ID == IPCActorID {
    try Act.resolve(id: IPCActorID(process: process, name: name), using: connection.system)
  }

  /// The actors that it hosts now, ordered by name.
  /// - Throws: `peerGone`; `notSupported` when the list is too long for a message; `CancellationError`;
  ///   ``/IPC/ChannelError`` when the answer can't be decoded.
  public func hosted() async throws -> [HostedActor] { try await connection.list() }

  /// Closes the connection, and waits until the peer has closed it as well. A process that was spawned ends, and
  /// is reaped; calls that it executes on other threads than the connection's may finish first. After `timeout` it is
  /// killed. A process that wasn't spawned is left running; this waits for it no longer than `timeout`.
  public func close(within timeout: Duration = .seconds(5)) { connection.close(within: timeout) }

  /// Kills a process that was spawned (SIGKILL).
  public func kill() { connection.kill() }

  // MARK: Cost

  /// Bytes that the two channels have carried, framing included.
  package var bytesCarried: Int { connection.bytesCarried }
  /// What a process that was spawned has used, once it has ended.
  package var usage: Processes.Usage? { connection.usage }
  private let before = Locked<Processes.Usage?>(nil)
  /// What it had used at an earlier time, as it reported it to ``record(_:)``.
  package var usageBefore: Processes.Usage? { before.withLock { $0 } }
  package func record(_ usage: Processes.Usage) { before.withLock { $0 = usage } }
}
