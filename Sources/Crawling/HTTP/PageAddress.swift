import Synchronization
import SystemCalls

/// An `http` address, and the network address of its server.
struct PageAddress: Sendable {
  let server: Internet.Address
  /// With the port, if the address has one.
  let host: String
  private let target: String
  private let authorization: String

  init(_ job: CrawlJob, _ servers: ServerAddresses) throws(PageFailure) {
    guard let url = PageURL(job.url) else { throw PageFailure("invalid URL") }
    guard !url.isSecure else { throw .needsTLS }
    host = url.authority
    target = url.target
    authorization = job.authorization
    server = try servers.address(url.host, url.port)
  }

  /// Without `Connection: keep-alive`, which is what HTTP/1.1 does anyway.
  var request: [UInt8] {
    let field = authorization.isEmpty ? "" : "Authorization: \(authorization)\r\n"
    return Array(
      """
      GET \(target) HTTP/1.1\r
      Host: \(host)\r
      User-Agent: swift-ipc-crawl/1\r
      Accept: text/html\r
      Accept-Encoding: gzip, deflate\r
      \(field)\r

      """.utf8)
  }
}

/// The network addresses of the crawled servers, each resolved once.
final class ServerAddresses: Sendable {
  private struct Server: Hashable {
    let host: String
    let port: Int
  }

  private let known = Locked<[Server: Result<Internet.Address, PageFailure>]>([:])

  init() {}

  /// - Parameter host: as in a URL: a domain, or an IP address, IPv6 in brackets.
  func address(_ host: String, _ port: Int) throws(PageFailure) -> Internet.Address {
    let server = Server(host: host, port: port)
    if let found = known.withLock({ $0[server] }) { return try found.get() }
    let found = Self.resolve(server)
    known.withLock { $0[server] = found }
    return try found.get()
  }

  private static func resolve(_ server: Server) -> Result<Internet.Address, PageFailure> {
    let isIPv6 = server.host.hasPrefix("[")
    let name = isIPv6 ? String(server.host.dropFirst().dropLast()) : server.host
    do throws(SystemError) {
      guard let first = try Internet.getaddrinfo(host: name, port: server.port, passive: false).first else {
        return .failure(PageFailure("unknown host"))
      }
      return .success(first)
    } catch {
      return .failure(PageFailure(error))
    }
  }
}
