import Synchronization
import SystemCalls

/// An `http` address, and the network address of its server.
struct PageAddress: Sendable {
  private static let scheme = "http://"

  let url: String
  let server: Internet.Address
  private let host: String
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

  /// HTTP/1.0: the server closes after the response, and sends it without chunks.
  var request: [UInt8] {
    let field = authorization.isEmpty ? "" : "Authorization: \(authorization)\r\n"
    return Array(
      "GET \(path) HTTP/1.0\r\nHost: \(host)\r\nUser-Agent: swift-ipc-crawl/1\r\nAccept: text/html\r\n\(field)\r\n"
        .utf8)
  }
}

/// The connection that fetches a page, in non-blocking mode. The model waits for its descriptor.
final class PageSocket {
  private static let chunk = 16 << 10

  private let socket: Descriptor
  private let request: [UInt8]
  private var sent = 0
  private(set) var answer = PageResponse()

  /// Begins to connect (connect(2)).
  @inline(never) init(_ address: PageAddress) throws(PageFailure) {
    do throws(SystemError) {
      socket = try Internet.socket(address.server)
      try socket.setNonblocking(true)
      try Internet.beginConnecting(socket, address.server)
    } catch {
      throw PageFailure(error)
    }
    request = address.request
  }

  /// Writable when connected; readable when there is something to receive.
  var descriptor: Int32 { socket.raw }

  /// Sends as much of the request as possible. Returns whether all of it is sent. The first call throws if connecting
  /// failed.
  @inline(never) func send() throws(PageFailure) -> Bool {
    do throws(SystemError) {
      let request = request
      if sent == 0 { try Internet.checkConnected(socket) }
      while sent < request.count {
        sent += unsafe try request.span.extracting(sent...).withUnsafeBytes { bytes throws(SystemError) in
          unsafe try Sockets.sendmsg(
            socket.raw, bytes, UnsafeRawBufferPointer(start: nil, count: 0), wait: false)
        }
      }
      return true
    } catch {
      if error.wouldBlock { return false }
      throw PageFailure(error)
    }
  }

  /// Receives what has arrived. Returns whether the response is complete.
  ///
  /// Not inlined into async functions: the temporary allocation would then come from the task, which keeps its memory.
  @inline(never) func receive() throws(PageFailure) -> Bool {
    unsafe try withUnsafeTemporaryAllocation(byteCount: Self.chunk, alignment: 16) {
      room throws(PageFailure) in
      while true {
        let count: Int
        do throws(SystemError) {
          var truncated = false
          count = unsafe try Sockets.recvmsg(socket.raw, into: room, wait: false, truncated: &truncated)
        } catch {
          if error.wouldBlock { return false }
          throw PageFailure(error)
        }
        do throws(PageFailure) {
          if count == 0 {
            try answer.end()
            return true
          }
          let filled = unsafe UnsafeRawBufferPointer(rebasing: room[..<count])
          let chunk = unsafe Span<UInt8>(_unsafeBytes: filled)
          if try answer.take(chunk) { return true }
        } catch {
          throw error.after(answer)
        }
      }
    }
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
