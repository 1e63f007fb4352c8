/// The string that names a channel and its mechanism: `fifo:/tmp/jobs`, `queue:jobs?max=1M`, `tcp:localhost:7000`.
///
/// Grammar: `mechanism ":" target [ "?" key "=" value { "&" key "=" value } ]`. The mechanism decides what the target is:
/// a path, a name, a host and a port.
public struct Address: Hashable, Sendable, CustomStringConvertible {
  /// The channel's mechanism.
  public let mechanism: Mechanism
  /// The text between the `:` and the `?`.
  public let target: String
  /// The options behind the `?`, or the defaults.
  public var options: ChannelOptions

  /// Reads an address.
  /// - Throws: `invalidAddress`; `unknownMechanism`, with the list of mechanisms.
  public init(_ text: String) throws(ChannelError) {
    guard let colon = text.firstIndex(of: ":") else {
      throw ChannelError(
        .invalidAddress, .open, nil,
        "invalid address \"\(text)\": expected MECHANISM:TARGET, such as fifo:/tmp/jobs or queue:jobs"
      )
    }
    mechanism = try Mechanism(named: String(text[..<colon]))
    let rest = text[text.index(after: colon)...]
    let question = rest.lastIndex(of: "?") ?? rest.endIndex
    target = String(rest[..<question])
    options = ChannelOptions()
    guard question < rest.endIndex else { return }
    for pair in rest[rest.index(after: question)...].split(separator: "&") {
      guard let equals = pair.firstIndex(of: "=") else {
        throw ChannelError(
          .invalidAddress, .open, mechanism,
          "invalid option \"\(pair)\" in \"\(text)\": expected key=value, such as max=1M")
      }
      try options.set(String(pair[..<equals]), String(pair[pair.index(after: equals)...]), in: text)
    }
  }

  /// An address from its parts.
  public init(_ mechanism: Mechanism, _ target: String, options: ChannelOptions = ChannelOptions()) {
    self.mechanism = mechanism
    self.target = target
    self.options = options
  }

  /// The address as a string, with the options that aren't at their defaults. ``init(_:)`` reads it back.
  public var description: String {
    let parameters = options.addressParameters
    let place = "\(mechanism.name):\(target)"
    // The last question mark begins the options.
    if parameters.isEmpty { return target.contains("?") ? place + "?" : place }
    return place + "?" + parameters.map { "\($0.key)=\($0.value)" }.joined(separator: "&")
  }

  package func invalid(_ why: String) -> ChannelError {
    ChannelError(.invalidAddress, .open, mechanism, "\"\(description)\": \(why)")
  }

  /// The target as a path, for the mechanisms whose name is a path.
  package func path() throws(ChannelError) -> String {
    guard !target.isEmpty else { throw invalid("the path is missing: write \(mechanism.name):/tmp/jobs") }
    guard !target.utf8.contains(0) else { throw invalid("a path can't contain a zero byte") }
    return target
  }
}
