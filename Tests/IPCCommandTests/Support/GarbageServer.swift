import ConcurrencyModels
import Foundation
import SystemCalls

/// A server on this machine that answers every client with something that isn't HTTP, while this value lives.
final class GarbageServer {
  private let loop: EventLoop
  private let ended = DispatchSemaphore(value: 0)
  let url: String

  init() throws {
    let loop = try EventLoop()
    let address = try Internet.getaddrinfo(host: "127.0.0.1", port: 0, passive: true)[0]
    let listener = Listener(try Internet.socket(address))
    try Internet.bind(listener.socket, address)
    try Sockets.listen(listener.socket)
    try listener.socket.setNonblocking(true)
    url = "http://127.0.0.1:\(try Internet.getsockname(listener.socket).port)/"
    self.loop = loop
    let ended = self.ended
    loop.submit {
      _ = try loop.watch(listener.socket.raw, .read) { _ in
        guard let client = try? Sockets.accept(listener.socket) else { return }
        let text = Array("SSH-2.0-nothing you know\r\n\r\n".utf8)
        _ = unsafe try? text.withUnsafeBytes {
          unsafe try Sockets.sendmsg(
            client.raw, $0, UnsafeRawBufferPointer(start: nil, count: 0), wait: false)
        }
        // What it asked for is taken first: closing over it would be a reset.
        Sockets.shutdown(writing: client.raw)
        listener.clients.append(Listener(client))
      }
    }
    try Threads.start(name: "garbage") {
      try? loop.run()
      withExtendedLifetime(listener) {}
      ended.signal()
    }
  }

  deinit {
    loop.stop()
    ended.wait()
  }

  /// Touched on the loop's thread alone, once it runs.
  private final class Listener: @unchecked Sendable {
    let socket: Descriptor
    var clients: [Listener] = []
    init(_ socket: consuming Descriptor) { self.socket = socket }
  }
}
