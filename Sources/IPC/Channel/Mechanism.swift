/// What the kernel offers to carry a channel: a pipe, a message queue, shared memory. ``all`` lists them.
public struct Mechanism: Hashable, Sendable, CustomStringConvertible {
  /// The name in addresses, options and reports: `memory`.
  public let name: String

  package init(_ name: String) { self.name = name }

  /// The name.
  public var description: String { name }
}

/// What a mechanism declares that it can and can't do.
public struct MechanismTraits: Hashable, Sendable {
  /// What a channel of the mechanism carries.
  public enum Carries: String, Hashable, Sendable {
    /// Messages of any size up to the channel's limit.
    case messages
    /// Messages of zero bytes: only the number of messages counts.
    case tokens
    /// Messages of exactly four bytes.
    case integers
  }

  /// A plain C exchange that the benchmark knows, by the mechanism that it uses.
  package enum Baseline: String, Hashable, Sendable {
    case pipe, fifo, queue, semaphore, ring, socket
  }

  /// The system calls of a channel, by what the process does. Names are the kernel's, as strace(1) prints them on x86-64
  /// with glibc: `ppoll`, `openat`, `newfstatat`.
  ///
  /// The lists are exact, and a test compares them with what strace(1) shows. They contain every call on what a channel
  /// consists of, whichever thread of the process makes it: its descriptors, paths, queues, semaphores, shared memory,
  /// signals and command; and, where a mechanism needs them, its liveness pipes with the epoll(7) that watches them, and
  /// the files that record its name. They don't contain what a process does for itself (memory, locks between its
  /// threads, starting threads, the kernel's limits in /proc), the passing of an endpoint to a child process, the removal
  /// of what dead processes left, and the calls of an event loop that waits for several channels.
  public struct SystemCalls: Hashable, Sendable {
    /// Opening either endpoint, with a name or without, or taking it over from the parent process.
    public let open: [String]
    /// Sending a message for which there is room, or finding that there is none.
    public let send: [String]
    /// Receiving a message that is there, or finding that there is none.
    public let receive: [String]
    /// Sending and receiving where the call has to wait for room, for a message or for the end: the calls that wait, and
    /// those that it makes before and after.
    public let wait: [String]
    /// Closing either endpoint. A sender first sends the messages that it holds back.
    public let close: [String]

    /// All of them, each once, in the order in which a channel makes them.
    public var all: [String] {
      (open + send + receive + wait + close).reduce(into: []) { list, call in
        if !list.contains(call) { list.append(call) }
      }
    }

    package init(open: [String], send: [String], receive: [String], wait: [String], close: [String]) {
      self.open = open
      self.send = send
      self.receive = receive
      self.wait = wait
      self.close = close
    }

    /// These calls, and those of what a channel consists of besides.
    func adding(_ others: SystemCalls...) -> SystemCalls {
      func joined(_ phase: (SystemCalls) -> [String]) -> [String] {
        others.reduce(into: phase(self)) { list, other in list += phase(other).filter { !list.contains($0) } }
      }
      return SystemCalls(
        open: joined(\.open), send: joined(\.send), receive: joined(\.receive), wait: joined(\.wait),
        close: joined(\.close))
    }
  }

  /// One line for a person.
  public let summary: String
  /// The form of an address.
  public let addressForm: String
  /// The system calls of a channel.
  public let systemCalls: SystemCalls
  /// What a channel carries.
  public let carries: Carries
  /// The forms that a channel can have (``ChannelOptions/type``), the usual one first; empty where there is one form.
  public let types: [ChannelOptions.Kind]
  /// Whether several senders can share a channel.
  public let manySenders: Bool
  /// Whether several receivers can share a channel, each message going to exactly one.
  public let manyReceivers: Bool
  /// Whether a channel without a name can be made, and its endpoints passed to other processes.
  public let anonymous: Bool
  /// Whether a channel can be found by its address.
  public let named: Bool
  /// Whether the peer can be on another machine.
  public let crossesMachines: Bool
  /// Whether one system call, or none, can send many small messages (see ``Sender/coalesces``).
  public let coalesces: Bool
  /// Whether a message is written where the receiver reads it, without a copy through the kernel.
  public let writesInPlace: Bool
  /// Whether the kernel keeps the channel's objects when every process that used them has died.
  public let outlivesProcesses: Bool
  /// The largest write that the kernel doesn't interleave with other senders' writes, in bytes; nil where every message
  /// has a boundary of its own, or the channel has one sender.
  public let atomicWriteBytes: Int?
  /// The most bytes that one system call carries; nil if the mechanism sets no limit.
  public let bytesPerCall: Int?
  /// Whether each sender has a connection of its own, so that an unnamed channel has only one sender.
  public let connectsEachSender: Bool
  /// Whether the peer is a command's standard input or output, and not a process that uses this library.
  public let peerIsCommand: Bool
  /// The plain C exchange that the benchmark compares it with; nil if there is none.
  package let baseline: Baseline?
  /// What a channel of this mechanism can't do, and the way out; empty where there is nothing to say.
  public let caveat: String

  package init(
    summary: String, addressForm: String, systemCalls: SystemCalls, carries: Carries = .messages,
    types: [ChannelOptions.Kind] = [],
    manySenders: Bool, manyReceivers: Bool, anonymous: Bool = true, named: Bool = true,
    crossesMachines: Bool = false, coalesces: Bool = true, writesInPlace: Bool = false,
    outlivesProcesses: Bool = false, atomicWriteBytes: Int? = nil, bytesPerCall: Int? = nil,
    connectsEachSender: Bool = false, peerIsCommand: Bool = false, baseline: Baseline? = nil,
    caveat: String = ""
  ) {
    self.summary = summary
    self.addressForm = addressForm
    self.systemCalls = systemCalls
    self.carries = carries
    self.types = types
    self.manySenders = manySenders
    self.manyReceivers = manyReceivers
    self.anonymous = anonymous
    self.named = named
    self.crossesMachines = crossesMachines
    self.coalesces = coalesces
    self.writesInPlace = writesInPlace
    self.outlivesProcesses = outlivesProcesses
    self.atomicWriteBytes = atomicWriteBytes
    self.bytesPerCall = bytesPerCall
    self.connectsEachSender = connectsEachSender
    self.peerIsCommand = peerIsCommand
    self.baseline = baseline
    self.caveat = caveat
  }
}

/// A limit that this machine's kernel sets on a mechanism.
public struct MechanismLimit: Hashable, Sendable {
  /// What is limited: `kernel.msgmax`.
  public let name: String
  /// The figure.
  public let value: Int
  /// Its unit: `bytes`.
  public let unit: String

  package init(_ name: String, _ value: Int, _ unit: String) {
    self.name = name
    self.value = value
    self.unit = unit
  }
}

/// What a mechanism implements. ``Catalogue`` lists the implementations.
package protocol MechanismImplementation: SendableMetatype {
  static var mechanism: Mechanism { get }
  static var traits: MechanismTraits { get }

  /// A channel without a name: both endpoints in this process.
  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair
  /// The sender of the channel with this address. Waits until the deadline for a receiver.
  static func openSender(_ address: Address, until deadline: Deadline) throws(ChannelError)
    -> any SenderTransport
  /// The receiver of the channel with this address. Makes the name where there is none.
  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport
  /// The endpoint that the parent process passed.
  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport
  /// What this machine's kernel allows.
  static func limits() -> [MechanismLimit]
}
