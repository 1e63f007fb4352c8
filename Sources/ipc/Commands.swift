/// The lists from which help and dispatch follow. Adding a command is its file and its line here.
enum Commands {
  static let all: [any Command.Type] = [
    CrawlCommand.self,
    BenchCommand.self,
    MechanismsCommand.self,
    DemoCommand.self,
    TraceCommand.self,
    ListCommand.self,
    WhoCommand.self,
    CleanCommand.self,
    SiteCommand.self,
  ]

  /// What this program is when it is started by itself.
  static let processes: [any ToolProcess.Type] = [
    CrawlCoordinatorProcess.self,
    CrawlWorkerProcess.self,
    CrawlActorProcess.self,
    BenchmarkExchangeProcess.self,
    PoolWorkerProcess.self,
    ActorHostProcess.self,
    SelectSenderProcess.self,
    DemoRoleProcess.self,
  ]
}
