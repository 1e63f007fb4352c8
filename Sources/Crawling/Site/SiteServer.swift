package import ConcurrencyModels
package import SystemCalls

/// A small HTTP/1.1 server for the generated site, on loopback only: one thread, keep-alive, GET and HEAD, and as many
/// slow requests at once as there are descriptors. For tests and comparisons.
package final class SiteServer {
  private static let acceptedPerTurn = 100
  private static let pauseNanoseconds: UInt64 = 20_000_000

  private let loop: EventLoop
  private let pages: SiteResponder
  private let listener: Descriptor
  private var connections: [UInt64: SiteConnection] = [:]
  private var next: UInt64 = 1
  private var token: UInt64 = 0
  package let port: Int

  /// - Parameter port: 0 for any free port.
  package init(
    _ loop: EventLoop, _ plan: SitePlan, delayMilliseconds: Int, port: Int
  ) throws(SystemError) {
    self.loop = loop
    pages = SiteResponder(plan: plan, delayMilliseconds: delayMilliseconds)
    let address = try Internet.getaddrinfo(host: "127.0.0.1", port: port, passive: true)[0]
    let listener = try Internet.socket(address)
    // SOL_SOCKET, SO_REUSEADDR: connections of an earlier run that are winding down don't keep the port.
    try Sockets.setsockopt(listener, .reuseAddress, 1)
    try Internet.bind(listener, address)
    try Sockets.listen(listener)
    try listener.setNonblocking(true)
    self.port = try Internet.getsockname(listener).port
    self.listener = listener
    do throws(EventLoopError) {
      token = try loop.watch(self.listener.raw, .read) { [unowned self] _ in accept() }
    } catch {
      throw error.systemError
    }
  }

  private func pause() {
    try? loop.change(token, [])
    loop.after(Self.pauseNanoseconds) { [unowned self] in try? loop.change(token, .read) }
  }

  package var url: String { "http://127.0.0.1:\(port)/" }

  private func accept() {
    // A limited number per turn of the loop, so that a burst of connections doesn't starve those that are open.
    for _ in 0..<Self.acceptedPerTurn {
      let socket: Descriptor
      do throws(SystemError) {
        socket = try Sockets.accept(listener)
      } catch {
        // No descriptor is left: accepts again later.
        if !error.wouldBlock { pause() }
        return
      }
      let id = next
      next += 1
      try? Sockets.setsockopt(socket, .noDelay, 1)
      guard
        let connection = try? SiteConnection(
          loop, socket, pages, onClose: { [unowned self] in connections[id] = nil })
      else { return }
      connections[id] = connection
    }
  }
}
