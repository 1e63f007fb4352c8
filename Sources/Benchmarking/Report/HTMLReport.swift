import IPC
import Measurement

/// The report as one HTML file, without scripts, other files or network access.
///
/// It begins with which mechanism is first for what, and how sure that is. It is readable in light and dark mode, on a
/// phone, by keyboard and without colour. A table has the figures of each chart.
package enum HTMLReport: ReportFormat {
  package static func text(_ report: BenchmarkReport) -> String { text(report, crawl: nil) }

  /// The report of a benchmark, and of a crawl if there is one.
  package static func text(_ report: BenchmarkReport, crawl: CrawlFigures?) -> String {
    let charts = BenchmarkCharts(report: report)
    let headlines = report.headlines + (crawl?.headlines ?? [])
    let drawings =
      Workload.all.filter(\.isTimed).flatMap(charts.times)
      + [charts.throughput(), charts.cpu()].compactMap { $0 }
    let sections = report.sections + (crawl?.sections ?? [])
    let marked = report.markedLines.count
    return HTMLPage.page(
      title: "What each mechanism costs: \(report.machine.cpu)", heading: "What each mechanism costs",
      lead: [
        report.machineLine + ".",
        "\(report.methodLine). Measured \(report.measuredAt) by ipc \(report.tool).",
      ],
      body: [
        answers(headlines),
        charted(drawings),
        crawl.map { crawlCharts($0, beside: report) } ?? "",
        plainC(charts),
        HTMLPage.tablesHeading,
        HTMLPage.paragraph(
          "± is half the 95 % interval of the median over the repeats. × raw C is the time of the same exchange in plain C, with its interval: 1.00 means that the library costs nothing. CPU and switches are of all processes of the exchange."
            + (marked == 0
              ? " No figure is doubtful beyond the usual."
              : " “!” marks a figure that is doubtful beyond the usual, with the reason."),
          "note"),
        HTMLPage.contents(sections), sections.map(HTMLPage.section).joined(separator: "\n"),
        HTMLPage.heading("Limits", HTMLPage.list(report.limitLines)),
        HTMLPage.folded("All remarks on the noise", [HTMLPage.list(report.warningLines)]),
        HTMLPage.heading("Left out", HTMLPage.list(report.method.leftOut)),
        HTMLPage.heading(
          "How it was measured",
          HTMLPage.list(report.method.notes + (crawl?.notes.map { "crawl: \($0)" } ?? []))),
        HTMLPage.heading("The machine", HTMLPage.machine(report.machine)),
      ])
  }

  /// The report of a crawl alone.
  package static func text(crawl: CrawlFigures) -> String {
    let machine = crawl.machine
    return HTMLPage.page(
      title: "What a crawl costs over each mechanism" + (machine.map { ": \($0.cpu)" } ?? ""),
      heading: "What a crawl costs over each mechanism",
      lead: [crawl.lead]
        + (machine.map { [$0.line + "."] } ?? []),
      body: [
        answers(crawl.headlines), crawlCharts(crawl, beside: nil), HTMLPage.tablesHeading,
        crawl.sections.map(HTMLPage.section).joined(separator: "\n"),
        HTMLPage.heading("How it was measured", HTMLPage.list(crawl.notes)),
        machine.map { HTMLPage.heading("The machine", HTMLPage.machine($0)) } ?? "",
      ])
  }

  /// The main results.
  private static func answers(_ headlines: [Headline]) -> String {
    let content =
      headlines.isEmpty
      ? HTMLPage.paragraph(BenchmarkReport.nothingCompared)
      : HTMLPage.headlines(headlines) + "\n" + HTMLPage.paragraph(Contest.method, "note")
    return HTMLPage.heading("Which mechanism for what, and how sure", content)
  }

  private static func crawlCharts(_ crawl: CrawlFigures, beside report: BenchmarkReport?) -> String {
    let lines = report.map { BenchAgainstCrawl(report: $0, crawl: crawl).lines } ?? []
    let charts = CrawlCharts(figures: crawl)
    let parts = charts.parts
    return HTMLPage.heading(
      "The crawl",
      ((report == nil ? [] : [HTMLPage.paragraph(crawl.lead, "about")])
        + (lines.isEmpty ? [] : ["<h3>Beside the benchmark</h3>", HTMLPage.list(lines)])
        + [
          HTMLPage.paragraph(CrawlCharts.costLegend(crawl.unit), "about"),
          HTMLPage.charts(charts.costs, "charts two"),
        ]
        + (parts.isEmpty
          ? []
          : [
            "<h3>What the cost is made of</h3>",
            HTMLPage.paragraph(CrawlCharts.partsLegend(crawl.unit), "about"),
            HTMLPage.charts(parts, "charts two"),
          ]))
        .joined(separator: "\n"))
  }

  private static func charted(_ drawings: [Chart]) -> String {
    if drawings.isEmpty { return "" }
    return HTMLPage.heading(
      "Charts",
      HTMLPage.paragraph(BenchmarkCharts.timesLegend, "about") + "\n" + HTMLPage.charts(drawings))
  }

  private static func plainC(_ charts: BenchmarkCharts) -> String {
    let drawings = charts.overheads()
    if drawings.isEmpty { return "" }
    return HTMLPage.folded(
      "The library compared with plain C",
      [
        charts.overheadLine.map { HTMLPage.paragraph($0) } ?? "",
        HTMLPage.paragraph(
          "The time of the library divided by that of the same exchange in plain C, measured in turn. At ×1 the library costs nothing; left of it the library is faster. The line is the 95 % interval; an arrow points to what lies outside.",
          "about"),
        HTMLPage.charts(drawings),
      ])
  }
}

extension MachineDescription {
  /// One line for the machine.
  var line: String {
    "\(cpu), \(cpus) CPUs\(isVirtual ? " of a virtual machine" : ""), Linux \(kernel), clock \(clockSource), governor \(governor)"
  }
}
