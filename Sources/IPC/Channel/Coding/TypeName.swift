/// What a type is called without its module and those of its generic arguments: `Page<Job>`, where `String(reflecting:)`
/// has `Crawler.Page<Crawler.Job>`.
package func unqualifiedName(of type: any Any.Type) -> String {
  let name = String(reflecting: type)
  if name.contains(unknownContext) { return name }
  var result = ""
  var chain: [Substring] = []
  var start = name.startIndex
  func flush() { result += chain.dropFirst(chain.count > 1 ? 1 : 0).joined(separator: ".") }
  for index in name.indices {
    let character = name[index]
    if character.isLetter || character.isNumber || character == "_" || character == "`" { continue }
    if start < index { chain.append(name[start..<index]) }
    start = name.index(after: index)
    if character == "." { continue }
    flush()
    chain = []
    result.append(character)
  }
  if start < name.endIndex { chain.append(name[start...]) }
  flush()
  return result
}

/// What `String(reflecting:)` has in place of a function or a file, with an address that differs between two builds.
private let unknownContext = "(unknown context at "

extension MessageType {
  /// What a channel of `Element` carries.
  /// - Throws: `notSupported` for a type that has no name of its own, or whose layout isn't fixed.
  package init<Element: Message>(of type: Element.Type) throws(ChannelError) {
    let name = Element.messageName
    guard !name.contains(unknownContext) else {
      throw ChannelError(
        .notSupported, .open, nil,
        "the type \(Element.self) is declared in a function or private to its file, so that another process can't know its name: add static var messageName: String { \"\(Element.self)\" } to it"
      )
    }
    if let fixed = type as? any FixedLayoutMessage.Type { try FixedLayout.check(fixed) }
    self.init(coding: Element.messageCoding.name, size: MemoryLayout<Element>.size, name: name)
  }
}
