/// What carries a channel: a pipe, a queue, shared memory. The catalogue (`Catalogue.swift`) lists them.
public struct Mechanism: Hashable, Sendable, CustomStringConvertible {
  /// The name in addresses, options and reports: `memory`.
  public let name: String

  package init(_ name: String) { self.name = name }

  /// The name.
  public var description: String { name }
}

/// What a mechanism declares that it can and can't do.
public struct MechanismTraits: Hashable, Sendable {
  /// What travels.
  public enum Carries: String, Hashable, Sendable {
    /// Messages of any size up to the channel's limit.
    case messages
    /// Messages of zero bytes: only that they came counts.
    case tokens
    /// Messages of exactly four bytes.
    case integers
  }

  /// One line for a person.
  public let summary: String
  /// How an address looks.
  public let addressForm: String
  /// The system calls that carry a message.
  public let systemCalls: [String]
  /// What travels.
  public let carries: Carries
  /// Whether several senders can share a channel.
  public let manySenders: Bool
  /// Whether several receivers can share a channel, each message going to exactly one.
  public let manyReceivers: Bool
  /// Whether a channel without a name can be made and its ends handed to other processes.
  public let anonymous: Bool
  /// Whether a channel can be found by its address.
  public let named: Bool
  /// Whether the other end can be on another machine.
  public let crossesMachines: Bool
  /// Whether one system call, or none, can send many small messages (see ``Sender/coalesces``).
  public let coalesces: Bool
  /// What a channel of this mechanism can't do, and the way out; empty where there is nothing to say.
  public let caveat: String

  package init(
    summary: String, addressForm: String, systemCalls: [String], carries: Carries = .messages,
    manySenders: Bool, manyReceivers: Bool, anonymous: Bool = true, named: Bool = true,
    crossesMachines: Bool = false, coalesces: Bool = true, caveat: String = ""
  ) {
    self.summary = summary
    self.addressForm = addressForm
    self.systemCalls = systemCalls
    self.carries = carries
    self.manySenders = manySenders
    self.manyReceivers = manyReceivers
    self.anonymous = anonymous
    self.named = named
    self.crossesMachines = crossesMachines
    self.coalesces = coalesces
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

/// What each mechanism implements; the catalogue lists the implementations.
package protocol MechanismImplementation: SendableMetatype {
  static var mechanism: Mechanism { get }
  static var traits: MechanismTraits { get }

  /// A channel without a name: both ends in this process.
  static func pair(_ options: ChannelOptions) throws(ChannelError) -> TransportPair
  /// The sending end of the channel with this address. Waits until the deadline for a receiver.
  static func openSender(_ address: Address, until deadline: Deadline) throws(ChannelError)
    -> any SenderTransport
  /// The receiving end of the channel with this address. Makes the name where there is none.
  static func openReceiver(_ address: Address) throws(ChannelError) -> any ReceiverTransport
  /// The end that the parent process handed over.
  static func adoptSender(_ inherited: InheritedEndpoint) throws(ChannelError) -> any SenderTransport
  static func adoptReceiver(_ inherited: InheritedEndpoint) throws(ChannelError) -> any ReceiverTransport
  static func limits() -> [MechanismLimit]
}

package struct TransportPair {
  package let sender: any SenderTransport
  package let receiver: any ReceiverTransport

  package init(_ sender: any SenderTransport, _ receiver: any ReceiverTransport) {
    self.sender = sender
    self.receiver = receiver
  }
}
