import TestSupport
import Testing

extension AllCommandTests {
  /// Pages that misbehave.
  @Suite(.serialized, .watched) struct CrawlTroubleTests {
    private func crawl(_ url: String, _ more: String...) throws -> (
      run: CrawlDocument.Run, pages: [OutputPage]
    ) {
      let folder = try Folder()
      let tool = try Tool(
        [
          "crawl", "--repeats", "1", "--window", "auto", url, "--mechanism", "memory", "--workers", "2",
          "--json", "--output",
          folder.path + "/pages",
        ] + more)
      let result = tool.wait()
      #expect(result.code == 0, "\(result.errors)")
      return (
        try #require(try CrawlDocument(result.output).runs.first), try OutputPage.read(folder.text("pages"))
      )
    }

    @Test func aCrawlOfTroubleEnds() throws {
      let site = try BackgroundSite(pages: 20)
      let (run, pages) = try crawl(site.url + "trouble", "--limit", "60")
      #expect(run.failed > 0)
      #expect(run.failed < run.pages)
      #expect(run.pages == pages.count)
      #expect(Set(pages.map(\.url)).count == pages.count)
      let found = Dictionary(pages.map { ($0.url.dropFirst(site.url.count - 1), $0) }) { first, _ in first }
      #expect(found["/status/500"]?.status == 500)
      #expect(found["/status/404"]?.status == 404)
      #expect(found["/redirect/3"]?.status == 302)
      #expect(found["/redirect/0"]?.status == 302)
      #expect(found["/redirect-loop"]?.status == 302)
      #expect(found["/hang-up"]?.failure != nil)
      #expect(found["/long-length"]?.failure != nil)
      #expect(found["/endless"]?.failure?.contains("16 MiB") == true)
      #expect(found["/text"]?.links == [])
      #expect(found["/slow/1500"]?.failure == nil)
      #expect(found["/broken"]?.links.count { $0.contains("/page/") } == 3)
      // A redirect away from the site is seen, and not followed.
      #expect(found["/away"]?.links == ["http://localhost:9/"])
      #expect(!pages.contains { $0.url.hasPrefix("http://localhost:9") })
      // The pages behind the redirects and the broken page were found.
      #expect(found["/"]?.status == 200)
      #expect(found["/page/3"]?.status == 200)
    }

    @Test func anEndlessBodyIsCutOff() throws {
      let site = try BackgroundSite(pages: 2)
      let folder = try Folder()
      let result = try Tool.run(
        "crawl", "--repeats", "1", "--window", "auto", site.url, site.url + "endless", "--mechanism", "pipe",
        "--workers", "2", "--json",
        "--output",
        folder.path + "/pages")
      #expect(result.code == 0, "\(result.errors)")
      let run = try #require(try CrawlDocument(result.output).runs.first)
      #expect(run.failed == 0)
      #expect(result.errors.contains("the rest of 1 page that was read in part"))
      #expect(run.pages == 3)
      let endless = try OutputPage.read(folder.text("pages")).first { $0.url.hasSuffix("/endless") }
      #expect(endless?.failure?.contains("16 MiB") == true)
      // One piece more than the limit, and not all that came until the transfer was stopped.
      #expect((16 << 20...20 << 20).contains(endless?.bytes ?? 0))
    }
  }
}
