/// The user name and the password of a URL. They have no description, so that no message shows them by accident.
package struct URLCredentials: Sendable, Hashable {
  private let userBytes: [UInt8]
  private let passwordBytes: [UInt8]

  /// - Parameter text: what precedes the `@`, percent-encoded. Returns nil if both parts are empty.
  init?(_ text: Span<UInt8>) {
    var colon = 0
    while colon < text.count, text[colon] != UInt8(ascii: ":") { colon += 1 }
    userBytes = PercentEncoding.decoded(text.extracting(..<colon))
    passwordBytes = PercentEncoding.decoded(text.extracting(min(colon + 1, text.count)...))
    if userBytes.isEmpty && passwordBytes.isEmpty { return nil }
  }

  package var user: String { String(decoding: userBytes, as: UTF8.self) }
  package var password: String { String(decoding: passwordBytes, as: UTF8.self) }

  /// The value of an `Authorization` header field (RFC 7617).
  package var authorization: String {
    "Basic " + Self.base64(userBytes + [UInt8(ascii: ":")] + passwordBytes)
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// RFC 4648, section 4.
  private static func base64(_ bytes: [UInt8]) -> String {
    var output: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      // Three bytes are four digits of six bits.
      var bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
      bits <<= 8
      for index in 0..<4 {
        output.append(index <= group.count ? alphabet[Int(bits >> 26)] : UInt8(ascii: "="))
        bits <<= 6
      }
    }
    return String(decoding: output, as: UTF8.self)
  }
}

extension URLCredentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "credentials" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection()) }
}
