import CrawlSupport
import Crawling
import Foundation
import TestSupport
import Testing

/// What `ipc crawl --json` says of what it read.
private struct ReadingDocument: Decodable {
  struct Run: Decodable {
    let pages: Int
    let failed: Int
    let pagesPerSecond: Double?

    enum CodingKeys: String, CodingKey {
      case pages, failed
      case pagesPerSecond = "pages_per_s"
    }
  }

  let runs: [Run]
  let leftOut: LeftOut
  let moved: [Move]
  let ranking: [[String]]

  enum CodingKeys: String, CodingKey {
    case runs, moved, ranking
    case leftOut = "left_out"
  }

  init(_ text: String) throws { self = try JSONDecoder().decode(ReadingDocument.self, from: Data(text.utf8)) }
}

extension AllCommandTests {
  /// What a crawl of a real site reads, follows and leaves out.
  @Suite(.serialized, .watched) struct CrawlReadingTests {
    private func answer(_ body: String, _ fields: String = "") -> [UInt8] {
      Array(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
          .utf8)
    }

    private func redirect(_ url: String) -> [UInt8] {
      Array("HTTP/1.1 301 Moved Permanently\r\nLocation: \(url)\r\nContent-Length: 0\r\n\r\n".utf8)
    }

    /// A server that answers each request with what it gets for its target.
    private func server(_ answer: @escaping @Sendable (String) -> [UInt8]) throws -> ByteServer {
      try ByteServer { _ in Array(repeating: .answer(answer), count: 100) }
    }

    // MARK: What is left out

    @Test func theLimitOfPagesIsReported() throws {
      let site = try BackgroundSite(pages: 30)
      let result = try Tool.run("crawl", site.url, "--limit", "5", "--json")
      #expect(result.code == 0)
      let document = try ReadingDocument(result.output)
      #expect(document.runs.map(\.pages) == [5] && document.leftOut.pages > 0)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(
        result.errors.contains("left out: \(document.leftOut.pages) address")
          && result.errors.contains("over the limit of 5 pages (--limit)"), "\(result.errors)")
      let table = try Tool.run("crawl", site.url, "--limit", "5")
      #expect(table.output.contains("Left out: ") && table.output.contains("(--limit)"))
    }

    @Test func nothingIsSaidOfASiteThatIsReadWhole() throws {
      let site = try BackgroundSite(pages: 10)
      let result = try Tool.run("crawl", site.url, "--json")
      #expect(result.code == 0 && result.errors.isEmpty, "\(result.errors)")
      let document = try ReadingDocument(result.output)
      #expect(document.leftOut.isEmpty && document.moved.isEmpty)
    }

    @Test func theLimitOfLinksIsReported() throws {
      let links = (0..<(HTMLPage.mostLinks + 3)).map { "<a href='http://other/\($0)'>" }.joined()
      let page = answer(links)
      let server = try server { _ in page }
      let result = try Tool.run("crawl", server.url, "--json", "--model", "sequential")
      #expect(result.code == 0)
      let leftOut = try ReadingDocument(result.output).leftOut
      #expect(leftOut.links == 3 && leftOut.pagesOfLinks == 1)
      #expect(
        result.errors.contains("left out: 3 links of 1 page with over 20 000 links"), "\(result.errors)")
    }

    @Test(arguments: ["processes", "async"]) func aPageThatIsCutLeadsToOthers(_ model: String) throws {
      let whole = answer("<title>Whole</title>")
      let cut = Array(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 1000\r\n\r\n<a href='/whole'>1</a><a href='/wh"
          .utf8)
      let server = try ByteServer { _ in
        [.answer { $0 == "/" ? cut : whole }]
      }
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", server.url, "--model", model, "--workers", "1", "--json", "--output", folder.path + "/pages")
      #expect(result.code == 0, "\(result.errors)")
      let leftOut = try ReadingDocument(result.output).leftOut
      #expect(leftOut.cutPages == 1 && leftOut.firstCut?.hasPrefix("\(server.url): ") == true)
      #expect(
        result.errors.contains("left out: the rest of 1 page that was read in part"), "\(result.errors)")
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(pages.map(\.url) == [server.url, server.url + "whole"])
      #expect(pages.first?.links == [server.url + "whole"])
      #expect(pages.first?.failure?.contains("closed before the response was complete") == true)
      #expect(folder.text("pages").contains("\"cut\":true"))
    }

    @Test func aSinglePageThatIsCutIsAResult() throws {
      let cut = Array("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<title>Half</title>".utf8)
      let server = try ByteServer { _ in [.answer { _ in cut }] }
      let result = try Tool.run("crawl", server.url, "--json")
      #expect(result.code == 0, "\(result.errors)")
      let document = try ReadingDocument(result.output)
      #expect(document.runs.map(\.failed) == [0] && document.leftOut.cutPages == 1)
    }

    @Test(arguments: ["ftp://127.0.0.1/", "mailto:a@b", "http://"])
    func aRedirectToNoPageIsAFailure(_ target: String) throws {
      let moved = redirect(target)
      let server = try server { _ in moved }
      let result = try Tool.run("crawl", server.url)
      #expect(result.code == 1)
      #expect(
        result.errors.contains("redirects to something that isn't an http or https address"),
        "\(result.errors)")
    }

    @Test func pagesThatFailAreReported() throws {
      let first = answer("<a href='/missing'>1</a>")
      let missing = Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8)
      let server = try server { $0 == "/" ? first : missing }
      let result = try Tool.run("crawl", server.url, "--json")
      #expect(result.code == 0)
      #expect(result.errors == "note: 1 of 2 pages failed (the first: \(server.url)missing: status 404)\n")
    }

    @Test func aStartThatLeadsToAFailureFails() throws {
      let moved = redirect("/missing")
      let missing = Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8)
      let server = try server { $0 == "/" ? moved : missing }
      let result = try Tool.run("crawl", server.url)
      #expect(result.code == 1 && result.output.isEmpty)
      #expect(
        result.errors.contains("\(server.url) leads to \(server.url)missing: status 404"), "\(result.errors)")
    }

    @Test func aCrawlWhoseEveryPageFailedHasNoSpeed() throws {
      let missing = Array("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".utf8)
      let server = try server { _ in missing }
      let result = try Tool.run("crawl", server.url, server.url + "2", "--json")
      #expect(result.code == 1)
      #expect(
        result.errors.contains("every page failed") && result.errors.contains("status 404"),
        "\(result.errors)")
      let document = try ReadingDocument(result.output)
      #expect(document.runs.map(\.failed) == [2] && document.runs.first?.pagesPerSecond == nil)
      #expect(document.ranking.isEmpty)
      let table = try Tool.run("crawl", server.url, server.url + "2")
      #expect(table.code == 1 && table.output.isEmpty)
    }

    // MARK: Where the first address leads

    @Test(arguments: ["processes", "callbacks"]) func theFirstAddressIsFollowedToAnotherSite(_ model: String)
      throws
    {
      let first = answer("<a href='/1'>1</a>")
      let second = answer("<title>1</title><a href='http://127.0.0.1:9/'>2</a>")
      let site = try server { $0 == "/start" ? first : second }
      let to = site.url + "start"
      let moved = redirect(to)
      let old = try server { _ in moved }
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", old.url, "--model", model, "--json", "--output", folder.path + "/pages")
      #expect(result.code == 0, "\(result.errors)")
      #expect(try ReadingDocument(result.output).moved == [Move(from: old.url, to: to)])
      #expect(result.errors == "note: \(old.url) leads to \(to), which is crawled too\n")
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(pages.map(\.url) == [old.url, to, site.url + "1"] && pages.map(\.depth) == [0, 0, 1])
    }

    private static let hasServer = ConditionTrait.enabled(if: TLSServer.isPossible, "openssl isn't installed")

    @Test(hasServer) func theFirstAddressIsFollowedToHTTPS() throws {
      let secure = try TLSServer(["index.html": "<title>Secure</title>"])
      let to = secure.url + "index.html"
      let moved = redirect(to)
      let old = try server { _ in moved }
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", old.url, "--insecure", "--json", "--output", folder.path + "/pages")
      #expect(result.code == 0, "\(result.errors)")
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(pages.map(\.url) == [old.url, to] && pages.last?.title == "Secure")
      // Without workers that have TLS, the call is wrong.
      let model = try Tool.run("crawl", old.url, "--model", "async")
      #expect(
        model.code == 2 && model.errors.contains("\(old.url) leads to \(to), which needs TLS"),
        "\(model.errors)")
    }

    @Test(hasServer) func credentialsLeadToHTTPSToo() throws {
      let secure = try TLSServer(["index.html": "<title>Secure</title>"])
      let to = secure.url + "index.html"
      let (next, moved) = (redirect("/next"), redirect(to))
      let closed = Array(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n".utf8)
      let server = try ByteServer { _ in
        Array(
          repeating: .answerRequest { request in
            guard request.contains("\r\nAuthorization: Basic dTpw\r\n") else { return closed }
            return request.hasPrefix("GET /next ") ? moved : next
          }, count: 10)
      }
      let address = server.url.replacing("http://", with: "http://u:p@")
      let result = try Tool.run("crawl", address, "--insecure", "--json")
      #expect(result.code == 0, "\(result.errors)")
      #expect(try ReadingDocument(result.output).moved == [Move(from: server.url + "next", to: to)])
      #expect(!(result.output + result.errors).contains("u:p"))
    }

    @Test(arguments: ["processes", "sequential"]) func redirectsWithoutEndAreReported(_ model: String) throws
    {
      let server = try server { target in
        let number = Int(target.dropFirst()) ?? 0
        return Array("HTTP/1.1 302 Found\r\nLocation: /\(number + 1)\r\nContent-Length: 0\r\n\r\n".utf8)
      }
      let result = try Tool.run("crawl", server.url, "--model", model, "--json")
      #expect(result.code == 1 && result.errors.contains("leads to no page"), "\(result.errors)")
      let document = try ReadingDocument(result.output)
      #expect(document.leftOut.redirects == 1 && document.runs.first?.pages == 11)
      #expect(result.errors.contains("left out: 1 redirect behind 10 others in a row"), "\(result.errors)")
    }

    // MARK: One mechanism

    @Test func aSiteIsReadOnceUnlessMoreIsAskedFor() throws {
      let site = try BackgroundSite(pages: 3)
      let once = try Tool.run("crawl", site.url)
      #expect(
        once.output.contains("One mechanism only, pipe,") && once.output.contains("--mechanism all compares"))
      #expect(
        try CrawlDocument(Tool.run("crawl", site.url, "--json").output).runs.map(\.mechanism) == ["pipe"])
      let named = try Tool.run("crawl", site.url, "--mechanism", "memory,fifo")
      #expect(named.code == 0 && !named.output.contains("One mechanism only"))
      let all = try CrawlDocument(Tool.run("crawl", site.url, "--mechanism", "all", "--json").output)
      #expect(all.runs.map(\.mechanism) == mainMechanisms)
    }

    // MARK: https

    /// What libcurl refuses before the crawl's reader sees it: the failures, in which such pages have no status.
    private static let refused: [String: String] = {
      let notHTTP = [
        "a later minor version", "an empty line behind one", "empty bare lines before it",
        "empty lines before it",
        "empty lines over 64 KiB", "it ends behind \"\\r\\n\\r\\n\"",
      ]
      let lengths = [
        "a field folded at its name", "a field folded three times", "chunked, and no length",
        "the length \"\"",
        "the length \"-1\"", "the length \"many\"",
      ]
      var refused = [
        "a line without a colon": "Header without colon",
        "indented lines before the first field": "can't be read",
      ]
      for name in notHTTP { refused[name] = "isn't HTTP" }
      for name in lengths { refused[name] = "invalid Content-Length" }
      return refused
    }()

    /// libcurl takes it for HTTP/2, of which it writes the headers in this way.
    private static let accepted = "it begins with \"HTTP/2 200\\r\\n\\r\\n\""

    @Test(hasServer) func responsesAreReadOverTLSAsWithoutIt() throws {
      let cases = ResponseCase.all
      let names = Dictionary(uniqueKeysWithValues: cases.indices.map { ("\($0)", cases[$0].bytes) })
      let server = try TLSServer(responses: names)
      let folder = try Folder()
      let result = try Tool(
        ["crawl"] + cases.indices.map { "\(server.url)\($0)" } + [
          "--insecure", "--depth", "0", "--workers", "2", "--json", "--output", folder.path + "/pages",
        ]
      ).wait()
      #expect(result.code == 0, "\(result.errors)")
      let pages = try OutputPage.read(folder.text("pages"))
      let found = Dictionary(pages.map { ($0.url, $0) }) { first, _ in first }
      #expect(Set(Self.refused.keys).union([Self.accepted]).isSubset(of: cases.map(\.name)))
      for (index, expected) in cases.enumerated() where expected.name != Self.accepted {
        let page = try #require(found["\(server.url)\(index)"], "\(expected.name)")
        if let failure = Self.refused[expected.name] {
          #expect(page.status == 0 && page.failure?.contains(failure) == true, "\(expected.name): \(page)")
          continue
        }
        #expect(page.status == expected.status, "\(expected.name)")
        #expect(page.bytes == expected.content.count, "\(expected.name): \(page.failure ?? "")")
        if let failure = expected.failure {
          #expect(page.failure?.contains(failure) == true, "\(expected.name): \(page.failure ?? "none")")
        } else {
          #expect(page.failure == nil, "\(expected.name): \(page.failure ?? "")")
        }
      }
    }

    @Test(hasServer) func addressesAreAskedForAsTheyAre() throws {
      // Files of these names: a page of another address isn't found, and has no title. The quote is escaped in a query.
      let names = ["zz%zz", "pipe|x", "br[1]", "q?b={}&c=%41%27"]
      let server = try TLSServer(
        responses: Dictionary(uniqueKeysWithValues: names.map { ($0, answer("<title>\($0)</title>")) }))
      let folder = try Folder()
      let result = try Tool.run(
        ["crawl"] + names.map { server.url + $0.replacing("%27", with: "'") } + [
          "--workers", "1", "--insecure", "--output", folder.path + "/pages",
        ])
      #expect(result.code == 0, "\(result.errors)")
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(Set(pages.map(\.title)) == Set(names), "\(pages)")
    }

    @Test(hasServer, arguments: ["HTTP/1.1\t200:x", "HTTP/1.1111111200:x", "HTTP/1.1 404 X", "HTTP/"])
    func aFieldThatLooksLikeAStatusIsAField(_ line: String) throws {
      let body = "<title>T</title>"
      let head = "HTTP/1.1 200 OK\r\n\(line)\r\nX: y\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
      let server = try TLSServer(responses: ["page": Array((head + body).utf8)])
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", server.url + "page", "--insecure", "--output", folder.path + "/pages")
      #expect(!result.errors.contains("died"), "\(result.errors)")
      let page = try #require(try OutputPage.read(folder.text("pages")).first)
      #expect(
        page.status == 200 && page.title == "T" || page.failure?.contains("can't be read") == true, "\(page)")
    }

    @Test(hasServer) func aCertificateThatIsNotTrustedIsNamed() throws {
      let server = try TLSServer(["index.html": "<title>T</title>"])
      let url = server.url + "index.html"
      let refused = try Tool.run("crawl", url)
      #expect(refused.code == 1 && refused.output.isEmpty)
      #expect(
        refused.errors.contains("the certificate of 127.0.0.1 isn't trusted")
          && refused.errors.contains("--insecure"),
        "\(refused.errors)")
      let accepted = try Tool.run("crawl", url, "--insecure")
      #expect(accepted.code == 0, "\(accepted.errors)")
    }
  }
}
