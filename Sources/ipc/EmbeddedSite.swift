import IPC

/// The test site in a process of its own, so that its cost isn't the crawl's. The process ends with this value.
struct EmbeddedSite: ~Copyable {
  let url: String
  private static let startTimeout = Duration.seconds(20)
  private var process: ChildProcess

  private init(_ process: consuming ChildProcess, _ url: String) {
    self.process = process
    self.url = url
  }

  /// How its process ended; nil while it serves.
  mutating func exitIfEnded() throws(ChannelError) -> ChildProcess.Exit? { try process.exitIfEnded() }

  /// Starts the site, and waits until it serves.
  static func start(pages: Int, delayMilliseconds: Int, seed: UInt64) throws -> EmbeddedSite {
    var announcement = try Channel<String>(over: .pipe)
    let process = try ChildProcess.spawn(
      arguments: [
        "site", "--embedded", "--pages", String(pages), "--delay", String(delayMilliseconds), "--seed",
        String(seed),
      ]
    ) { try $0.pass(&announcement.sender, as: SiteCommand.announcement) }
    return EmbeddedSite(process, try announcement.receiver.receive(within: startTimeout))
  }
}
