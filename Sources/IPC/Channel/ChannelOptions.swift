/// How a channel behaves. An address has the same options behind the `?`: `fifo:/tmp/jobs?wait=block&max=1M`.
public struct ChannelOptions: Hashable, Sendable {
  /// How the end of a message is marked.
  public enum Framing: String, Hashable, Sendable {
    /// Eight bytes before each message: any bytes, any size (`Framing.md` describes them).
    case frames
    /// A message is a line of text that ends with a newline, as `echo` and `cat` write it.
    case line
  }

  /// Whether a channel has several senders, or several receivers.
  public enum Sharing: String, Hashable, Sendable {
    /// None does: large messages go in large writes, and no lock is needed.
    case one
    /// Some do: each write is small enough that the kernel keeps it whole.
    case many
  }

  /// A form of one mechanism's channels.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// A Unix socket that keeps the boundaries of packets (SOCK_SEQPACKET): its usual form.
    case packet
    /// A Unix socket that carries a byte stream (SOCK_STREAM).
    case stream
    /// A bounded buffer that a semaphore set guards: its usual form.
    case messages
    /// A semaphore set that counts, without messages: a channel of ``Token``.
    case tokens
  }

  /// The largest value of ``maximumMessageBytes``: 512 MiB.
  public static let largestMaximum = 1 << 29

  /// What a call does while it waits. `?wait=block|spin|adaptive`
  public var wait: WaitStrategy = .adaptive
  /// The largest message that this endpoint sends or receives, in bytes. `?max=1M`
  /// At most ``largestMaximum``; opening an endpoint with a larger one throws `invalidAddress`.
  public var maximumMessageBytes: Int = 16 << 20
  /// How much the channel holds before `send` waits, in bytes; nil: the mechanism's default. `?capacity=64K`
  public var capacityBytes: Int?
  /// Whether several senders share the channel; nil: the mechanism's default. `?senders=one|many`
  public var senders: Sharing?
  /// Whether several receivers share the channel; nil: the mechanism's default. A message queue with one receiver needs
  /// no lock. `?receivers=one|many`
  public var receivers: Sharing?
  /// How a byte stream marks the end of a message. `?framing=frames|line`
  public var framing: Framing = .frames {
    didSet { framingWasChosen = true }
  }
  /// Whether the caller chose it: some mechanisms have a default of their own.
  private(set) var framingWasChosen = false
  /// Whether small messages wait in the sender until its buffer is full, it is flushed, or the process waits for a
  /// message. `?coalesce=yes|no`
  public var coalesces = false
  /// What one mechanism has beside its usual form; nil: the usual form. `?type=packet|stream|messages|tokens`
  public var type: Kind?

  /// What the channel's messages are; nil: untyped, which joins a channel of any type. Not part of an address.
  package var messageType: MessageType?

  /// The defaults.
  public init() {}

  private static let keys = [
    "wait", "max", "capacity", "senders", "receivers", "framing", "coalesce", "type",
  ]

  package mutating func set(_ key: String, _ value: String, in address: String) throws(ChannelError) {
    func bad(_ expected: String) -> ChannelError {
      ChannelError(
        .invalidAddress, .open, nil,
        "\"\(address)\": \(key)=\(value) is invalid: expected \(key)=\(expected)")
    }
    switch key {
    case "wait":
      guard let wait = WaitStrategy(rawValue: value) else { throw bad("block, spin or adaptive") }
      self.wait = wait
    case "max":
      guard let bytes = Self.bytes(value), bytes <= Self.largestMaximum else {
        throw bad("a size up to 512M, such as 1M")
      }
      maximumMessageBytes = bytes
    case "capacity":
      guard let bytes = Self.bytes(value), bytes > 0 else { throw bad("a size such as 64K") }
      capacityBytes = bytes
    case "senders":
      guard let senders = Sharing(rawValue: value) else { throw bad("one or many") }
      self.senders = senders
    case "receivers":
      guard let receivers = Sharing(rawValue: value) else { throw bad("one or many") }
      self.receivers = receivers
    case "framing":
      guard let framing = Framing(rawValue: value) else { throw bad("frames or line") }
      self.framing = framing
    case "coalesce":
      guard value == "yes" || value == "no" else { throw bad("yes or no") }
      coalesces = value == "yes"
    case "type":
      guard let type = Kind(rawValue: value) else { throw bad("packet, stream, messages or tokens") }
      self.type = type
    default:
      throw ChannelError(
        .invalidAddress, .open, nil,
        "\"\(address)\": \(Suggestion.unknown("option", key, among: Self.keys))")
    }
  }

  /// Refuses what is out of its range, and what the mechanism doesn't have.
  package func check(_ mechanism: Mechanism) throws(ChannelError) {
    let types = mechanism.traits.types
    if let type, !types.contains(type) {
      let choice =
        types.isEmpty
        ? "leave it out" : "write " + types.map { "type=\($0.rawValue)" }.joined(separator: " or ")
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "a \(mechanism.name) channel has no type=\(type.rawValue): \(choice)")
    }
    for (key, sharing, isPossible, what) in [
      ("senders", senders, mechanism.traits.manySenders, "sender"),
      ("receivers", receivers, mechanism.traits.manyReceivers, "receiver"),
    ] where sharing == .many && !isPossible {
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "a \(mechanism.name) channel has one \(what): leave \(key)=many out")
    }
    guard (0...Self.largestMaximum).contains(maximumMessageBytes) else {
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "maximumMessageBytes is \(maximumMessageBytes): choose one from 0 to \(Self.largestMaximum)",
        limit: Self.largestMaximum)
    }
    if let capacityBytes, capacityBytes <= 0 {
      throw ChannelError(
        .invalidAddress, .open, mechanism,
        "capacityBytes is \(capacityBytes): choose more than 0, or nil for the mechanism's default")
    }
  }

  /// The options as an address has them: those that aren't at their defaults.
  var addressParameters: [(key: String, value: String)] {
    let defaults = Dictionary(uniqueKeysWithValues: ChannelOptions().parameters.map { ($0.key, $0.value) })
    var list = parameters.filter { defaults[$0.key] != $0.value }
    if framing == .frames, framingWasChosen { list.append(("framing", framing.rawValue)) }
    return list
  }

  /// The options as a child's environment has them: those that both processes could disagree on, and the rest where they
  /// aren't at their defaults.
  package var parameters: [(key: String, value: String)] {
    var list: [(key: String, value: String)] = [
      ("wait", wait.rawValue), ("max", String(maximumMessageBytes)),
    ]
    if let capacityBytes { list.append(("capacity", String(capacityBytes))) }
    if let senders { list.append(("senders", senders.rawValue)) }
    if let receivers { list.append(("receivers", receivers.rawValue)) }
    if framing != .frames { list.append(("framing", framing.rawValue)) }
    if coalesces { list.append(("coalesce", "yes")) }
    if let type { list.append(("type", type.rawValue)) }
    return list
  }

  /// `64`, `64K`, `1M`, `2G`: bytes, in powers of 1024.
  package static func bytes(_ text: String) -> Int? {
    let factor: Int
    switch text.last {
    case "K", "k": factor = 1 << 10
    case "M", "m": factor = 1 << 20
    case "G", "g": factor = 1 << 30
    default: factor = 1
    }
    let digits = factor == 1 ? text[...] : text.dropLast()
    guard digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let number = Int(digits) else { return nil }
    let product = number.multipliedReportingOverflow(by: factor)
    return product.overflow ? nil : product.partialValue
  }
}
