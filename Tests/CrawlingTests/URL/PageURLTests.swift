import Crawling
import TestSupport
import Testing

extension PageURLTable.Group: CustomTestStringConvertible {
  var testDescription: String { kind }
}

/// What an address is, whichever way it is spelled.
@Suite(.watched) struct PageURLTests {
  private func url(_ text: String, at base: String? = nil) throws -> PageURL? {
    guard let base else { return PageURL(text) }
    return PageURL(text, base: try #require(PageURL(base)))
  }

  @Test(arguments: PageURLTable.groups) func everyAddressHasItsNormalForm(_ group: PageURLTable.Group) throws
  {
    for (text, expected) in group.cases {
      #expect(try url(text, at: group.base)?.text == expected, "\(text.debugDescription)")
    }
  }

  @Test(arguments: PageURLTable.groups) func aNormalFormIsItsOwn(_ group: PageURLTable.Group) throws {
    let base = try #require(PageURL("https://elsewhere:8443/a/b?c"))
    for case let (_, expected?) in group.cases {
      #expect(PageURL(expected)?.text == expected)
      #expect(PageURL(expected, base: base)?.text == expected)
    }
  }

  @Test func anAddressHasItsParts() throws {
    let url = try #require(PageURL("HTTPS://user:secret@Host.Example:8443/a/./b?c=d?e#f"))
    #expect(url.text == "https://host.example:8443/a/b?c=d?e")
    #expect(url.isSecure)
    #expect(url.scheme == "https")
    #expect(url.host == "host.example")
    #expect(url.port == 8443)
    #expect(url.authority == "host.example:8443")
    #expect(url.origin == "https://host.example:8443")
    #expect(url.path == "/a/b")
    #expect(url.query == "c=d?e")
    #expect(url.target == "/a/b?c=d?e")
  }

  @Test func whatIsLeftOutHasAValue() throws {
    let plain = try #require(PageURL("http://host"))
    #expect(plain.scheme == "http")
    #expect(plain.port == 80)
    #expect(plain.origin == "http://host")
    #expect(plain.path == "/")
    #expect(plain.target == "/")
    #expect(plain.query == nil)
    #expect(plain.credentials == nil)
    #expect(try #require(PageURL("https://host")).port == 443)
    #expect(try #require(PageURL("http://host?")).query == "")
    #expect(try #require(PageURL("http://host?")).target == "/?")
    #expect(try #require(PageURL("http://[::1]:8080/x")).host == "[::1]")
  }

  @Test func aReferenceHasTheServerOfItsBase() throws {
    let base = try #require(PageURL("http://host:8080/a/b?c"))
    for text in ["x", "/x", "?x", "#x", "", "http:x"] {
      let url = try #require(PageURL(text, base: base))
      #expect(url.port == 8080)
      #expect(url.authority == "host:8080")
      #expect(url.origin + url.target == url.text)
    }
    #expect(PageURL("//other", base: base)?.port == 80)
  }

  @Test func spellingsOfOneAddressAreEqual() throws {
    let spellings = ["http://host/x", "HTTP://HOST:80/a/../x#f", "http:\\\\user:secret@host\\x"]
    #expect(Set(spellings.map { PageURL($0) }).count == 1)
    #expect(PageURL("http://host/x") != PageURL("http://host/x?"))
  }

  // MARK: Queries of documents that aren't UTF-8

  @Test func aQueryIsInTheEncodingOfItsDocument() throws {
    let base = try #require(PageURL("http://host/é?é"))
    let latin = { (text: String) in
      text.unicodeScalars.flatMap { $0.value < 256 ? [UInt8($0.value)] : Array("%26%23\($0.value)%3B".utf8) }
    }
    func text(_ reference: String) -> String? { PageURL(reference, base: base, queryEncoding: latin)?.text }
    #expect(text("é?é&ü#é") == "http://host/%C3%A9?%E9&%FC")
    #expect(text("?x=日") == "http://host/%C3%A9?x=%26%2326085%3B")
    #expect(text("http://é/?é") == "http://xn--9ca/?%E9")
    // That of the base is encoded already.
    #expect(text("") == "http://host/%C3%A9?%C3%A9")
  }

  @Test func anASCIIQueryNeedsNoEncoding() throws {
    let base = try #require(PageURL("http://host/"))
    let url = PageURL("é?x=1 2#é", base: base) { _ in
      Issue.record("asked for an ASCII query")
      return []
    }
    #expect(url?.text == "http://host/%C3%A9?x=1%202")
  }

  // MARK: Credentials

  static let credentials = [
    ("http://user:secret@host/", "user", "secret"),
    ("http://user@host/", "user", ""),
    ("http://:secret@host/", "", "secret"),
    ("http://us%40er:p%3Aw%25@host/", "us@er", "p:w%"),
    ("http://a@b:c:d@e@host/", "a@b", "c:d@e"),
    ("http://%zz:%4@host/", "%zz", "%4"),
    ("http://ü:é%C3%A9@host/", "ü", "éé"),
    ("https:\\\\user:s e\tcret@host\\", "user", "s ecret"),
  ]

  @Test(arguments: credentials)
  func credentialsAreDecoded(_ text: String, _ user: String, _ password: String) throws {
    let found = try #require(PageURL(text)?.credentials)
    #expect(found.user == user)
    #expect(found.password == password)
  }

  @Test(arguments: ["http://@host/", "http://:@host/", "http://host/@", "http://host?a:b@c"])
  func emptyCredentialsAreNone(_ text: String) throws {
    #expect(try #require(PageURL(text)).credentials == nil)
  }

  @Test func credentialsAreAHeaderField() throws {
    // The example of RFC 7617, and each length of base64's last group.
    let fields = [
      ("Aladdin:open%20sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
      ("a", "Basic YTo="), ("a:b", "Basic YTpi"), ("a:bc", "Basic YTpiYw=="),
      (":\u{FF}%FF", "Basic OsO//w=="),
    ]
    for (text, field) in fields {
      #expect(PageURL("http://\(text)@host/")?.credentials?.authorization == field)
    }
  }

  @Test func credentialsOfABaseAreNotPassedOn() throws {
    let base = try #require(PageURL("http://user:secret@host/a?b"))
    for text in ["", "#f", "x", "/x", "?x", "//host/x", "http:x"] {
      #expect(try #require(PageURL(text, base: base)).credentials == nil, "\(text)")
    }
    #expect(PageURL("//other@host/", base: base)?.credentials?.user == "other")
  }

  @Test func nothingThatIsPrintedHasCredentials() throws {
    let url = try #require(PageURL("http://Mallory:Hidden@host/x"))
    var printed = [
      "\(url)", String(reflecting: url), "\(url as Any)", "\([url])", url.text, url.origin, url.authority,
      url.host, url.target, "\(url.credentials as Any)", String(reflecting: url.credentials),
      "\(["x": url.credentials])",
    ]
    for value in [url as Any, url.credentials as Any, [url] as Any] {
      var dumped = ""
      dump(value, to: &dumped)
      printed.append(dumped)
    }
    for text in printed {
      #expect(!text.contains("Mallory") && !text.contains("Hidden"))
    }
  }

  // MARK: Errors

  static let errors: [(String, PageURLError)] = [
    ("", .noScheme), ("host/x", .noScheme), ("//host/", .noScheme), ("/x", .noScheme),
    ("ftp://host/", .otherScheme), ("host:80/x", .otherScheme), ("mailto:x@y", .otherScheme),
    ("http://", .noHost), ("http:", .noHost), ("https:///?x", .noHost), ("http://:80/", .noHost),
    ("http://user:secret@/", .noHost), ("http://@", .noHost),
    ("http://a b/", .invalidHost), ("http://[::/", .invalidHost), ("http://1.2.3.4.5/", .invalidHost),
    ("http://xn--é/", .invalidHost), ("http://\u{E000}/", .invalidHost), ("http://%FF/", .invalidHost),
    ("http://host:x/", .invalidPort), ("http://host:65536/", .invalidPort), ("http://a:b@h:c/", .invalidPort),
  ]

  @Test(arguments: errors) func anErrorSaysWhatIsWrong(_ text: String, _ error: PageURLError) {
    #expect(throws: error) { try PageURL(parsing: text) }
  }

  // MARK: Size

  @Test func longAddressesAreRead() throws {
    let long = String(repeating: "x/", count: 500_000)
    #expect(PageURL("http://host/" + long)?.text == "http://host/" + long)
    let up = String(repeating: "../", count: 300_000)
    #expect(PageURL("http://host/a/" + up + "x")?.text == "http://host/x")
    #expect(PageURL("http://host/?" + String(repeating: "é", count: 100_000))?.text.utf8.count == 600_013)
    #expect(PageURL("http://" + String(repeating: "@", count: 500_000) + "host/")?.text == "http://host/")
    #expect(PageURL("http:" + String(repeating: "/", count: 500_000) + "host/")?.text == "http://host/")
  }

  @Test func aLongDomainIsEncodedInBoundedTime() {
    // Punycode takes time that grows with the square of the length.
    #expect(PageURL("http://" + String(repeating: "é", count: 500_000) + "/") == nil)
    #expect(PageURL("http://é.xn--" + String(repeating: "a", count: 500_000) + "/") == nil)
    #expect(PageURL("http://" + String(repeating: "é", count: 250) + "/") != nil)
    #expect(PageURL("http://" + String(repeating: "a", count: 500_000) + "/") != nil)
  }
}
