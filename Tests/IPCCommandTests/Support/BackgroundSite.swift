import Foundation
import Testing

/// `ipc site` that serves while this value lives.
final class BackgroundSite {
  private struct Announcement: Decodable {
    let url: String
    let pages: Int
  }

  let tool: Tool
  /// Ends with a slash.
  let url: String
  var port: Int { URL(string: url)?.port ?? 0 }

  init(pages: Int, delay: Int = 0) throws {
    let tool = try Tool(["site", "--pages", "\(pages)", "--delay", "\(delay)", "--json"])
    self.tool = tool
    var announced: Announcement?
    let serves = eventually {
      announced = try? JSONDecoder().decode(Announcement.self, from: Data(tool.output.utf8))
      return announced != nil || !tool.isRunning
    }
    try #require(serves, "the site says nothing")
    let announcement = try #require(announced, "\(tool.errors)")
    #expect(announcement.pages == pages)
    url = announcement.url
  }
}
