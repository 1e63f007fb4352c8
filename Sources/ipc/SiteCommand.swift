import ConcurrencyModels
import Crawling
import Glibc
import IPC
import SystemCalls

/// `ipc site`: the test site on its own.
enum SiteCommand: Command {
  static let name = "site"
  static let summary = "the test site on its own"
  static let example = "ipc site --pages 100 --delay 50 --port 8080"
  static let usage = "ipc site [--pages N] [--delay MS] [--seed S] [--port P] [--json]"
  static let details = """
    Serves a generated site of linked pages on 127.0.0.1 until Ctrl-C. The same number and seed give the same pages.
    It holds as many slow requests at once as the process may have descriptors (ulimit -n).

      --pages N    how many pages (1000)
      --delay MS   the delay before each page's answer (0)
      --seed S     which site (1)
      --port P     the port (0: any free port)
      --json       the site's address as one JSON document

    /trouble lists pages that misbehave: /status/500, /redirect/3, /redirect-loop, /broken, /long-length,
    /short-length, /endless, /slow/1500, /hang-up, /text, /away.
    """

  /// The name of the channel over which an embedded site sends its address.
  static let announcement = "announce"

  private struct Announcement: Encodable {
    let url: String
    let pages: Int
    let delayMilliseconds: Int
    let seed: UInt64

    enum CodingKeys: String, CodingKey {
      case url, pages
      case delayMilliseconds = "delay_ms"
      case seed
    }
  }

  static func run(_ arguments: inout Arguments) throws {
    let pages = try arguments.number("--pages", 1...10_000_000) ?? 1000
    let delay = try arguments.number("--delay", 0...600_000) ?? 0
    let seed = try arguments.number("--seed", 0...Int.max) ?? 1
    let port = try arguments.number("--port", 0...65535) ?? 0
    let json = arguments.flag("--json")
    let isEmbedded = arguments.flag("--embedded")
    try arguments.end()

    let loop: EventLoop
    let server: SiteServer
    do {
      loop = try EventLoop()
      let interrupted = InterruptFlag()
      if !isEmbedded {
        try Interruption.handle {
          interrupted.set()
          loop.stop()
        }
      }
      server = try SiteServer(
        loop, SitePlan(pages: pages, seed: UInt64(seed)), delayMilliseconds: delay, port: port)
      if isEmbedded {
        try announce(server.url)
      } else if json {
        let announcement = Announcement(
          url: server.url, pages: pages, delayMilliseconds: delay, seed: UInt64(seed))
        try JSONOutput.print(announcement)
        try Terminal.checkOutput()
      } else {
        Terminal.print(
          "\(server.url) serves \(pages) pages, and \(server.url)trouble lists pages that misbehave; Ctrl-C ends it"
        )
        // Where it serves is what it is run for.
        try Terminal.checkOutput()
      }
      try loop.run()
      withExtendedLifetime(server) {}
      if interrupted.isSet { throw Failure.interrupted }
    } catch let error as EventLoopError {
      throw failure(error.systemError, port)
    } catch let error as SystemError {
      throw failure(error, port)
    }
  }

  private static func failure(_ error: SystemError, _ port: Int) -> Failure {
    if error.number == EADDRINUSE {
      return .work(
        "port \(port) is in use: end the process that listens there, or choose another port with --port")
    }
    return .work("the site can't be served: \(error.call.rawValue): \(error.description)")
  }

  private static func announce(_ url: String) throws(Failure) {
    guard var sender = try? Sender<String>(inherited: announcement), (try? sender.send(url)) != nil else {
      throw .work("the site can't be served: the process that started it is gone")
    }
  }
}
