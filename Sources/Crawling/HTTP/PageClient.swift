/// What the fetches of a crawl share, in one process: their connections, and how long a page may take.
final class PageClient: Sendable {
  let servers = ServerAddresses()
  let connections: PageConnections
  /// How long a page may take, in nanoseconds.
  let timeout: UInt64

  /// - Parameter atOnce: How many pages are fetched at once, and how many connections are kept for them.
  init(atOnce: Int, timeout: UInt64 = 30_000_000_000) {
    connections = PageConnections(most: atOnce)
    self.timeout = timeout
  }
}
