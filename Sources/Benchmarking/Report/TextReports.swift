import IPC
package import Measurement

/// An output format of a report.
package protocol ReportFormat {
  static func text(_ report: BenchmarkReport) -> String
}

/// For a terminal: aligned columns, with bars.
package enum TableReport {
  package static func text(
    _ report: BenchmarkReport, color: Bool = false, layout: TextLayout = .wide
  ) -> String {
    var parts = [report.machineLine, report.methodLine].map(layout.wrapped)
    var explained: Set<String> = []
    for section in report.sections {
      parts.append("\n" + layout.wrapped("\(bold(section.title, color)): \(section.explanation)"))
      parts += section.remarks.map(layout.wrapped)
      var columns: [(header: String, alignment: Table.Alignment)] = section.columns.map {
        ($0.header, $0.isNumber ? .right : .left)
      }
      // The bar follows the figure that it shows.
      let place =
        1 + (section.columns.firstIndex { ["p50", "messages/s", "jobs/s"].contains($0.header) } ?? 2)
      columns.insert(("", .left), at: place)
      columns.append(("", .left))
      var table = Table(columns, leastImportant: leastImportant)
      for row in section.rows {
        var cells = row.cells
        cells.insert(Figure.bar(row.bar, of: 1, width: 10), at: place)
        cells.append(row.isDoubtful ? "!" : "")
        table.add(cells)
      }
      parts.append(table.text(layout))
      for line in explanations where !explained.contains(line.text) {
        if line.columns.contains(where: { table.shows($0, layout) }) { explained.insert(line.text) }
      }
    }
    parts.append("")
    let prose = parts.count
    let headlines = report.headlines
    if !headlines.isEmpty {
      parts.append("which mechanism for what, and how sure:")
      parts += headlines.map { "  \($0.text)" }
    }
    parts += report.limitLines
    let warnings = report.markedLines
    if !warnings.isEmpty {
      let figures = warnings.count == 1 ? "figure is" : "figures are"
      parts.append("! \(warnings.count) \(figures) doubtful beyond the usual:")
      parts += warnings.prefix(warningsShown).map { "  \($0)" }
      if warnings.count > warningsShown {
        parts.append("  and \(warnings.count - warningsShown) more, in the JSON and the HTML report")
      }
    }
    for left in report.method.leftOut { parts.append("left out: \(left)") }
    parts += explanations.map(\.text).filter(explained.contains)
    if report.sections.contains(where: { $0.rows.contains(where: \.isDoubtful) }) {
      parts.append("!: the row's figures are doubtful beyond the usual; the reason is above.")
    }
    return (parts[..<prose] + parts[prose...].map(layout.wrapped)).joined(separator: "\n")
  }

  private static let warningsShown = 12
  /// What a narrow terminal leaves out, the first one first.
  private static let leastImportant = [
    "switches", "p90", "p99.9", "max", "sent", "CPU each", "processes", "± ", "±", "wait", "p99",
  ]
  /// What the columns mean; one that no table shows needs no explanation.
  private static let explanations: [(columns: [String], text: String)] = [
    (["wait"], "wait: what an endpoint does until it can continue."),
    (["size"], "size: of a message, without framing."),
    (["processes"], "processes: senders, receivers or workers."),
    (["sent"], "sent: one message per call (each), several (by N), or without a copy (in place)."),
    (["p50"], "p50, and p with another number: percentiles of a message's time."),
    (["max"], "max: the slowest message."),
    (["each"], "each: the time per message."),
    (["±", "± "], "±: half the 95 % interval of the median over the repeats."),
    (["CPU each"], "CPU each: CPU time of all processes, per message."),
    (["switches"], "switches: context switches of all processes, per message."),
    (
      ["× raw C"],
      "× raw C: the time relative to the same exchange in plain C, with its 95 % interval. 1.00: the library costs nothing."
    ),
  ]

  private static func bold(_ text: String, _ color: Bool) -> String {
    color ? "\u{1B}[1m\(text)\u{1B}[0m" : text
  }
}

/// For an issue or a README.
package enum MarkdownReport: ReportFormat {
  package static func text(_ report: BenchmarkReport) -> String {
    var lines: [String] = []
    let headlines = report.headlines
    if !headlines.isEmpty {
      lines.append("### Which mechanism for what, and how sure\n")
      lines += headlines.map { "- \(escaped($0.text))" } + [""]
    }
    for section in report.sections {
      lines.append("### \(section.title)\n\n\(section.explanation)\n")
      if !section.remarks.isEmpty { lines.append(section.remarks.map(escaped).joined(separator: " ") + "\n") }
      lines.append("| " + section.columns.map { escaped($0.header) }.joined(separator: " | ") + " |")
      lines.append("|" + section.columns.map { $0.isNumber ? " ---: |" : " --- |" }.joined())
      for row in section.rows {
        lines.append("| " + row.cells.map(escaped).joined(separator: " | ") + " |")
      }
      lines.append("")
    }
    lines += report.limitLines.map { "- \(escaped($0))" }
    lines += report.markedLines.map { "- doubtful: \(escaped($0))" }
    lines.append(
      "\n\(escaped(report.machineLine)). \(escaped(report.methodLine)). Measured \(report.measuredAt).")
    return lines.joined(separator: "\n")
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("|", with: "\\|").replacing("<", with: "&lt;")
  }
}

/// For a spreadsheet: one row per result, plain numbers (RFC 4180).
package enum CSVReport: ReportFormat {
  package static func text(_ report: BenchmarkReport) -> String {
    let header = [
      "workload", "mechanism", "wait", "size", "mode", "batch", "processes", "rate", "repeats", "min_ns",
      "p50_ns",
      "p90_ns", "p99_ns", "p999_ns", "max_ns", "each_ns", "messages_per_s", "messages_per_s_low",
      "messages_per_s_high", "bytes_per_s", "cpu_user_us", "cpu_system_us", "switches_voluntary",
      "switches_involuntary", "raw_each_ns", "raw_ratio", "raw_ratio_low", "raw_ratio_high", "copy_ns",
      "cache_line_ns", "warnings",
    ]
    let rows = report.results.map { result in
      let (figures, latency) = (result.figures, result.figures.latency)
      var cells = [
        result.workload.name, result.mechanism, result.wait.rawValue, String(result.size),
        result.mode.rawValue,
        String(result.batch), String(result.processes), number(result.rate), String(result.repeats),
      ]
      cells += [latency?.min, latency?.p50, latency?.p90, latency?.p99, latency?.p999, latency?.max].map(
        number)
      cells += [
        result.nanosecondsEach, figures.messagesPerSecond.median, figures.messagesPerSecond.low,
        figures.messagesPerSecond.high, figures.bytesPerSecond, figures.userMicroseconds,
        figures.systemMicroseconds, figures.voluntarySwitches, figures.involuntarySwitches,
        result.rawEach.map(Statistics.median), result.rawRatio?.median, result.rawRatio?.low,
        result.rawRatio?.high,
        result.copyNanoseconds, result.cacheLine?.median,
      ].map(number)
      cells.append(
        "\"" + result.warnings.joined(separator: "; ").replacing("\"", with: "\"\"") + "\"")
      return cells.joined(separator: ",")
    }
    return ([header.joined(separator: ",")] + rows).joined(separator: "\r\n")
  }

  private static func number(_ value: Double?) -> String {
    guard let value else { return "" }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }
}
