extension ChannelOptions {
  /// These options, for a channel of `Element`.
  /// - Throws: `notSupported` if the mechanism can't carry one, or the type has no name of its own.
  func carrying<Element: Message>(
    _ type: Element.Type, _ mechanism: Mechanism
  ) throws(ChannelError) -> ChannelOptions {
    var options = self
    options.messageType = try MessageType(of: type)
    let traits = mechanism.traits
    if traits.carries == .tokens || options.type == .tokens {
      guard type == Token.self else { throw .cannotCarry(type, mechanism, "only counts", "Channel<Token>") }
    } else if traits.carries == .integers {
      guard type == Int32.self else {
        throw .cannotCarry(type, mechanism, "carries four bytes", "Channel<Int32>")
      }
    } else if traits.peerIsCommand || options.framing == .line {
      // JSON has no newline, as its encoder writes it.
      guard type == String.self || type == [UInt8].self || Element.messageCoding == .json else {
        throw .cannotCarry(
          type, mechanism, "carries lines of text",
          "Channel<String> or Channel<[UInt8]>, or make it a JSONMessage")
      }
    }
    return options
  }
}

extension Address {
  /// This address, for a channel of `Element`.
  func carrying<Element: Message>(_ type: Element.Type) throws(ChannelError) -> Address {
    var address = self
    address.options = try options.carrying(type, mechanism)
    return address
  }
}

extension ChannelError {
  fileprivate static func cannotCarry<Element: Message>(
    _ type: Element.Type, _ mechanism: Mechanism, _ what: String, _ choice: String
  ) -> ChannelError {
    ChannelError(
      .notSupported, .open, mechanism,
      "this channel \(what), and can't carry messages of the type \(Element.messageName): open it as a \(choice)"
    )
  }
}
