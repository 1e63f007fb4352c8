import Foundation
import TestSupport
import Testing

extension AllCommandTests {
  /// Pages over TLS, which a program of its own fetches.
  @Suite(.serialized, .watched) struct CrawlHTTPSTests {
    private static let hasServer = ConditionTrait.enabled(if: TLSServer.isPossible, "openssl isn't installed")
    private static let isTrusted = ConditionTrait.enabled(
      if: TLSServer.canBeTrusted, "openssl isn't installed, or this user can't make a mount namespace")

    private let files = [
      "index.html": "<title>First</title><a href='second.html'>2</a><a href='http://127.0.0.1:9/'>3</a>",
      "second.html": "<title>Second</title>",
    ]

    @Test("https pages are fetched and their links followed, and http pages of the same list too", isTrusted)
    func pagesAreFetched() throws {
      let server = try TLSServer(files)
      let site = try BackgroundSite(pages: 3)
      let folder = try Folder()
      let result = try server.trustingTool([
        "crawl", server.url + "index.html", site.url, "--mechanism", "pipe", "--workers", "2", "--output",
        folder.path + "/pages",
      ]).wait()
      #expect(result.code == 0, "\(result.errors)")
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(pages.count == 5 && pages.allSatisfy { $0.failure == nil && $0.status == 200 })
      let first = try #require(pages.first { $0.url == server.url + "index.html" })
      #expect(first.title == "First" && first.bytes == files["index.html"]?.utf8.count)
      #expect(first.links == [server.url + "second.html", "http://127.0.0.1:9/"])
      let second = try #require(pages.first { $0.url == server.url + "second.html" })
      #expect(second.title == "Second" && second.depth == 1)
    }

    @Test(
      "a page that asks for credentials is a page of that status, and no transfer without an end", isTrusted)
    func pagesMayAskForCredentials() throws {
      let page = "<title>Who?</title><a href='inner.html'>1</a>"
      let closed =
        "HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Type: text/html\r\n\r\n\(page)"
      let open = "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<title>In</title>"
      let server = try TLSServer(responses: [
        "index.html": Array(closed.utf8), "inner.html": Array(open.utf8),
      ])
      let folder = try Folder()
      let result = try server.trustingTool([
        "crawl", server.url + "index.html", "--mechanism", "pipe", "--workers", "1", "--output",
        folder.path + "/pages",
      ]).wait()
      #expect(result.code == 0, "\(result.errors)")
      let pages = try OutputPage.read(folder.text("pages"))
      #expect(pages.map(\.status) == [401, 200], "\(pages)")
      #expect(pages.map(\.title) == ["Who?", "In"])
      #expect(pages.allSatisfy { $0.failure == nil })
    }

    @Test("a certificate that the system doesn't trust fails the page, and no other", hasServer)
    func certificatesAreChecked() throws {
      let server = try TLSServer(files)
      let site = try BackgroundSite(pages: 3)
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", server.url + "index.html", site.url, "--mechanism", "pipe", "--workers", "2", "--output",
        folder.path + "/pages")
      #expect(result.code == 0, "\(result.errors)")
      let pages = try OutputPage.read(folder.text("pages"))
      let secure = try #require(pages.first { $0.url.hasPrefix("https:") })
      #expect(secure.status == 0 && secure.failure?.contains("certificate") == true, "\(secure)")
      #expect(pages.count { $0.url.hasPrefix(site.url) && $0.status == 200 } == 3)
      #expect(pages.count == 4)
    }

    @Test("without the program that fetches https pages, the error says which one is missing")
    func theProgramIsMissing() throws {
      let folder = try Folder()
      let alone = folder.path + "/ipc"
      try FileManager.default.copyItem(atPath: Tool.path, toPath: alone)
      let result = try Tool(["crawl", "http://127.0.0.1:9/", "https://127.0.0.1:9/"], program: alone).wait()
      #expect(result.code == 1)
      #expect(result.errorLines.count == 1 && result.output.isEmpty)
      #expect(
        result.errors.contains("https://127.0.0.1:9/ needs the program \(folder.path)/ipc-https-worker"))
      #expect(result.errors.contains("make install"))
      // What has no https page needs no such program.
      let plain = try Tool(["crawl", "http://127.0.0.1:9/", "--mechanism", "pipe"], program: alone).wait()
      #expect(plain.code == 1 && plain.errors.contains("no server answers"), "\(plain.errors)")
    }
  }
}
