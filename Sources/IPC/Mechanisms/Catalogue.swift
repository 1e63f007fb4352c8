/// The one place that names every mechanism. Adding one: a folder with its implementation, a line in each list
/// here, a demo; the conformance suite then runs over it.
package enum Catalogue {
  /// The seven, in the order of `all`.
  package static let mechanisms: [any MechanismImplementation.Type] = [
    PipeMechanism.self, FIFOMechanism.self, QueueMechanism.self, SemaphoreMechanism.self,
    MemoryMechanism.self, UnixMechanism.self, TCPMechanism.self,
  ]

  /// Worth comparing with them.
  package static let variants: [any MechanismImplementation.Type] = [
    PosixQueueVariant.self, PosixSemaphoreVariant.self, EventfdVariant.self, SignalVariant.self,
    PopenVariant.self,
    MemfdVariant.self,
  ]

  package static func implementation(
    of mechanism: Mechanism
  ) throws(ChannelError) -> any MechanismImplementation.Type {
    for implementation in mechanisms + variants where implementation.mechanism == mechanism {
      return implementation
    }
    throw unknown(mechanism.name)
  }

  fileprivate static func unknown(_ name: String) -> ChannelError {
    let names = (mechanisms + variants).map { $0.mechanism.name }.joined(separator: ", ")
    return ChannelError(.unknownMechanism, .open, nil, "no mechanism \"\(name)\": there are \(names)")
  }
}

extension Mechanism {
  /// Bytes between related processes: pipe(2).
  public static let pipe = Mechanism("pipe")
  /// A pipe with a path: mkfifo(3).
  public static let fifo = Mechanism("fifo")
  /// A System V message queue: msgget(2).
  public static let queue = Mechanism("queue")
  /// A bounded buffer in shared memory that System V semaphores guard, or tokens: semget(2).
  public static let semaphore = Mechanism("semaphore")
  /// A lock-free ring in System V shared memory: shmget(2), futex(2).
  public static let memory = Mechanism("memory")
  /// A Unix socket: unix(7).
  public static let unix = Mechanism("unix")
  /// A TCP socket: tcp(7).
  public static let tcp = Mechanism("tcp")

  /// The seven mechanisms, in the order in which reports list them.
  public static var all: [Mechanism] { Catalogue.mechanisms.map { $0.mechanism } }

  /// Variants worth comparing with them.
  public static var variants: [Mechanism] { Catalogue.variants.map { $0.mechanism } }

  /// The mechanism with this name.
  /// - Throws: `unknownMechanism`, with the names that there are.
  public init(named name: String) throws(ChannelError) {
    guard let found = (Mechanism.all + Mechanism.variants).first(where: { $0.name == name }) else {
      throw Catalogue.unknown(name)
    }
    self = found
  }

  /// What it can and can't do.
  public var traits: MechanismTraits {
    // Every mechanism there is comes from the catalogue.
    try! Catalogue.implementation(of: self).traits
  }

  /// What this machine's kernel allows it. Reads /proc/sys.
  public var limits: [MechanismLimit] { (try? Catalogue.implementation(of: self).limits()) ?? [] }
}
