import Benchmarking
import Crawling
import IPC
import SystemCalls

/// `ipc crawl`: the same crawl over each mechanism in turn.
enum CrawlCommand: Command {
  static let name = "crawl"
  static let summary = "the same crawl over every mechanism and in every model, and what each cost"
  static let example = """
    ipc crawl --work site --pages 2000 --workers 4 --mechanism memory,pipe
    ipc crawl --work slow --model all --workers 10
    """
  static let usage = """
    ipc crawl [URL…] [--model NAME,…|all] [--mechanism NAME,…|all] [--workers N] [--work slow|site|nothing]
              [--repeats N] [--window 1|N|auto] [--pages N] [--delay MS] [--depth N] [--limit N] [--seed S]
              [--insecure] [--output PAGES.jsonl] [--html FILE] [--json]
    """
  static let details = """
    Worker processes fetch pages; a coordinator sends them jobs, over one mechanism after the other, and a table shows
    what each costs. With --model, one process crawls, in one model of concurrency after the other. Without a URL, the
    command starts a generated site on this machine, and ends it afterwards.

    Each crawl is repeated, in turn with the others, and in another order each time. Mechanisms are ranked where the
    repeats tell them apart, and tied where they don't. One that is named twice is measured twice, which shows the noise.

      --model       processes (the default), or a model that fetches many pages in one process:
    \(HelpText.list(CrawlModels.all.map { ($0.name, $0.summary) }, indent: 16, width: 12))
                    Actors run twice: all in one process, and one in each worker process, over each mechanism.
                    all: all of them, then processes

      --mechanism   \(Mechanism.all.map(\.name).joined(separator: ", ")): all of them (all), or those named;
                    a URL is read over \(CrawlOptions.mechanismOfSite) alone, unless others are named;
                    also \(Mechanism.variants.filter { $0.carriesJobs }.map(\.name).joined(separator: ", "))
      --workers N   worker processes; in the other models, how many pages are fetched at once (4)
      --work        slow: ten known pages that each answer after a second; site: a site of linked pages without delay
                    (the default); nothing: jobs that do nothing, which measures coordination alone
      --repeats N   how often each crawl is measured (slow 3, a URL 1, else 12)
      --window      how many jobs a worker process holds at a time: 1, which shows the cost of a wake-up; at most N; auto,
                    as many as outweigh a wake-up, which shows the throughput (1 and auto; slow and a URL: auto)
      --pages N     how many pages or jobs (slow 10, site 600, nothing 20000)
      --delay MS    the delay of each page of the generated site (slow 1000, site 0)
      --depth N     how many links away from the first page (no limit)
      --limit N     how many pages at most (10000 for a URL, no limit for the generated site)
      --seed S      of the generated site, the order of the crawls, and the intervals (1)
      --insecure    fetches https pages of servers whose certificate isn't trusted, too
      --output FILE one JSON object per page; of several crawls, the pages of the first
      --html FILE   the results as one file for a browser
      --json        one JSON document instead of the table

    A crawl stays on the sites of the URLs, and of those to which they redirect. What it leaves out it says. If one of them is
    https, the workers are ipc-https-worker, which make install puts beside ipc; they load more libraries, and take longer to
    start.
    Exit codes: 0 done, 1 the work failed, 2 the call was wrong, 130 interrupted.
    """

  static func run(_ arguments: inout Arguments) throws {
    let options = try CrawlOptions(&arguments)
    let output = try options.output.map { try ReportFile($0, option: "--output") }
    let html = try options.html.map { try ReportFile($0, option: "--html") }
    if let output, let html, output.isSame(as: html) {
      throw Failure.call(
        "--output and --html name the same file, \(html.path): choose another one for either")
    }
    Processes.raiseDescriptorLimit()
    try options.checkDescriptors()
    let session = CrawlSession(options)
    try Interruption.handle { session.interrupt() }
    let outcome = session.run()
    let report = CrawlReport(options, outcome)
    if let output, outcome.count > 0 { try output.write(JSONOutput.lines(outcome.pages)) }
    if options.json {
      try JSONOutput.print(report)
    } else if outcome.count > 0, report.failure == nil || report.samePages == false {
      Terminal.print(CrawlTable(report, Terminal.layout).text)
    }
    if let warning = CrawlNotes(options, outcome).warning { Terminal.note("note: \(warning)") }
    if let html, !report.runs.isEmpty, report.failure == nil {
      try html.write(HTMLReport.text(crawl: CrawlFigures(json: JSONOutput.data(report))))
      Terminal.note("wrote the report to \(html.path)")
    }
    if let failure = outcome.failure { throw failure }
    if let failure = report.failure { throw failure }
  }
}
