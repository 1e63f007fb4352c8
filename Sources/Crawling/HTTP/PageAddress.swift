import Synchronization
import SystemCalls

/// An `http` address, and the network address of its server.
struct PageAddress: Sendable {
  private static let scheme = "http://"

  let url: String
  let server: Internet.Address
  /// With the port, if the address has one.
  let host: String
  private let path: String
  private let authorization: String

  init(_ job: CrawlJob, _ servers: ServerAddresses) throws(PageFailure) {
    try self.init(job.url, servers, authorization: job.authorization)
  }

  init(_ url: String, _ servers: ServerAddresses, authorization: String = "") throws(PageFailure) {
    self.authorization = authorization
    guard url.hasPrefix(Self.scheme) else {
      throw PageFailure("https needs --model processes: the other models fetch http only")
    }
    let site = Frontier.site(url)
    host = String(site.dropFirst(Self.scheme.count))
    let rest = url.dropFirst(site.count)
    path = rest.isEmpty ? "/" : rest.hasPrefix("?") ? "/" + rest : String(rest)
    self.url = url
    server = try servers.address(host)
  }

  /// Without `Connection: keep-alive`, which is what HTTP/1.1 does anyway.
  var request: [UInt8] {
    let field = authorization.isEmpty ? "" : "Authorization: \(authorization)\r\n"
    return Array(
      """
      GET \(path) HTTP/1.1\r
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
  private let known = Locked<[String: Result<Internet.Address, PageFailure>]>([:])

  init() {}

  /// - Parameter host: as in a URL: a name or an IP address, with or without a port.
  func address(_ host: String) throws(PageFailure) -> Internet.Address {
    if let found = known.withLock({ $0[host] }) { return try found.get() }
    let found = Self.resolve(host)
    known.withLock { $0[host] = found }
    return try found.get()
  }

  private static let defaultPort = 80

  private static func resolve(_ host: String) -> Result<Internet.Address, PageFailure> {
    var name = host[...]
    var port = defaultPort
    if let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") {
      name = host[..<colon]
      guard let number = Int(host[host.index(after: colon)...]), (1...65535).contains(number) else {
        return .failure(PageFailure("invalid port \"\(host[host.index(after: colon)...])\""))
      }
      port = number
    }
    if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
    do throws(SystemError) {
      guard let first = try Internet.getaddrinfo(host: String(name), port: port, passive: false).first else {
        return .failure(PageFailure("unknown host"))
      }
      return .success(first)
    } catch {
      return .failure(PageFailure(error))
    }
  }
}
