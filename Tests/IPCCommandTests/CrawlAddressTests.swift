import Crawling
import TestSupport
import Testing

extension AllCommandTests {
  /// The address with which a crawl begins.
  @Suite(.serialized, .watched) struct CrawlAddressTests {
    /// Addresses that can't be crawled, and what is said about each.
    static let errors = [
      ("", "an address is empty: expected http://host/path"),
      ("host.example/x", "\"host.example/x\" has no scheme: write http://host.example/x or https://"),
      ("//host.example/x", "\"host.example/x\" has no scheme: write http://host.example/x"),
      ("localhost:8000/x", "has no scheme: write http://localhost:8000/x or https://localhost:8000/x"),
      ("ftp://host/", "\"ftp://host/\" can't be crawled: expected an address that begins with http:// or"),
      ("http://", "\"http://\" names no host"),
      ("http://:80/", "\"http://:80/\" names no host"),
      ("http://a b/", "\"http://a b/\" has an invalid host"),
      ("http://[::1/", "\"http://[::1/\" has an invalid host"),
      ("http://1.2.3.256/", "\"http://1.2.3.256/\" has an invalid host"),
      ("http://xn--é/", "\"http://xn--é/\" has an invalid host"),
      ("http://host:99999/", "\"http://host:99999/\" has an invalid port: expected a number up to 65535"),
      ("http://host:x/", "\"http://host:x/\" has an invalid port"),
      // A password that makes no address is one all the same.
      ("http://user:secret@", "\"http://\" names no host"),
      ("http://user:secret@a b/", "\"http://a b/\" has an invalid host"),
      ("http://user:sec/ret@host/", "\"http://host/\" has an invalid port"),
      ("http://user:secret@host:x/", "\"http://host:x/\" has an invalid port"),
      ("user:secret@host/", "\"host/\" can't be crawled"),
      ("ftp://user:secret@host/", "\"ftp://host/\" can't be crawled"),
      ("//user:secret@host/", "\"host/\" has no scheme: write http://host/"),
    ]

    @Test(arguments: errors) func anErrorSaysWhatIsWrong(_ address: String, _ error: String) throws {
      let result = try Tool.run("crawl", address, "--mechanism", "pipe", "--workers", "1")
      #expect(result.code == 2)
      #expect(result.errorLines.count == 1, "\(result.errors)")
      #expect(result.errors.contains(error), "\(result.errors)")
      #expect(!result.errors.contains("sec") && !result.errors.contains("ret"), "\(result.errors)")
      #expect(result.output.isEmpty)
    }

    @Test func anAddressIsReadAsABrowserReadsIt() throws {
      let site = try BackgroundSite(pages: 2)
      for start in ["HTTP:\\\\127.1:\(site.port)", " http://１２７。0x1:0\(site.port)/a/.%2e/#x "] {
        let folder = try Folder()
        let result = try Tool.run(
          "crawl", start, "--mechanism", "pipe", "--workers", "1", "--output", folder.path + "/pages")
        #expect(result.code == 0, "\(result.errors)")
        let pages = try OutputPage.read(folder.text("pages"))
        #expect(Set(pages.map(\.url)) == [site.url, site.url + "page/1"], "\(pages.map(\.url))")
      }
    }

    @Test func anInternationalDomainIsShownAsItIsLookedUp() throws {
      let result = try Tool.run("crawl", "https://BÜCHER.example", "--model", "sequential")
      #expect(result.code == 2)
      #expect(result.errors.contains("https://xn--bcher-kva.example/ needs TLS"), "\(result.errors)")
    }

    /// `Basic` and "user:secret" in base64.
    private static let authorization = "Basic dXNlcjpzZWNyZXQ="

    @Test(arguments: CrawlModels.names)
    func credentialsAreUsedForTheirOwnServerOnly(_ model: String) throws {
      let page = "<title>in</title><a href='inner'>1</a><a href='//intruder:x@HOST/inner'>2</a>"
      let server = try LoginServer(authorization: Self.authorization, page: page)
      let other = try LoginServer(authorization: Self.authorization, page: page)
      let folder = try Folder()
      let result = try Tool.run(
        ["crawl", "http://user:secret@\(server.authority)/", "http://\(other.authority)/", "--model", model]
          + (["processes", "actors"].contains(model) ? ["--mechanism", "pipe"] : [])
          + ["--workers", "1", "--output", folder.path + "/pages"])
      #expect(result.code == 0, "\(result.errors)")
      let pages = try OutputPage.read(folder.text("pages"))
      let statuses = Dictionary(pages.map { ($0.url, $0.status) }) { first, _ in first }
      #expect(
        statuses == [
          "http://\(server.authority)/": 200, "http://\(server.authority)/inner": 200,
          "http://\(other.authority)/": 401, "http://\(other.authority)/inner": 401,
        ])
      for text in [result.output, result.errors, folder.text("pages")] {
        #expect(!text.contains("secret") && !text.contains("dXNlcjpzZWNyZXQ"))
      }
    }

    @Test func anErrorOfAPageHasNoPassword() throws {
      let result = try Tool.run(
        "crawl", "http://user:secret@127.0.0.1:1/x", "--mechanism", "pipe", "--workers", "1")
      #expect(result.code == 1)
      #expect(result.errors.contains("http://127.0.0.1:1/x: no server answers"), "\(result.errors)")
      #expect(!result.errors.contains("secret"), "\(result.errors)")
    }
  }
}
