/// A domain with characters beyond ASCII, as the name server knows it: `bücher.example` is `xn--bcher-kva.example`.
///
/// This is the processing of UTS 46 that the URL standard asks for (not transitional; hyphens and lengths aren't checked), from
/// the properties that Swift has of each character. Four things differ, since there are no tables:
/// - A character with a compatibility mapping (`①`, `㎏`) is an error, not replaced, unless it is a full-width form of ASCII, or
///   one that case folding replaces (`ﬁ`).
/// - The directions of characters (RFC 5893) aren't checked. A name that breaks their rules isn't registered.
/// - A character that is newer than the standard library's Unicode is an error.
/// - Whether letters join, between which a joiner may stand, is known for scripts, not for each letter.
///
/// Source: <https://www.unicode.org/reports/tr46/>
enum DomainName {
  private static let acePrefix: [Unicode.Scalar] = ["x", "n", "-", "-"]
  /// The most bytes of a domain: twice what DNS allows. Encoding takes time that grows with the square.
  private static let longest = 512

  /// - Returns: nil if no such domain can exist.
  static func ascii(_ domain: String) -> [UInt8]? {
    guard domain.utf8.count <= longest, let mapped = mapped(domain), !mapped.isEmpty else { return nil }
    var output: [UInt8] = []
    let labels = mapped.split(separator: ".", omittingEmptySubsequences: false)
    for (index, label) in labels.enumerated() {
      if index > 0 { output.append(UInt8(ascii: ".")) }
      guard let ascii = ascii(label: label) else { return nil }
      output += ascii
    }
    return output
  }

  private static func ascii(label: ArraySlice<Unicode.Scalar>) -> [UInt8]? {
    let isASCII = label.allSatisfy(\.isASCII)
    let text = label.map { UInt8(truncatingIfNeeded: $0.value) }
    guard label.starts(with: acePrefix) else {
      if isASCII { return text }
      return isValid(label) ? encoded(Array(label)) : nil
    }
    guard isASCII, let decoded = Punycode.decode(Array(text.dropFirst(acePrefix.count))),
      !decoded.allSatisfy(\.isASCII), !decoded.starts(with: acePrefix), isValid(decoded[...]),
      // It must have been in the form into which characters are mapped.
      normalized(decoded) == decoded, decoded.allSatisfy({ replacement(of: $0) == [$0] })
    else { return nil }
    return encoded(decoded)
  }

  private static func encoded(_ label: [Unicode.Scalar]) -> [UInt8]? {
    Punycode.encode(label).map { acePrefix.map { UInt8(truncatingIfNeeded: $0.value) } + $0 }
  }

  private static func normalized(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var string = String.UnicodeScalarView()
    string.append(contentsOf: text)
    // The standard library has no other public way to the composed form.
    return Array(String(decoding: String(string)._nfcCodeUnits, as: UTF8.self).unicodeScalars)
  }

  // MARK: Mapping

  private static func mapped(_ domain: String) -> [Unicode.Scalar]? {
    var output: [Unicode.Scalar] = []
    for scalar in domain.unicodeScalars {
      guard let replacement = replacement(of: scalar) else { return nil }
      output += replacement
    }
    return normalized(output)
  }

  /// What stands for a character in a domain: itself, nothing, or others.
  /// - Returns: nil if it may not stand there, or isn't known here.
  private static func replacement(of scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
    switch scalar {
    case "A"..."Z": return [Unicode.Scalar(UInt8(scalar.value) | 0x20)]
    case _ where scalar.isASCII: return [scalar]
    // The sharp s and the final sigma are letters of their own here, and joiners matter.
    case "ß", "ς", zeroWidthNonJoiner, zeroWidthJoiner: return [scalar]
    case "ẞ": return ["ß"]
    // The ideographic full stop, and its full-width and half-width forms.
    case "\u{3002}", "\u{FF0E}", "\u{FF61}": return ["."]
    // Full-width forms.
    case "\u{FF01}"..."\u{FF5E}": return replacement(of: Unicode.Scalar(UInt8(scalar.value - 0xFEE0)))
    default: break
    }
    let properties = scalar.properties
    if !properties.changesWhenNFKCCaseFolded { return isAllowed(scalar) ? [scalar] : nil }
    if properties.isDefaultIgnorableCodePoint { return isDropped(scalar) ? [] : nil }
    let folded = properties.changesWhenCaseFolded ? folded(scalar) : normalized([scalar])
    return folded.allSatisfy { !$0.properties.changesWhenNFKCCaseFolded && isAllowed($0) } ? folded : nil
  }

  /// Case folding, of which the standard library has only the parts: upper case as lower case, and what has no lower case of
  /// its own, such as `ſ`, through its upper case.
  private static func folded(_ scalar: Unicode.Scalar) -> [Unicode.Scalar] {
    let lower = Array(scalar.properties.lowercaseMapping.unicodeScalars)
    if lower != [scalar] { return lower.flatMap { $0.properties.changesWhenCaseFolded ? folded($0) : [$0] } }
    let upper = scalar.properties.uppercaseMapping.unicodeScalars
    let result = upper.flatMap { $0.properties.lowercaseMapping.unicodeScalars }
    // Cherokee's small letters fold to the capitals, which are older.
    return result == [scalar] ? Array(upper) : result
  }

  // MARK: What may stand in a label

  private static let zeroWidthNonJoiner: Unicode.Scalar = "\u{200C}"
  private static let zeroWidthJoiner: Unicode.Scalar = "\u{200D}"

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .unassigned, .privateUse, .surrogate, .control, .format, .spaceSeparator, .lineSeparator,
      .paragraphSeparator:
      false
    // Replacement characters, and those that describe a character.
    default: ![0xFFFC, 0xFFFD, 0x31EF].contains(scalar.value) && !(0x2FF0...0x2FFF).contains(scalar.value)
    }
  }

  /// Whether a character that isn't shown falls away. Those that change the direction of text or tag it are errors.
  private static func isDropped(_ scalar: Unicode.Scalar) -> Bool {
    !scalar.properties.isBidiControl && !("\u{E0000}"..."\u{E007F}").contains(scalar)
      && scalar.properties.generalCategory != .unassigned
  }

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }

  private static func isValid(_ label: ArraySlice<Unicode.Scalar>) -> Bool {
    guard let first = label.first, !isMark(first) else { return false }
    return label.indices.allSatisfy { index in
      switch label[index] {
      case zeroWidthJoiner: isAfterVirama(index, label)
      case zeroWidthNonJoiner: isAfterVirama(index, label) || isBetweenJoining(index, label)
      default: true
      }
    }
  }

  private static func isAfterVirama(_ index: Int, _ label: ArraySlice<Unicode.Scalar>) -> Bool {
    index > label.startIndex && label[index - 1].properties.canonicalCombiningClass == .virama
  }

  private static func isBetweenJoining(_ index: Int, _ label: ArraySlice<Unicode.Scalar>) -> Bool {
    guard let before = label[..<index].last(where: { !isMark($0) }),
      let after = label[(index + 1)...].first(where: { !isMark($0) })
    else { return false }
    return joins(before) && joins(after)
  }

  /// Whether the letters of a script join: Arabic, Syriac, Mandaic and their like, Mongolian, 'Phags-pa, Manichaean, Adlam.
  private static func joins(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0620...0x08FF, 0x1807...0x18AA, 0xA840...0xA872, 0x10AC0...0x10AEF, 0x1E900...0x1E943: true
    default: false
    }
  }
}
