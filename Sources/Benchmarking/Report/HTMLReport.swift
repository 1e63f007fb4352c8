import IPC
import Measurement

/// The report as one HTML file, without scripts, other files or network access.
///
/// It is readable in light and dark mode, on a phone, by keyboard and without colour. A table has the figures of each
/// chart.
package enum HTMLReport {
  package static func text(_ report: BenchmarkReport, crawl: CrawlFigures? = nil) -> String {
    let charts = Charts(report)
    let timed = Workload.all.filter(\.isTimed)
    var drawings =
      (timed.map(charts.times) + [
        charts.throughput(), charts.cpu(), charts.overhead(timed),
        charts.overhead(Workload.all.filter { !$0.isTimed }),
      ]).compactMap { $0 }
    if let crawl, let drawing = Charts.crawl(crawl) { drawings.append(drawing) }
    let figures = drawings.map { drawing in
      "<figure><h3>\(escaped(drawing.svg.name))</h3>\(drawing.svg.markup)<figcaption>\(escaped(drawing.caption))</figcaption></figure>"
    }
    let warnings = report.warningLines
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>What each mechanism costs: \(escaped(report.machine.cpu))</title>
      <style>\(style)</style>
      </head>
      <body>
      <main>
      <h1>What each mechanism costs</h1>
      <p class="lead">\(escaped(report.machineLine)).<br>\(escaped(report.methodLine)). Measured \(escaped(report.measuredAt)) by ipc \(escaped(report.tool)).</p>
      \(summary(report))
      <section class="charts" aria-label="Charts">
      \(figures.joined(separator: "\n"))
      </section>
      <h2>The figures</h2>
      \(report.sections.map(table).joined(separator: "\n"))
      <p class="note">± is half the 95 % interval of the median over the repeats. × raw C is the time of the same exchange in plain C, with its interval: 1.00 means that the library costs nothing. CPU and switches are of all processes of the exchange. A caveat below is about each figure with “!”.</p>
      <h2>Limits</h2>
      \(list(report.limitLines))
      <h2>Caveats</h2>
      \(list(warnings.isEmpty ? ["No figure is doubtful."] : warnings))
      \(report.method.leftOut.isEmpty ? "" : "<h2>Left out</h2>\(list(report.method.leftOut))")
      <h2>How it was measured</h2>
      \(list(report.method.notes))
      <h2>The machine</h2>
      \(machine(report.machine))
      </main>
      </body>
      </html>
      """ + "\n"
  }

  private static func list(_ lines: [String]) -> String {
    lines.isEmpty ? "" : "<ul>\(lines.map { "<li>\(escaped($0))</li>" }.joined())</ul>"
  }

  /// The main results, one line each.
  private static func summary(_ report: BenchmarkReport) -> String {
    var lines: [String] = []
    func fastest(_ what: String, _ results: [BenchmarkResult], _ figure: (BenchmarkResult) -> String) {
      let ranking = Ranking(results.map(\.each), seed: report.method.seed)
      guard let first = ranking.groups.first, let last = first.last else { return }
      // Those that the repeats don't tell apart are all named.
      let (best, worst) = (figure(results[first[0]]), figure(results[last]))
      lines.append(
        "\(what): \(ranking.first(results.map(\.mechanism))), \(best == worst ? best : "\(best) to \(worst)")."
      )
    }
    let latencies = report.results.filter { $0.workload == .latency && $0.rate == nil }
    for wait in [WaitStrategy.block, .adaptive, .spin] {
      let rows = latencies.filter { $0.wait == wait }
      guard let size = rows.map(\.size).min() else { continue }
      fastest("Fastest round trip of \(Figure.size(size)), \(wait.rawValue)", rows.filter { $0.size == size })
      {
        Figure.time(nanoseconds: $0.nanosecondsEach)
      }
    }
    let streams = report.results.filter { $0.workload == .throughput }
    if let size = streams.map(\.size).filter({ $0 > 0 }).min() {
      fastest(
        "Fastest stream of \(Figure.size(size)), one message per call",
        streams.filter { $0.size == size && $0.mode == .each }
      ) {
        Figure.rate($0.figures.messagesPerSecond.median, " messages")
      }
      fastest(
        "Fastest stream of \(Figure.size(size)), batched",
        streams.filter { $0.size == size && $0.mode == .batched }
      ) {
        Figure.rate($0.figures.messagesPerSecond.median, " messages")
      }
    }
    let kernels = report.results.filter {
      $0.mode == .each && $0.wait == .block
        && (try? Mechanism(named: $0.mechanism))?.traits.writesInPlace != true
    }
    let ratios = kernels.compactMap { $0.rawRatio?.median }
    if !ratios.isEmpty {
      lines.append(
        "Over the mechanisms that copy through the kernel, blocking, with one message per call, the library takes \(Figure.fixed(Statistics.median(ratios), 2)) times as long as plain C (median of \(ratios.count) comparisons)."
      )
    }
    return list(lines)
  }

  private static func table(_ section: ReportSection) -> String {
    let head = section.columns.map {
      "<th scope=\"col\"\($0.isNumber ? " class=\"n\"" : "")>\(escaped($0.header))</th>"
    }
    let rows = section.rows.map { row in
      let cells = zip(section.columns, row.cells).enumerated().map { index, pair in
        let (column, cell) = pair
        if index == 0 {
          return
            "<th scope=\"row\">\(escaped(cell))\(row.isDoubtful ? " <abbr title=\"see the caveats\">!</abbr>" : "")</th>"
        }
        return "<td\(column.isNumber ? " class=\"n\"" : "")>\(escaped(cell))</td>"
      }
      return "<tr>\(cells.joined())</tr>"
    }
    return """
      <h3>\(escaped(section.title))</h3>
      <p>\(escaped(section.explanation))</p>
      <div class="scroll" tabindex="0" role="region" aria-label="\(escaped(section.title)), table">
      <table><thead><tr>\(head.joined())</tr></thead><tbody>
      \(rows.joined(separator: "\n"))
      </tbody></table></div>
      """
  }

  private static func machine(_ machine: MachineDescription) -> String {
    var rows = [
      ("CPU", machine.cpu), ("CPUs", String(machine.cpus)),
      ("virtual machine", machine.isVirtual ? "yes" : "no"),
      ("memory", Figure.bytes(machine.memoryKilobytes * 1024)), ("kernel", machine.kernel),
      ("clock", machine.clockSource), ("frequency governor", machine.governor),
    ]
    rows += machine.mitigations.sorted { $0.key < $1.key }.map { ("mitigation of \($0.key)", $0.value) }
    rows += machine.limits.sorted { $0.key < $1.key }.map { ($0.key, Figure.grouped($0.value)) }
    let body = rows.map { "<tr><th scope=\"row\">\(escaped($0.0))</th><td>\(escaped($0.1))</td></tr>" }
    return
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"The machine, table\"><table class=\"machine\"><tbody>\(body.joined())</tbody></table></div>"
  }

  /// The colours are Okabe and Ito's, darkened or lightened for contrast with the background.
  private static let style = """
    :root{color-scheme:light dark;--fg:#1c1f23;--bg:#fcfcfa;--dim:#5b636d;--line:#d9dbd8;--row:#f0f1ee;--one:#1c1f23;
    --c0:#0072b2;--c1:#b85c00;--c2:#00795a;--c3:#a2417f;--c4:#8a6d00;--c5:#2b8fc4;--c6:#4a4f55}
    @media (prefers-color-scheme:dark){:root{--fg:#e8e9e6;--bg:#15181b;--dim:#a3abb3;--line:#363c42;--row:#1f2428;--one:#e8e9e6;
    --c0:#5cb3ec;--c1:#f0923c;--c2:#2ec598;--c3:#e08bc0;--c4:#e3c54a;--c5:#8fd3f7;--c6:#c3c9cf}}
    *{box-sizing:border-box}
    body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
    main{max-width:68rem;margin:0 auto;padding:1.25rem 1rem 3rem}
    h1{font-size:1.7rem;line-height:1.2;margin:.3rem 0 .6rem}h2{font-size:1.25rem;margin:2.2rem 0 .5rem}h3{font-size:1.05rem;margin:1.4rem 0 0}
    p{margin:.3rem 0 .6rem}.lead,.note,figcaption,h3+p{color:var(--dim)}.note{font-size:.9rem}
    ul{padding-left:1.2rem;margin:.4rem 0}li{margin:.2rem 0;overflow-wrap:anywhere}
    .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:1.5rem 2rem;align-items:start;margin-top:1.5rem}
    figure{margin:0;min-width:0}figure h3{margin:0 0 .3rem}figcaption{font-size:.9rem;margin-top:.3rem}
    svg{width:100%;max-width:540px;height:auto;display:block;overflow:visible}
    svg text{font:12px system-ui,sans-serif;fill:var(--fg)}svg text.small{font-size:11px;fill:var(--dim)}
    .grid{stroke:var(--line);stroke-width:1}.axis{stroke:var(--dim);stroke-width:1}.one{stroke:var(--one);stroke-width:1.5}
    .whisker{stroke:var(--dim);stroke-width:1.5}.tick{stroke-width:2.5}.series{fill:none;stroke-width:1.8}.row{fill:transparent}
    \((0..<7).map { ".m\($0).fill{fill:var(--c\($0))}.m\($0).series,.m\($0).tick{stroke:var(--c\($0))}" }.joined())
    g:hover .row,g:focus .row{fill:var(--row)}g:focus{outline:none}g:focus-visible .row{stroke:var(--c0);stroke-width:1.5}
    g:focus-visible .series{stroke-width:4}
    .scroll{overflow-x:auto;border:1px solid var(--line);border-radius:6px}.scroll:focus-visible{outline:2px solid var(--c0)}
    table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}
    th,td{padding:.3rem .6rem;text-align:left;white-space:nowrap;border-bottom:1px solid var(--line)}
    tbody tr:last-child>*{border-bottom:0}thead th{color:var(--dim);font-weight:600}tbody th{font-weight:600}.n{text-align:right}
    tbody tr:hover>*{background:var(--row)}abbr{text-decoration:none;color:var(--c1);font-weight:700}
    .machine td{white-space:normal;overflow-wrap:anywhere}.machine th{width:30%;white-space:normal}
    @media print{.charts{display:block}figure{break-inside:avoid;margin-bottom:1rem}}
    """
}
