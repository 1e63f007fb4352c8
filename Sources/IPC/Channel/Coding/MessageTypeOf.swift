import Synchronization
import SystemCalls

/// A message that consists of others, which are checked as it is.
protocol MessageContainer {
  static var messageParts: [any Message.Type] { get }
}

extension Array: MessageContainer where Element: Message {
  static var messageParts: [any Message.Type] { [Element.self] }
}
extension Set: MessageContainer where Element: Message {
  static var messageParts: [any Message.Type] { [Element.self] }
}
extension Optional: MessageContainer where Wrapped: Message {
  static var messageParts: [any Message.Type] { [Wrapped.self] }
}
extension Dictionary: MessageContainer where Key: Message, Value: Message {
  static var messageParts: [any Message.Type] { [Key.self, Value.self] }
}

extension MessageType {
  /// The types that were looked at.
  private static let known = Locked<[ObjectIdentifier: MessageType]>([:])

  /// What a channel of `Element` carries. A type is looked at once.
  /// - Throws: `notSupported` for a type that has no name of its own, or whose layout isn't fixed.
  package init<Element: Message>(of type: Element.Type) throws(ChannelError) {
    let id = ObjectIdentifier(type)
    if let known = Self.known.withLock({ $0[id] }) {
      self = known
      return
    }
    let name = try Self.check(type)
    self.init(coding: Element.messageCoding.name, size: MemoryLayout<Element>.size, name: name)
    let found = self
    Self.known.withLock { $0[id] = found }
  }

  /// The type's name, if it and all that it consists of can be sent.
  private static func check(_ type: any Message.Type) throws(ChannelError) -> String {
    if let container = type as? any MessageContainer.Type {
      for part in container.messageParts { _ = try check(part) }
    }
    let name = type.messageName
    guard !name.isEmpty, !name.contains(localMark) else {
      throw ChannelError(
        .notSupported, .open, nil,
        "the type \(type) is declared in a function, so that another process can't know its name: add static var messageName: String { \"\(type)\" } to it"
      )
    }
    if let fixed = type as? any FixedLayoutMessage.Type { try FixedLayout.check(fixed) }
    return name
  }
}
