extension MessageType {
  package init<Element: Message>(of type: Element.Type) throws(ChannelError) {
    self.init(fingerprint: 1, name: Element.messageName)
  }
}
extension Message {
  static var messageName: String { String(describing: Self.self) }
}
