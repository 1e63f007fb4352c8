/// What a type is called without its module and those of its generic arguments: `Page<Job>`, where `String(reflecting:)`
/// has `Crawler.Page<Crawler.Job>`. A type that is private to its file is called as if it weren't. A type that is declared in a
/// function has ``localMark`` in its name: nothing in a program tells two such types apart that holds for a second program.
package func unqualifiedName(of type: any Any.Type) -> String {
  var name = QualifiedName(Array(String(reflecting: type)))
  return name.unqualified()
}

/// What the name of a type has that is declared in a function.
let localMark = "(in a function)"

/// Reads what `String(reflecting:)` says of a type.
private struct QualifiedName {
  private let text: [Character]
  private var at = 0

  init(_ text: [Character]) { self.text = text }

  mutating func unqualified() -> String {
    var result = ""
    // A dot behind a closing bracket continues a name: `Page<Job>.Item`.
    var continues = false
    while at < text.count {
      if skip("(extension in ") {
        while at < text.count, text[at] != ":" { at += 1 }
        at += 1
      } else if isWord(text[at]) {
        result += chain(isStart: !continues)
      } else {
        continues = text[at] == "." && result.last == ">"
        result.append(text[at])
        at += 1
      }
    }
    return result
  }

  /// Names with dots between them. The first of several is the module's.
  private mutating func chain(isStart: Bool) -> String {
    var parts = [word()]
    var contexts = 0
    var isLocal = false
    while at + 1 < text.count, text[at] == ".", isWord(text[at + 1]) || text[at + 1] == "(" {
      at += 1
      guard text[at] == "(" else {
        parts.append(word())
        contexts = 0
        continue
      }
      // `(unknown context at $5576e4f1a2)`: one is a file, and a function is followed by one more. The number is an address,
      // which differs between two runs. `(Job in _4F3A…)` and `(Job #1)` are what a demangler prints.
      let context = brackets()
      contexts += 1
      if contexts > 1 || context.contains("#") { isLocal = true }
      if let inner = context.firstIndex(of: " "), !context.hasPrefix("unknown context") {
        parts.append(String(context[..<inner]))
      }
    }
    if isStart, parts.count > 1 { parts.removeFirst() }
    return parts.joined(separator: ".") + (isLocal ? localMark : "")
  }

  private mutating func word() -> String {
    var word = ""
    if text[at] == "`" {
      // A name in backquotes may contain anything else.
      repeat {
        word.append(text[at])
        at += 1
      } while at < text.count && text[at] != "`"
      if at < text.count { word.append("`") }
      at += 1
      return word
    }
    while at < text.count, isWord(text[at]), text[at] != "`" {
      word.append(text[at])
      at += 1
    }
    return word
  }

  /// What is between the bracket here and its counterpart.
  private mutating func brackets() -> String {
    var depth = 0
    var inner = ""
    while at < text.count {
      let character = text[at]
      at += 1
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      if depth == 0 { break }
      if !(character == "(" && depth == 1) { inner.append(character) }
    }
    return inner
  }

  private mutating func skip(_ prefix: String) -> Bool {
    guard text[at...].starts(with: prefix) else { return false }
    at += prefix.count
    return true
  }

  private func isWord(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || character == "_" || character == "`" || character == "$"
  }
}
