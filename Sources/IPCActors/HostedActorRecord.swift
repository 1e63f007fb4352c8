import Distributed
import Synchronization
import SystemCalls

/// An actor of this process that others can call.
final class HostedActorRecord: Sendable {
  private struct Holding {
    weak var actor: (any DistributedActor)?
    /// The same actor if it was hosted by name. Other actors live as long as the program references them.
    var kept: (any DistributedActor)?
  }

  let name: String
  let type: HostedType
  let mailbox: Mailbox
  private let holding = Locked(Holding())

  init(_ name: String, _ type: HostedType, interleaves: Bool) {
    self.name = name
    self.type = type
    mailbox = Mailbox(interleaves: interleaves)
  }

  /// The actor; nil: it isn't initialized yet, or it was released.
  var instance: (any DistributedActor)? { holding.withLock { $0.actor } }

  func setReady(_ actor: any DistributedActor) { holding.withLock { $0.actor = actor } }

  func keep(_ actor: any DistributedActor) { holding.withLock { $0.kept = actor } }

  func end() {
    mailbox.end()
    // Released without the lock: the actor's deinitializer may look the record up.
    let kept = holding.withLock { holding in
      holding.actor = nil
      return holding.kept.take()
    }
    _ = kept
  }
}
