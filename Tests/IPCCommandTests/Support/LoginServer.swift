import Foundation
import SystemCalls

/// A server on this machine that answers with a page only where a request has the header field Authorization that it wants,
/// and with the status 401 otherwise, while this value lives.
final class LoginServer {
  /// Taken by the thread alone once it runs, and by whatever ends it.
  private final class Listener: Sendable {
    let socket: Descriptor
    init(_ socket: consuming Descriptor) { self.socket = socket }
  }

  private let listener: Listener
  private let ended = DispatchSemaphore(value: 0)
  /// `127.0.0.1:PORT`.
  let authority: String

  /// - Parameters:
  ///   - authorization: the value of the field that it wants.
  ///   - page: what it answers with, for every path.
  init(authorization: String, page: String) throws {
    let address = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
    let listener = Listener(try Internet.socket(address))
    try Internet.bind(listener.socket, address)
    try Sockets.listen(listener.socket)
    authority = "127.0.0.1:\(try Internet.getsockname(listener.socket).port)"
    self.listener = listener
    let ended = self.ended
    try Threads.start(name: "login") {
      // Until shutdown(2) ends it.
      while let client = try? Sockets.accept(listener.socket) {
        Self.answer(client, authorization, page)
      }
      ended.signal()
    }
  }

  deinit {
    Sockets.shutdown(reading: listener.socket.raw)
    ended.wait()
  }

  private static func answer(_ client: consuming Descriptor, _ authorization: String, _ page: String) {
    var request: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 4096)
    while !request.suffix(4).elementsEqual("\r\n\r\n".utf8) {
      var truncated = false
      let count =
        unsafe (try? room.withUnsafeMutableBytes {
          unsafe try Sockets.recvmsg(client.raw, into: $0, wait: true, truncated: &truncated)
        }) ?? 0
      if count == 0 { return }
      request += room[..<count]
    }
    let lines = String(decoding: request, as: UTF8.self).split(separator: "\r\n")
    let isWelcome = lines.contains("Authorization: \(authorization)")
    let answer = """
      HTTP/1.1 \(isWelcome ? "200 OK" : "401 Unauthorized")\r
      Content-Type: text/html\r
      Content-Length: \(page.utf8.count)\r
      Connection: close\r
      \r
      \(page)
      """
    let bytes = Array(answer.utf8)
    _ = unsafe try? bytes.withUnsafeBytes {
      unsafe try Sockets.sendmsg(
        client.raw, $0, UnsafeRawBufferPointer(start: nil, count: 0), wait: true)
    }
  }
}
