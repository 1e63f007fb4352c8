package import IPC

/// A job for a worker: fetch a page, or do nothing.
package struct CrawlJob: Message, Sendable, Hashable {
  /// Empty: do nothing, which measures coordination alone.
  package var url: String
  package var depth: UInt32
  /// How many redirects led to this page.
  package var hops: UInt32
  /// The value of the header field Authorization; empty: the request has none.
  package var authorization: String

  package init(url: String, depth: UInt32 = 0, hops: UInt32 = 0, authorization: String = "") {
    self.url = url
    self.depth = depth
    self.hops = hops
    self.authorization = authorization
  }

  package func encode(to writer: inout MessageWriter) {
    writer.write(depth)
    writer.write(hops)
    writer.write(url)
    writer.write(authorization)
  }

  package init(from reader: inout MessageReader) throws(ChannelError) {
    depth = try reader.integer()
    hops = try reader.integer()
    url = try reader.string()
    authorization = try reader.string()
  }
}

/// The page that a worker fetched.
package struct CrawlPage: Message, Sendable, Hashable {
  /// The HTTP status; 0 if there was no response.
  package var status: Int32 = 0
  /// Bytes of the body.
  package var bytes: Int64 = 0
  package var isHTML = false
  /// Whether the response is a redirect, whose target is the only link.
  package var isRedirect = false
  package var title = ""
  package var links: [String] = []
  /// How many further links the page has, which aren't listed.
  package var linksLeftOut: UInt32 = 0
  package var microseconds: Int64 = 0
  /// Whether it was read in part: ``failure`` says why. Its links are those of what was read.
  package var isCut = false
  /// Why there was no response, or only a part of it; empty if there was one.
  package var failure = ""

  package init() {}

  /// A page that was read in part hasn't failed.
  package var hasFailed: Bool { !failure.isEmpty && !isCut || status >= 400 }

  package func encode(to writer: inout MessageWriter) {
    writer.write(status)
    writer.write(bytes)
    writer.write(isHTML)
    writer.write(isRedirect)
    writer.write(isCut)
    writer.write(linksLeftOut)
    writer.write(microseconds)
    writer.write(title)
    writer.write(failure)
    writer.write(UInt32(links.count))
    for link in links { writer.write(link) }
  }

  package init(from reader: inout MessageReader) throws(ChannelError) {
    status = try reader.integer()
    self.bytes = try reader.integer()
    isHTML = try reader.bool()
    isRedirect = try reader.bool()
    isCut = try reader.bool()
    linksLeftOut = try reader.integer()
    microseconds = try reader.integer()
    title = try reader.string()
    failure = try reader.string()
    let count: UInt32 = try reader.integer()
    // Reserves nothing: the count may be false.
    for _ in 0..<count { links.append(try reader.string()) }
  }
}

/// An actor's reply.
struct FetchedPage: Message, Sendable {
  var page: CrawlPage
  /// From the call until the actor began, in nanoseconds.
  var dispatch: UInt64
  /// The time of the page itself, in nanoseconds.
  var took: UInt64

  init(page: CrawlPage, dispatch: UInt64, took: UInt64) {
    self.page = page
    self.dispatch = dispatch
    self.took = took
  }

  func encode(to writer: inout MessageWriter) {
    writer.write(dispatch)
    writer.write(took)
    page.encode(to: &writer)
  }

  init(from reader: inout MessageReader) throws(ChannelError) {
    dispatch = try reader.integer()
    took = try reader.integer()
    page = try CrawlPage(from: &reader)
  }
}
