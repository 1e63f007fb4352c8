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

  /// Starts the site, and waits until it serves.
  static func start(pages: Int, delayMilliseconds: Int, seed: UInt64) throws(ChannelError) -> EmbeddedSite {
    let channel = try Channel.make(over: .pipe)
    var receiver = channel.receiver
    var spawn = Spawn(arguments: [
      "site", "--embedded", "--pages", String(pages), "--delay", String(delayMilliseconds), "--seed",
      String(seed),
    ])
    try spawn.pass(channel.sender, as: SiteCommand.announcement)
    let process = try spawn.start()
    return EmbeddedSite(process, try receiver.receive(String.self, within: startTimeout))
  }
}
