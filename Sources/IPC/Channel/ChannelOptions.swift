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

  /// What a call does while it waits. `?wait=block|spin|adaptive`
  public var wait: WaitStrategy = .adaptive
  /// The largest message that this endpoint sends or receives, in bytes. `?max=1M`
  /// At most 512 MiB; a larger value is reduced to that.
  public var maximumMessageBytes: Int = 16 << 20 {
    didSet { maximumMessageBytes = min(max(0, maximumMessageBytes), 1 << 29) }
  }
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
  /// An option of one mechanism, such as `stream` or `packet` of a Unix socket. `?type=`
  public var type: String?

  /// The defaults.
  public init() {}

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
      guard let bytes = Self.bytes(value), bytes <= 1 << 29 else {
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
      type = value
    default:
      throw ChannelError(
        .invalidAddress, .open, nil,
        "\"\(address)\": unknown option \"\(key)\": choose one of wait, max, capacity, senders, receivers, framing, coalesce and type"
      )
    }
  }

  /// The options as an address has them, without those at their defaults.
  package var parameters: [(key: String, value: String)] {
    var list: [(key: String, value: String)] = [
      ("wait", wait.rawValue), ("max", String(maximumMessageBytes)),
    ]
    if let capacityBytes { list.append(("capacity", String(capacityBytes))) }
    if let senders { list.append(("senders", senders.rawValue)) }
    if let receivers { list.append(("receivers", receivers.rawValue)) }
    if framing != .frames { list.append(("framing", framing.rawValue)) }
    if coalesces { list.append(("coalesce", "yes")) }
    if let type { list.append(("type", type)) }
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
