import CLibXML2

/// Elements whose content is text: where it ends, and what it says.
enum RawText {
  /// The place of the end tag of an element whose content is text; nil if it has none.
  static func end(of name: String, in markup: [UInt8], from start: Int) -> Int? {
    if name == "plaintext" { return nil }
    let name = Array(name.utf8)
    // Within "<!-- <script>", "</script>" belongs to that inner script.
    let isScript = name.elementsEqual("script".utf8)
    var (isComment, isInner) = (false, false)
    var index = start
    while let place = markup[index...].firstIndex(where: {
      $0 == UInt8(ascii: "<") || isScript && $0 == UInt8(ascii: "-")
    }) {
      index = place + 1
      if isScript {
        if !isComment, markup[place...].starts(with: "<!--".utf8) {
          isComment = true
          // "<!-->" is a whole comment.
          index = place + 2
          continue
        }
        if isComment, markup[place...].starts(with: "-->".utf8) {
          (isComment, isInner) = (false, false)
          continue
        }
        if isComment, !isInner, isTag(name, in: markup, at: place + 1) {
          isInner = true
          continue
        }
      }
      guard markup[place] == UInt8(ascii: "<"), place + 1 < markup.count,
        markup[place + 1] == UInt8(ascii: "/"),
        isTag(name, in: markup, at: place + 2)
      else { continue }
      if isInner { isInner = false } else { return place }
    }
    return nil
  }

  /// Whether the name of a tag is at a place, and ends there.
  private static func isTag(_ name: [UInt8], in markup: [UInt8], at start: Int) -> Bool {
    let end = start + name.count
    guard end < markup.count else { return false }
    for (index, letter) in name.enumerated() where markup[start + index] | 0x20 != letter { return false }
    switch markup[end] {
    case UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"), 0x0C, UInt8(ascii: " "),
      UInt8(ascii: "/"),
      UInt8(ascii: ">"):
      return true
    default: return false
    }
  }

  /// The text of a title: character references are read, tags aren't.
  static func characters(of content: ArraySlice<UInt8>) -> String {
    // What is a tag in no element of text: its first byte as a reference.
    var markup = Array("<p>".utf8)
    for byte in content {
      switch byte {
      case UInt8(ascii: "<"): markup += "&lt;".utf8
      case 0: markup += "\u{FFFD}".utf8
      default: markup.append(byte)
      }
    }
    let text = CollectedText()
    var handler = unsafe htmlSAXHandler()
    unsafe handler.characters = { context, bytes, count in
      guard let context = unsafe context, let bytes = unsafe bytes else { return }
      let text = unsafe Unmanaged<CollectedText>.fromOpaque(context).takeUnretainedValue()
      unsafe text.bytes += UnsafeBufferPointer(start: bytes, count: Int(count))
    }
    unsafe handler.ignorableWhitespace = handler.characters
    unsafe HTMLParser.read(markup, &handler, Unmanaged.passUnretained(text).toOpaque())
    return String(decoding: text.bytes, as: UTF8.self)
  }

  private final class CollectedText {
    var bytes: [UInt8] = []
  }
}
