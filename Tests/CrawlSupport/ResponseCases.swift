import Testing

@testable import Crawling

/// What a server sends for a page, and what it means.
package struct ResponseCase: Sendable, CustomTestStringConvertible {
  package let name: String
  package let bytes: [UInt8]
  /// Whether the server closes the connection behind the bytes.
  package var closes = false
  package var status = 200
  package var location: String?
  package var contentType: String?
  package var content: [UInt8] = []
  /// A part of the failure; nil: there is none.
  package var failure: String?
  package var isCut = false
  /// Whether the connection can serve another request.
  package var keeps = false

  package var testDescription: String { name }

  /// A response that is whole.
  static func whole(
    _ name: String, _ text: String, _ body: [UInt8] = [], closes: Bool = false, status: Int = 200,
    location: String? = nil, type: String? = nil, content: String = "", keeps: Bool
  ) -> ResponseCase {
    ResponseCase(
      name: name, bytes: text.utf8 + body, closes: closes, status: status, location: location,
      contentType: type, content: Array(content.utf8), keeps: keeps)
  }

  /// A response that fails, without any content.
  static func failed(
    _ name: String, _ text: String, closes: Bool = false, status: Int = 0, _ failure: String
  ) -> ResponseCase {
    ResponseCase(name: name, bytes: Array(text.utf8), closes: closes, status: status, failure: failure)
  }

  /// A response that fails within its body.
  static func cut(
    _ name: String, _ text: String, closes: Bool = false, content: String, _ failure: String
  ) -> ResponseCase {
    cut(name, text, [], closes: closes, content: content, failure)
  }

  private static func cut(
    _ name: String, _ text: String, _ body: [UInt8], closes: Bool = false, content: String,
    _ failure: String
  ) -> ResponseCase {
    ResponseCase(
      name: name, bytes: text.utf8 + body, closes: closes, content: Array(content.utf8), failure: failure,
      isCut: true)
  }

  /// Bytes and texts, one behind the other.
  private static func joined(_ parts: any BytesOrText...) -> [UInt8] { parts.flatMap(\.bytes) }

  package static let all = [
    fields, lengths, wrongLengths, bodiless, interim, chunks, wrongSizes, transfers, codings, damage, foreign,
    unfinished,
  ].flatMap(\.self)

  private static let ok = "HTTP/1.1 200 OK\r\n"
  private static let counted = "Content-Length: 5\r\n\r\nhello"
  private static let chunked = ok + "Transfer-Encoding: chunked\r\n\r\n"
  private static let words = String(repeating: "to be or not to be ", count: 20)

  // MARK: The status line and the fields

  private static let fields: [ResponseCase] = [
    .whole("a body of known length", "\(ok)\(counted)", content: "hello", keeps: true),
    .whole(
      "a body that the end of the connection ends", "\(ok)\r\nhello", closes: true, content: "hello",
      keeps: false),
    .whole("HTTP/1.0 keeps nothing", "HTTP/1.0 200 OK\r\n\(counted)", content: "hello", keeps: false),
    .whole("a later minor version", "HTTP/1.9 200 OK\r\n\(counted)", content: "hello", keeps: true),
    .whole("a server that closes", "\(ok)Connection: close\r\n\(counted)", content: "hello", keeps: false),
    .whole(
      "close in a list", "\(ok)connection: keep-alive ,CLOSE\r\n\(counted)", content: "hello", keeps: false),
    .whole("keep-alive said", "\(ok)Connection: Keep-Alive\r\n\(counted)", content: "hello", keeps: true),
    .whole("without a reason", "HTTP/1.1 200\r\n\(counted)", content: "hello", keeps: true),
    .whole("with an empty reason", "HTTP/1.1 200 \r\n\(counted)", content: "hello", keeps: true),
    .whole("with more spaces", "HTTP/1.1  200  OK \r\n\(counted)", content: "hello", keeps: true),
    .whole(
      "another status", "HTTP/1.1 404 Not Found\r\n\(counted)", status: 404, content: "hello", keeps: true),
    .whole("an unknown status", "HTTP/1.1 999 ?\r\n\(counted)", status: 999, content: "hello", keeps: true),
    .whole("bytes behind the body", "\(ok)\(counted)more", content: "hello", keeps: false),
    .whole("an empty line behind the body", "\(ok)\(counted)\r\n", content: "hello", keeps: false),
    .whole("empty lines before it", "\r\n\r\n\(ok)\(counted)", content: "hello", keeps: true),
    .whole("empty bare lines before it", "\n\n\(ok)\(counted)", content: "hello", keeps: true),
    .whole(
      "bare line feeds", "HTTP/1.1 200 OK\nContent-Length: 5\nX: y\n\nhello", content: "hello", keeps: true),
    .whole(
      "lines of both kinds", "HTTP/1.1 200 OK\nContent-Length: 5\r\nX: y\n\r\nhello", content: "hello",
      keeps: true),
    .whole(
      "the fields that count",
      "HTTP/1.1 302 Found\r\nLOCATION: /there\r\nContent-Type:text/html; charset=utf-8\r\nX-Location: /no\r\n\(counted)",
      status: 302, location: "/there", type: "text/html; charset=utf-8", content: "hello", keeps: true),
    .whole(
      "the first of two locations, the last of two types",
      "\(ok)Location: /1\r\nLocation: /2\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n\(counted)",
      location: "/1", type: "c/d", content: "hello", keeps: true),
    .whole(
      "a folded field", "\(ok)Location: /a\r\n b\r\n\(counted)", location: "/a   b", content: "hello",
      keeps: true),
    .whole(
      "a field folded at its name", "\(ok)Content-Length:\r\n\t5\r\n\r\nhello", content: "hello", keeps: true),
    .whole(
      "a field folded three times", "\(ok)Content-Length:\n \n \n 5\r\n\r\nhello", content: "hello",
      keeps: true),
    .whole(
      "white space before a colon", "\(ok)Content-Length \t: 5\r\n\r\nhello", content: "hello", keeps: true),
    .whole(
      "indented lines before the first field", "\(ok) Content-Length: 9\r\n Location: /no\r\n\(counted)",
      content: "hello", keeps: true),
    .whole(
      "a carriage return alone", "\(ok)Location: /a\rb\r\n\(counted)", location: "/a b", content: "hello",
      keeps: true),
    .whole(
      "a carriage return alone begins no field", "\(ok)X: y\rContent-Length: 3\r\n\r\nhello", closes: true,
      content: "hello", keeps: false),
    .whole("a line without a colon", "\(ok)what is this\r\n\(counted)", content: "hello", keeps: true),
    .whole("a field without a name", "\(ok): 3\r\n\(counted)", content: "hello", keeps: true),
    .whole("an empty field", "\(ok)Location:\r\n\(counted)", location: "", content: "hello", keeps: true),
    .whole(
      "a location in UTF-8", "\(ok)Location: /ü\r\n\(counted)", location: "/ü", content: "hello", keeps: true),
    ResponseCase(
      name: "a location that isn't UTF-8",
      bytes: joined("\(ok)Location: /", [0xFF], "\r\n\(counted)"), location: "/%FF",
      content: Array("hello".utf8), keeps: true),
    .failed("a zero byte in a field", "\(ok)Location: /a\0b\r\n\(counted)", "zero byte"),
    .failed("a zero byte in the status line", "HTTP/1.1 200 O\0K\r\n\(counted)", "zero byte"),
    .whole(
      "headers of almost 64 KiB", "\(ok)X: \(String(repeating: "y", count: 65_000))\r\n\(counted)",
      content: "hello", keeps: true),
    .failed(
      "headers over 64 KiB", "\(ok)X: \(String(repeating: "y", count: 66_000))\r\n\(counted)",
      "headers over 64 KiB"),
    .failed(
      "many headers over 64 KiB", "\(ok)\(String(repeating: "X: y\r\n", count: 12_000))\(counted)",
      "headers over 64 KiB"),
    .failed(
      "empty lines over 64 KiB", "\(String(repeating: "\r\n", count: 33_000))\(ok)\(counted)",
      "headers over 64 KiB"),
  ]

  // MARK: Lengths

  private static let lengths: [ResponseCase] = [
    .whole("a length of zero", "\(ok)Content-Length: 0\r\n\r\n", keeps: true),
    .whole(
      "a length with zeros before it", "\(ok)Content-Length: 0005\r\n\r\nhello", content: "hello", keeps: true
    ),
    .whole("the same length twice", "\(ok)Content-Length: 5\r\n\(counted)", content: "hello", keeps: true),
    .whole(
      "the same length in a list", "\(ok)Content-Length: 5, 5,05\r\n\r\nhello", content: "hello", keeps: true),
    .failed(
      "two lengths", "\(ok)Content-Length: 3\r\n\(counted)", status: 200, "two different Content-Lengths"),
    .failed("two lengths in a list", "\(ok)Content-Length: 5, 6\r\n\r\nhello", status: 200, "two different"),
    .cut(
      "the longest length", "\(ok)Content-Length: 9223372036854775807\r\n\r\nhello", closes: true,
      content: "hello", "closed before"),
    .cut(
      "a body that ends early", "\(ok)Content-Length: 6\r\n\r\nhello", closes: true, content: "hello",
      "closed before"),
    .cut(
      "a body that never begins", "\(ok)Content-Length: 6\r\n\r\n", closes: true, content: "", "closed before"
    ),
  ]

  private static let wrongLengths: [ResponseCase] =
    ["-1", "+5", "5.0", "many", "0x5", "5 5", "", "5,", "9223372036854775808", "99999999999999999999999999"]
    .map {
      .failed(
        "the length \"\($0)\"", "\(ok)Content-Length: \($0)\r\n\r\nhello", status: 200,
        "invalid Content-Length")
    }

  // MARK: Without a body

  private static let bodiless: [ResponseCase] = [
    .whole("204", "HTTP/1.1 204 No Content\r\n\r\n", status: 204, keeps: true),
    .whole(
      "204 with a length of zero", "HTTP/1.1 204 X\r\nContent-Length: 0\r\n\r\n", status: 204, keeps: true),
    .whole("204 with a length", "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\n", status: 204, keeps: false),
    .whole("204 with bytes behind it", "HTTP/1.1 204 X\r\n\r\nhello", status: 204, keeps: false),
    .whole(
      "204 that names a coding", "HTTP/1.1 204 X\r\nContent-Encoding: br\r\n\r\n", status: 204, keeps: true),
    .whole("304", "HTTP/1.1 304 Not Modified\r\n\r\n", status: 304, keeps: true),
    .whole(
      "304 with the length of the page", "HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n", status: 304,
      keeps: true),
    .whole(
      "304 that is chunked", "HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n", status: 304, keeps: false
    ),
  ]

  // MARK: Interim responses

  private static let early = "HTTP/1.1 103 Early Hints\r\nLocation: /no\r\nContent-Length: 9\r\n\r\n"

  private static let interim: [ResponseCase] = [
    .whole("100", "HTTP/1.1 100 Continue\r\n\r\n\(ok)\(counted)", content: "hello", keeps: true),
    .whole("102 and 103", "HTTP/1.1 102 X\r\n\r\n\(early)\(ok)\(counted)", content: "hello", keeps: true),
    .whole(
      "an unknown interim response", "HTTP/1.1 199 X\r\n\r\n\(ok)\(counted)", content: "hello", keeps: true),
    .whole("an empty line behind one", "\(early)\r\n\(ok)\(counted)", content: "hello", keeps: true),
    .whole(
      "one that closes counts for itself", "HTTP/1.1 100 X\r\nConnection: close\r\n\r\n\(ok)\(counted)",
      content: "hello", keeps: true),
    .whole(
      "a hundred of them", "\(String(repeating: early, count: 100))\(ok)\(counted)", content: "hello",
      keeps: true),
    .failed(
      "one more than a hundred", "\(String(repeating: early, count: 101))\(ok)\(counted)", "over 100 interim"),
    .failed(
      "too many bytes of them",
      String(repeating: "HTTP/1.1 100 \(String(repeating: "x", count: 2000))\r\n\r\n", count: 40),
      "headers over 64 KiB"),
    .failed("101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", "another protocol"),
    .failed("nothing behind one", early, closes: true, "closed before"),
    .failed("something else behind one", "\(early)hello", "isn't HTTP"),
  ]

  // MARK: Chunks

  private static let chunks: [ResponseCase] = [
    .whole("one chunk", "\(chunked)5\r\nhello\r\n0\r\n\r\n", content: "hello", keeps: true),
    .whole(
      "several chunks", "\(chunked)1\r\nh\r\n2\r\nel\r\n2\r\nlo\r\n0\r\n\r\n", content: "hello", keeps: true),
    .whole(
      "sizes of both cases", "\(chunked)a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n",
      content: "01234567890123456789a", keeps: true),
    .whole(
      "sizes with zeros before them", "\(chunked)0005\r\nhello\r\n000\r\n\r\n", content: "hello", keeps: true),
    .whole(
      "extensions", "\(chunked)5;a=b;c\r\nhello\r\n0;d=\"e;\\\" f\"\r\n\r\n", content: "hello", keeps: true),
    .whole(
      "white space behind sizes", "\(chunked)5 \t;a\r\nhello\r\n0 \r\n\r\n", content: "hello", keeps: true),
    .whole(
      "trailers", "\(chunked)5\r\nhello\r\n0\r\nContent-Length: 9\r\nX: y\r\n\r\n", content: "hello",
      keeps: true),
    .whole("bare line feeds in chunks", "\(chunked)5\nhello\n0\nX: y\n\n", content: "hello", keeps: true),
    .whole("no chunk", "\(chunked)0\r\n\r\n", keeps: true),
    .whole(
      "what looks like chunks in a chunk", "\(chunked)d\r\n5\r\nhello\r\n0\r\n\r\n0\r\n\r\n",
      content: "5\r\nhello\r\n0\r\n", keeps: true),
    .whole(
      "bytes behind the chunks", "\(chunked)5\r\nhello\r\n0\r\n\r\n\r\n", content: "hello", keeps: false),
    .whole(
      "closed behind the last chunk", "\(chunked)5\r\nhello\r\n0\r\n", closes: true, content: "hello",
      keeps: false),
    .whole(
      "closed in the trailers", "\(chunked)5\r\nhello\r\n0\r\nX: y", closes: true, content: "hello",
      keeps: false),
    .cut("closed in a chunk", "\(chunked)5\r\nhel", closes: true, content: "hel", "closed before"),
    .cut(
      "closed behind a chunk", "\(chunked)5\r\nhello\r\n", closes: true, content: "hello", "closed before"),
    .cut("closed in a size", "\(chunked)5\r\nhello\r\n0", closes: true, content: "hello", "closed before"),
    .cut("closed before the chunks", chunked, closes: true, content: "", "closed before"),
    .cut(
      "the largest size", "\(chunked)7fffffffffffffff\r\nhello", closes: true, content: "hello",
      "closed before"),
    .cut(
      "a chunk that is too long", "\(chunked)4\r\nhello\r\n0\r\n\r\n", content: "hell",
      "doesn't end where its size says"),
    .cut(
      "a chunk without its end", "\(chunked)5\r\nhello0\r\n\r\n", content: "hello",
      "doesn't end where its size says"),
    .cut(
      "a chunk with half of its end", "\(chunked)5\r\nhello\r0\r\n\r\n", content: "hello",
      "doesn't end where its size says"),
    .cut(
      "a carriage return in an extension", "\(chunked)5;a\rb\r\nhello\r\n0\r\n\r\n", content: "",
      "invalid chunk size"),
    .cut(
      "a long line", "\(chunked)5;\(String(repeating: "x", count: 5000))\r\nhello\r\n0\r\n\r\n", content: "",
      "chunk size over 4 KiB"),
    .cut(
      "a long size", "\(chunked)\(String(repeating: "0", count: 5000))5\r\nhello\r\n0\r\n\r\n", content: "",
      "chunk size over 4 KiB"),
    .cut(
      "many extensions",
      "\(chunked)\(String(repeating: "1;\(String(repeating: "x", count: 4000))\r\nx\r\n", count: 20))",
      content: String(repeating: "x", count: 16), "extensions and trailers over 64 KiB"),
    .cut(
      "many trailers", "\(chunked)5\r\nhello\r\n0\r\n\(String(repeating: "X: y\r\n", count: 12_000))",
      content: "hello",
      "extensions and trailers over 64 KiB"),
  ]

  private static let wrongSizes: [ResponseCase] =
    [
      "10000000000000000", "8000000000000000", "fffffffffffffffffffffffff", "", "g", "-5", "+5", " 5", "0x5",
      "5 5",
      "5,",
    ].map {
      .cut(
        "the chunk size \"\($0)\"", "\(chunked)\($0)\r\nhello\r\n0\r\n\r\n", content: "", "invalid chunk size"
      )
    }

  // MARK: Transfer codings

  private static func transfer(_ value: String) -> String { "\(ok)Transfer-Encoding: \(value)\r\n\r\n" }
  private static let hello = "5\r\nhello\r\n0\r\n\r\n"

  private static let transfers: [ResponseCase] = [
    .whole("chunked in capitals", "\(transfer("Chunked"))\(hello)", content: "hello", keeps: true),
    .whole(
      "chunked, and a length", "\(ok)Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n\(hello)",
      content: "hello", keeps: false),
    .whole(
      "chunked, and no length", "\(ok)Content-Length: x\r\nTransfer-Encoding: chunked\r\n\r\n\(hello)",
      content: "hello", keeps: false),
    .whole(
      "chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\(hello)",
      content: "hello", keeps: false),
    .whole("identity", "\(transfer("identity"))hello", closes: true, content: "hello", keeps: false),
    .whole(
      "identity, and a length", "\(ok)Transfer-Encoding: identity\r\n\(counted)", content: "hello",
      keeps: false),
    .whole(
      "gzip alone", transfer("gzip"), Compressed.gzip("hello"), closes: true, content: "hello", keeps: false),
    .whole(
      "gzip, chunked", transfer("gzip, chunked"), inChunks(Compressed.gzip(words)), content: words,
      keeps: true),
    .whole(
      "gzip and chunked in two fields", "\(ok)Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
      inChunks(Compressed.gzip(words)), content: words, keeps: true),
    .whole(
      "coded twice", "\(ok)Content-Encoding: deflate\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      inChunks(Compressed.gzip(Compressed.zlib(words))), content: words, keeps: true),
    .failed("chunked twice", "\(transfer("chunked, chunked"))\(hello)", status: 200, "not as its last"),
    .failed("chunked, gzip", "\(transfer("chunked, gzip"))\(hello)", status: 200, "not as its last"),
    .failed(
      "an unknown transfer coding", "\(transfer("lzma, chunked"))\(hello)", status: 200,
      "unknown transfer coding \"lzma\""),
  ]

  private static func inChunks(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let chunk = rest.prefix(7)
      rest = rest.dropFirst(7)
      result += "\(chunk.count)\r\n".utf8 + chunk + "\r\n".utf8
    }
    return result + "0\r\n\r\n".utf8
  }

  // MARK: Content codings

  private static func coded(_ coding: String, _ count: Int) -> String {
    "\(ok)Content-Encoding: \(coding)\r\nContent-Length: \(count)\r\n\r\n"
  }

  private static func coded(
    _ name: String, _ coding: String, _ body: [UInt8], content: String = words
  ) -> ResponseCase {
    .whole(name, coded(coding, body.count), body, content: content, keeps: true)
  }

  private static let codings: [ResponseCase] = [
    coded("gzip", "gzip", Compressed.gzip(words)),
    coded("x-gzip", "X-GZip", Compressed.gzip(words)),
    coded("gzip that isn't compressed", "gzip", Compressed.gzip(Array(words.utf8), level: 0)),
    coded(
      "several members of gzip", "gzip",
      joined(Compressed.gzip("to be"), Compressed.gzip(""), Compressed.gzip(" or not")),
      content: "to be or not"),
    coded("gzip with zeros behind it", "gzip", joined(Compressed.gzip(words), [0, 0, 0])),
    coded("gzip with bytes behind it", "gzip", joined(Compressed.gzip(words), "hello")),
    coded("deflate", "deflate", Compressed.zlib(words)),
    coded("deflate without zlib's header", "deflate", Compressed.raw(words)),
    coded("deflate with bytes behind it", "deflate", joined(Compressed.zlib(words), "hello")),
    coded("deflate of nothing", "deflate", Compressed.raw(""), content: ""),
    coded("identity as content coding", "identity, ", Array(words.utf8)),
    .whole(
      "a redirect whose body is in an unknown coding",
      "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Encoding: br\r\nContent-Length: 5\r\n\r\nhello",
      status: 301,
      location: "/x", content: "hello", keeps: true),
    coded("gzip twice", "gzip, gzip", Compressed.gzip(Compressed.gzip(words))),
    coded("deflate, then gzip", "deflate, gzip", Compressed.gzip(Compressed.zlib(words))),
    coded(
      "four codings", "gzip, gzip, gzip, gzip",
      Compressed.gzip(Compressed.gzip(Compressed.gzip(Compressed.gzip(words))))),
    coded("gzip of no bytes", "gzip", [], content: ""),
    .whole(
      "gzip until the end", "\(ok)Content-Encoding: gzip\r\n\r\n", Compressed.gzip(words), closes: true,
      content: words, keeps: false),
    .whole(
      "gzip in chunks", "\(ok)Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
      inChunks(Compressed.gzip(words)), content: words, keeps: true),
    .failed(
      "five codings", "\(coded("gzip, gzip, gzip, gzip, gzip", 5))hello", status: 200, "over 4 codings"),
    .failed(
      "an unknown content coding", "\(coded("br", 5))hello", status: 200, "unknown content coding \"br\""),
    .failed("an unknown one among others", "\(coded("gzip, zstd", 5))hello", status: 200, "\"zstd\""),
    .failed(
      "a coding that would change a terminal", "\(coded("\u{1B}[2J", 5))hello", status: 200, "\"?[2j\""),
  ]

  // MARK: Damaged bodies

  private static let stored = Compressed.gzip(Array(words.utf8), level: 0)
  /// The headers of gzip and of its first block.
  private static let storedHead = 10 + 5

  private static let wrongZlib: [UInt8] = Compressed.zlib("hello world").dropLast() + [0]
  private static let wrongGzip: [UInt8] = {
    var bytes = stored
    bytes[bytes.count - 5] ^= 0xFF
    return bytes
  }()

  private static let damage: [ResponseCase] = [
    .cut(
      "gzip whose length ends it early", coded("gzip", 100), Array(stored[..<100]),
      content: String(words.prefix(100 - storedHead)), "ends too early"),
    .cut(
      "gzip that is closed early", "\(ok)Content-Encoding: gzip\r\n\r\n", Array(stored[..<50]), closes: true,
      content: String(words.prefix(50 - storedHead)), "ends too early"),
    .cut(
      "gzip whose length isn't reached", coded("gzip", 100), Array(stored[..<50]), closes: true,
      content: String(words.prefix(50 - storedHead)), "closed before"),
    .cut(
      "gzip without its check sum", coded("gzip", stored.count - 4), Array(stored.dropLast(4)),
      content: words, "ends too early"),
    .cut("gzip with a wrong check sum", coded("gzip", stored.count), wrongGzip, content: words, "damaged"),
    .cut("gzip that is none", "\(coded("gzip", 5))hello", content: "", "damaged"),
    .cut(
      "a second member that is cut", coded("gzip", stored.count + 20), joined(stored, Array(stored[..<20])),
      content: "\(words)\(words.prefix(20 - storedHead))", "ends too early"),
    .cut(
      "a second member that is damaged", coded("gzip", stored.count + 3), joined(stored, [0x1F, 0, 0]),
      content: words, "damaged"),
    .cut("a single byte of deflate", coded("deflate", 1), [0x78], content: "", "ends too early"),
    .cut("deflate that is none", "\(coded("deflate", 5))hello", content: "", "damaged"),
    .cut("zlib with a wrong check sum", coded("deflate", 19), wrongZlib, content: "hello world", "damaged"),
    .cut(
      "an invalid chunk behind gzip",
      "\(ok)Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n",
      joined(Array(stored[..<50]), "x\r\n"), content: String(words.prefix(50 - storedHead)),
      "doesn't end where"),
  ]

  // MARK: What isn't HTTP, and what ends before it begins

  private static let foreign: [ResponseCase] =
    [
      "SSH-2.0-OpenSSH\r\n", "HTTP/2 200\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 99 X\r\n\r\n",
      "HTTP/1.1 099 X\r\n\r\n",
      "HTTP/1.1 2000 X\r\n\r\n", "HTTP/1.1 20x X\r\n\r\n", "HTTP/1.x 200 OK\r\n\r\n",
      "HTTP/1.11 200 OK\r\n\r\n",
      "HTTP/1.1200 OK\r\n\r\n", "http/1.1 200 OK\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 -20 X\r\n\r\n",
      "<html>", "\0", " HTTP/1.1 200 OK\r\n\r\n",
    ].map { .failed("it begins with \($0.debugDescription)", $0, "isn't HTTP") }

  private static let unfinished: [ResponseCase] =
    ["", "\r\n\r\n", "HTT", "HTTP/1.1 200 OK", ok, "\(ok)Content-Length: 5\r\n"].map {
      .failed("it ends behind \($0.debugDescription)", $0, closes: true, "closed before")
    }
}

private protocol BytesOrText { var bytes: [UInt8] { get } }
extension String: BytesOrText { fileprivate var bytes: [UInt8] { Array(utf8) } }
extension [UInt8]: BytesOrText { fileprivate var bytes: [UInt8] { self } }
