/// The type to which a distributed function belongs, as its mangled name says (Mangling.rst of the Swift project). The name
/// consists of a module, nested types, and a function of the innermost type. Any other name is refused, above all that of a
/// type that is local to a function: it begins with the name of the type to which that function belongs.
struct MangledFunction {
  /// The mangled name of the type to which the function belongs.
  let type: String
  /// For a function of the stub `$Greeter`: the mangled name of `any Greeter`; nil for any other function.
  let stubbedProtocol: String?

  /// Whether a mangled name is that of a module's type, or of a type nested in one.
  static func isPlainType(_ mangled: String) -> Bool {
    var name = MangledName(mangled)
    guard name.identifier() != nil else { return false }
    while name.identifier() != nil {
      guard let kind = name.peek, "CVO".utf8.contains(kind) else { return false }
      name.at += 1
    }
    return name.peek == nil
  }

  /// `Counter.add`, for a person; the mangled name where it can't be read.
  static func readableName(_ mangled: String) -> String {
    var name = MangledName(mangled)
    guard name.skip("$s"), name.identifier() != nil else { return mangled }
    var words: [String] = []
    while let word = name.identifier() {
      words.append(word)
      guard let kind = name.peek, "CVO".utf8.contains(kind) else { break }
      name.at += 1
    }
    // The last word is the function, where the types end.
    return words.count > 1 ? words.joined(separator: ".") : mangled
  }

  /// Nil: the name isn't that of a type's own function.
  init?(_ identifier: String) {
    var name = MangledName(identifier)
    // An async throwing function, as all distributed functions are for a caller. A generic one is refused: its type
    // arguments would come from the caller.
    guard name.skip("$s"), identifier.hasSuffix("KFTE"), let module = name.identifier() else { return nil }
    let start = 2
    // The names of the types, the outermost first.
    var outer: [String] = []
    var end: Int?
    while let word = name.identifier() {
      // The name of a private type is followed by the file's identifier and LL.
      let mark = name.at
      if name.identifier() != nil, name.skip("LL") {} else { name.at = mark }
      guard let kind = name.peek, "CVO".utf8.contains(kind) else { break }
      name.at += 1
      outer.append(word)
      end = name.at
      // The innermost type is an actor, which is mangled as a class.
      if kind != UInt8(ascii: "C") { end = nil }
    }
    guard let end, let last = outer.last else { return nil }
    name.at = end
    type = String(decoding: name.bytes[start..<end], as: UTF8.self)
    guard name.isOwnFunction else { return nil }
    stubbedProtocol =
      last.hasPrefix("$") && outer.count == 1
      ? "\(module.utf8.count)\(module)\(last.utf8.count - 1)\(last.dropFirst())_p" : nil
  }
}

/// Parses a mangled name, as far as ``MangledFunction`` needs it.
private struct MangledName {
  let bytes: [UInt8]
  var at = 0
  /// The words of the identifiers so far; later identifiers refer to them by number.
  private var words: [[UInt8]] = []

  init(_ text: String) { bytes = Array(text.utf8) }

  var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  mutating func skip(_ text: String) -> Bool {
    guard bytes[at...].starts(with: text.utf8) else { return false }
    at += text.utf8.count
    return true
  }

  // MARK: What follows the type

  /// Whether a function of the type follows, and nothing that is nested in a function.
  var isOwnFunction: Bool {
    var copy = self
    guard copy.identifier() != nil else { return false }
    // The name of a function in another module's extension begins with that module's name.
    if copy.skip("E"), copy.identifier() == nil { return false }
    // A class, structure, enumeration, protocol or type alias isn't a function.
    if let next = copy.peek, "CVOPa".utf8.contains(next) { return false }
    // The rest belongs to the function unless it contains a name that is local to a function.
    while copy.peek != nil {
      guard copy.skipToken() else { return false }
    }
    return true
  }

  /// Skips one operator, identifier or reference. False: it is a local name, or it can't be parsed.
  private mutating func skipToken() -> Bool {
    guard let byte = peek else { return false }
    if Self.isDigit(byte) { return identifier() != nil }
    at += 1
    switch byte {
    case UInt8(ascii: "S"):
      // A type of the standard library, perhaps repeated, or a reference to an earlier part of the name.
      while let next = peek, Self.isDigit(next) { at += 1 }
      guard let letter = peek else { return false }
      at += 1
      if letter == UInt8(ascii: "c") { at += 1 }
    case UInt8(ascii: "A"):
      while let next = peek {
        at += 1
        if next == UInt8(ascii: "_") || (65...90).contains(next) { break }
      }
    case UInt8(ascii: "L"):
      if let next = peek, next == UInt8(ascii: "_") || Self.isDigit(next) { return false }
    default: break
    }
    return at <= bytes.count
  }

  // MARK: Identifiers

  /// Reads an identifier. Nil: there is none at this position.
  mutating func identifier() -> String? {
    guard let first = peek, Self.isDigit(first) else { return nil }
    var hasWords = false
    if first == UInt8(ascii: "0") {
      at += 1
      if peek == UInt8(ascii: "0") { return punycode() }
      hasWords = true
    }
    var text: [UInt8] = []
    repeat {
      while hasWords, let letter = peek, Self.isLetter(letter) {
        at += 1
        // An upper-case letter marks the last word.
        let isLast = letter < UInt8(ascii: "a")
        if isLast { hasWords = false }
        let word = Int(letter - (isLast ? UInt8(ascii: "A") : UInt8(ascii: "a")))
        guard word < words.count else { return nil }
        text += words[word]
      }
      if first == UInt8(ascii: "0"), peek == UInt8(ascii: "0") {
        at += 1
        break
      }
      guard let count = natural(), count > 0, count <= bytes.count - at else { return nil }
      let part = bytes[at..<(at + count)]
      at += count
      text += part
      remember(Array(part))
    } while hasWords
    return String(decoding: text, as: UTF8.self)
  }

  /// Skips an identifier with letters that aren't ASCII. Its text isn't needed.
  private mutating func punycode() -> String? {
    at += 1
    guard let count = natural() else { return nil }
    if peek == UInt8(ascii: "_") { at += 1 }
    guard count > 0, count <= bytes.count - at else { return nil }
    at += count
    return "?"
  }

  private mutating func natural() -> Int? {
    var value = 0
    let start = at
    while let digit = peek, Self.isDigit(digit), at - start < 6 {
      value = value * 10 + Int(digit - 48)
      at += 1
    }
    return at > start ? value : nil
  }

  /// Stores the words of an identifier: parts of camel case or between underscores, of at least two letters.
  private mutating func remember(_ part: [UInt8]) {
    func isUpper(_ byte: UInt8) -> Bool { (65...90).contains(byte) }
    let underscore = UInt8(ascii: "_")
    var start: Int?
    for index in 0...part.count {
      let byte = index < part.count ? part[index] : 0
      if let begun = start, byte == underscore || byte == 0 || (!isUpper(part[index - 1]) && isUpper(byte)) {
        if index - begun >= 2, words.count < 26 { words.append(Array(part[begun..<index])) }
        start = nil
      }
      if start == nil, byte != 0, byte != underscore, !Self.isDigit(byte) { start = index }
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 48 && byte <= 57 }
  private static func isLetter(_ byte: UInt8) -> Bool {
    byte >= 65 && byte <= 90 || byte >= 97 && byte <= 122
  }
}
