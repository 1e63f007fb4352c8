import IPC

/// The test site in a process of its own, so that what it costs isn't counted as the crawl's. Ends with this value.
struct EmbeddedSite: ~Copyable {
  let url: String
  private var process: ChildProcess

  private init(_ process: consuming ChildProcess, _ url: String) {
    self.process = process
    self.url = url
  }

  /// Starts it, and waits until it serves.
  static func start(pages: Int, delayMilliseconds: Int, seed: UInt64) throws(ChannelError) -> EmbeddedSite {
    let channel = try Channel.make(over: .pipe)
    var receiver = channel.receiver
    var spawn = Spawn(arguments: [
      "site", "--embedded", "--pages", String(pages), "--delay", String(delayMilliseconds), "--seed",
      String(seed),
    ])
    try spawn.pass(channel.sender, as: SiteCommand.announceEnd)
    let process = try spawn.start()
    return EmbeddedSite(process, try receiver.receive(String.self, within: .seconds(20)))
  }
}
