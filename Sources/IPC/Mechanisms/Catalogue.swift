import Synchronization
import SystemCalls

/// The list of mechanisms. Adding one is a chapter with its implementation, a line here, and a demo: the benchmark,
/// the conformance suite, the tables and the reports follow from what its traits declare.
package enum Catalogue {
  /// The seven, in the order in which reports list them.
  package static let mechanisms: [any MechanismImplementation.Type] = [
    PipeMechanism.self,
    FIFOMechanism.self,
    MessageQueueMechanism.self,
    SemaphoreMechanism.self,
    SharedMemoryMechanism.self,
    UnixSocketMechanism.self,
    TCPMechanism.self,
  ]

  /// Variants worth comparing with them.
  package static let variants: [any MechanismImplementation.Type] = [
    POSIXQueueMechanism.self,
    POSIXSemaphoreMechanism.self,
    EventfdMechanism.self,
    SignalMechanism.self,
    PopenMechanism.self,
    MemfdMechanism.self,
  ]

  /// Mechanisms of other modules that this process uses by their names, without being in the lists above.
  private static let additional = Locked<[any MechanismImplementation.Type]>([])

  /// Makes a mechanism of another module known to this process, so that addresses and passed endpoints can name it.
  package static func add(_ implementation: any MechanismImplementation.Type) {
    additional.withLock { list in
      if !list.contains(where: { $0.mechanism == implementation.mechanism }) { list.append(implementation) }
    }
  }

  private static var all: [any MechanismImplementation.Type] {
    mechanisms + variants + additional.withLock { $0 }
  }

  package static func implementation(
    of mechanism: Mechanism
  ) throws(ChannelError) -> any MechanismImplementation.Type {
    try implementation(named: mechanism.name)
  }

  /// The implementation, once the options are checked.
  static func implementation(
    of mechanism: Mechanism, _ options: ChannelOptions
  ) throws(ChannelError) -> any MechanismImplementation.Type {
    try options.check(mechanism)
    return try implementation(of: mechanism)
  }

  static func implementation(named name: String) throws(ChannelError) -> any MechanismImplementation.Type {
    let all = all
    guard let found = all.first(where: { $0.mechanism.name == name }) else {
      let names = all.map { $0.mechanism.name }
      throw ChannelError(
        .unknownMechanism, .open, nil, Suggestion.unknown("mechanism", name, among: names))
    }
    return found
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

  /// A POSIX message queue: mq_open(3).
  public static let posixQueue = Mechanism("posix-queue")
  /// A POSIX semaphore, which counts tokens: sem_init(3).
  public static let posixSemaphore = Mechanism("posix-semaphore")
  /// An eventfd, which counts tokens: eventfd(2).
  public static let eventfd = Mechanism("eventfd")
  /// Real-time signals, which carry an integer: sigqueue(3).
  public static let signal = Mechanism("signal")
  /// Lines to or from a shell command: popen(3).
  public static let popen = Mechanism("popen")
  /// A lock-free ring in anonymous memory: memfd_create(2).
  public static let memfd = Mechanism("memfd")

  /// The seven mechanisms, in the order in which reports list them.
  public static var all: [Mechanism] { Catalogue.mechanisms.map { $0.mechanism } }

  /// Variants worth comparing with them.
  public static var variants: [Mechanism] { Catalogue.variants.map { $0.mechanism } }

  /// The mechanism with this name.
  /// - Throws: `unknownMechanism`, with the names that there are.
  public init(named name: String) throws(ChannelError) {
    self = try Catalogue.implementation(named: name).mechanism
  }

  /// What it can and can't do.
  public var traits: MechanismTraits {
    // Every mechanism comes from the catalogue.
    try! Catalogue.implementation(of: self).traits
  }

  /// What this machine's kernel allows it. Reads /proc/sys.
  public var limits: [MechanismLimit] { (try? Catalogue.implementation(of: self).limits()) ?? [] }
}
