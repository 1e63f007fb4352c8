/// A system call, as strace(1) prints it.
package struct StraceCall: Hashable, Sendable, CustomStringConvertible {
  /// The thread that made it: what `strace -f` prints in front of a line.
  package let thread: Int32
  /// Its name, such as `openat`.
  package let name: String
  /// What stands between the parentheses.
  package let arguments: String
  /// What stands behind the equals sign; nil if the trace ends before the call does.
  package let result: String?
  /// The line on which it began, counted from 0: the order in which the kernel was entered.
  package let line: Int

  package init(thread: Int32, name: String, arguments: String, result: String?, line: Int) {
    self.thread = thread
    self.name = name
    self.arguments = arguments
    self.result = result
    self.line = line
  }

  package var description: String { "\(thread) \(name)(\(arguments)) = \(result ?? "unfinished")" }

  /// A descriptor among the arguments or in the result, as `strace -yy` prints it: `3<pipe:[4711]>`.
  package struct NamedDescriptor: Hashable, Sendable {
    package let number: Int32
    /// What the descriptor is: a path, `pipe:[INODE]`, `anon_inode:[eventfd]`, a socket's addresses.
    package let name: String

    package init(number: Int32, name: String) {
      self.number = number
      self.name = name
    }
  }

  /// The descriptors among the arguments.
  package var descriptors: [NamedDescriptor] { Self.descriptors(in: arguments) }

  /// The descriptors in the result.
  package var resultDescriptors: [NamedDescriptor] { Self.descriptors(in: result ?? "") }

  /// The quoted strings among the arguments, as they are printed.
  package var strings: [String] {
    var found: [String] = []
    var current: String?
    var isEscaped = false
    for character in arguments {
      guard let text = current else {
        if character == "\"" { current = "" }
        continue
      }
      if character == "\"", !isEscaped {
        found.append(text)
        current = nil
        continue
      }
      isEscaped = character == "\\" && !isEscaped
      current = text + String(character)
    }
    return found
  }

  /// The number that the call returned; nil for an error, or where there is none.
  package var returned: UInt64? {
    guard let word = result?.prefix(while: { $0.isHexDigit || $0 == "x" }) else { return nil }
    return word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
  }

  /// Numbers with a name in angle brackets, outside of strings.
  private static func descriptors(in text: String) -> [NamedDescriptor] {
    let bytes = Array(text.utf8)
    var found: [NamedDescriptor] = []
    var index = 0
    var isEscaped = false
    var isInString = false
    var digits = 0
    while index < bytes.count {
      let byte = bytes[index]
      if isInString {
        if byte == UInt8(ascii: "\""), !isEscaped { isInString = false }
        isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
      } else if byte == UInt8(ascii: "\"") {
        isInString = true
        digits = 0
      } else if byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") {
        digits += 1
      } else if byte == UInt8(ascii: "<"), digits > 0 {
        let end = endOfName(bytes, from: index + 1)
        let number = String(decoding: bytes[(index - digits)..<index], as: UTF8.self)
        if let number = Int32(number) {
          let name = String(decoding: bytes[(index + 1)..<end], as: UTF8.self)
          found.append(NamedDescriptor(number: number, name: name))
        }
        index = end
        digits = 0
      } else {
        digits = 0
      }
      index += 1
    }
    return found
  }

  /// Where the name that begins here ends: `</dev/null<char 1:3>>` holds brackets, `<UNIX:[1->2]>` an arrow.
  private static func endOfName(_ bytes: [UInt8], from start: Int) -> Int {
    var depth = 1
    for index in start..<bytes.count {
      if bytes[index] == UInt8(ascii: "<") { depth += 1 }
      if bytes[index] == UInt8(ascii: ">"), bytes[index - 1] != UInt8(ascii: "-") { depth -= 1 }
      if depth == 0 { return index }
    }
    return bytes.count
  }
}

/// Reads the lines of `strace -f -o`. A pure state machine: it holds the calls that have begun and not returned.
///
/// A line is a whole call, the beginning of one (`<unfinished ...>`), the end of one (`<... NAME resumed>`), a signal
/// (`---`), or the end of a thread (`+++`).
package struct StraceParser: Sendable {
  private struct Begun {
    let name: String
    let arguments: String
    let line: Int
  }

  private var begun: [Int32: Begun] = [:]
  private var lines = 0

  private static let unfinished = "<unfinished ...>"
  private static let resumedEnd = " resumed>"

  package init() {}

  /// All calls of a whole trace, in the order in which they began.
  package static func calls(in text: String) -> [StraceCall] {
    var parser = StraceParser()
    var calls: [StraceCall] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if let call = parser.parse(line) { calls.append(call) }
    }
    calls += parser.finish()
    return calls.sorted { $0.line < $1.line }
  }

  /// Reads the next line. Returns the call that ends on it, if one does.
  package mutating func parse(_ text: Substring) -> StraceCall? {
    let line = lines
    lines += 1
    let digits = text.prefix(while: \.isNumber)
    guard let thread = Int32(digits) else { return nil }
    let rest = text.dropFirst(digits.count).drop(while: { $0 == " " })
    if rest.hasPrefix("---") { return nil }
    if rest.hasPrefix("+++") { return end(thread) }
    if rest.hasPrefix("<... ") { return resume(thread, rest.dropFirst("<... ".count)) }
    guard let open = rest.firstIndex(of: "("), open > rest.startIndex,
      rest[..<open].allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" })
    else { return nil }
    let name = String(rest[..<open])
    let inside = rest[rest.index(after: open)...]
    if inside.hasSuffix(Self.unfinished) {
      let arguments = Self.trimmed(inside.dropLast(Self.unfinished.count))
      begun[thread] = Begun(name: name, arguments: arguments, line: line)
      return nil
    }
    guard let (arguments, result) = Self.split(inside) else { return nil }
    return StraceCall(thread: thread, name: name, arguments: arguments, result: result, line: line)
  }

  /// The calls that had begun and not returned when the trace ended.
  package mutating func finish() -> [StraceCall] {
    let left = begun.keys.compactMap { end($0) }
    return left.sorted { $0.line < $1.line }
  }

  private mutating func end(_ thread: Int32) -> StraceCall? {
    begun.removeValue(forKey: thread).map {
      StraceCall(thread: thread, name: $0.name, arguments: $0.arguments, result: nil, line: $0.line)
    }
  }

  private mutating func resume(_ thread: Int32, _ rest: Substring) -> StraceCall? {
    guard let mark = Self.first(Self.resumedEnd, in: rest), let begun = begun[thread],
      rest[..<mark.lowerBound] == begun.name
    else { return nil }
    self.begun[thread] = nil
    // The thread ended in the call: `<... read resumed> <unfinished ...>) = ?`.
    let (more, result) = Self.split(rest[mark.upperBound...]) ?? ("", "?")
    let isUnfinished = more.hasSuffix(Self.unfinished)
    let tail = isUnfinished ? Self.trimmed(more.dropLast(Self.unfinished.count)) : more
    let separator = begun.arguments.isEmpty || tail.isEmpty ? "" : " "
    return StraceCall(
      thread: thread, name: begun.name, arguments: begun.arguments + separator + tail, result: result,
      line: begun.line)
  }

  /// Splits `ARGUMENTS) = RESULT`. The equals sign is the last one behind a parenthesis: strings may hold others.
  private static func split(_ text: Substring) -> (arguments: String, result: String)? {
    var index = text.endIndex
    while index > text.startIndex {
      index = text.index(before: index)
      guard text[index] == "=", text[index...].hasPrefix("= ") else { continue }
      var before = index
      while before > text.startIndex, text[text.index(before: before)] == " " {
        before = text.index(before: before)
      }
      guard before > text.startIndex, before < index else { continue }
      let end = text.index(before: before)
      if text[end] == ")" { return (String(text[..<end]), trimmed(text[text.index(after: index)...])) }
    }
    return nil
  }

  private static func trimmed(_ text: Substring) -> String {
    var text = text.drop(while: { $0 == " " })
    while text.last == " " { text = text.dropLast() }
    return String(text)
  }

  private static func first(_ part: String, in text: Substring) -> Range<Substring.Index>? {
    var index = text.startIndex
    while index < text.endIndex {
      if text[index...].hasPrefix(part) { return index..<text.index(index, offsetBy: part.count) }
      index = text.index(after: index)
    }
    return nil
  }
}
