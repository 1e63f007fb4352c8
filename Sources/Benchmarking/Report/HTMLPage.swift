import Measurement

/// The parts of a page, and the page around them.
///
/// On a narrow screen each row of a table becomes a card, by the style alone. The roles say that it is a table still.
enum HTMLPage {
  /// What the skip link leads to.
  private static let tables = "tables"

  /// A whole page.
  ///
  /// - Parameters:
  ///   - lead: lines below the title, as markup.
  ///   - body: what follows, as markup. It has one ``tablesHeading``.
  static func page(title: String, heading: String, lead: [String], body: [String]) -> String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>\(PlainText.escaped(title))</title>
    <style>\(PageStyle.css)</style>
    </head>
    <body>
    <a class="skip" href="#\(tables)">Skip to the tables</a>
    <header>
    <h1>\(PlainText.escaped(heading))</h1>
    <p class="lead">\(lead.map(PlainText.escaped).joined(separator: "<br>"))</p>
    </header>
    <main>
    \(body.filter { !$0.isEmpty }.joined(separator: "\n"))
    </main>
    </body>
    </html>

    """
  }

  static let tablesHeading = "<h2 id=\"\(tables)\" tabindex=\"-1\">The figures</h2>"

  static func paragraph(_ text: String, _ style: String? = nil) -> String {
    "<p\(style.map { " class=\"\($0)\"" } ?? "")>\(PlainText.escaped(text))</p>"
  }

  static func list(_ lines: [String]) -> String {
    lines.isEmpty ? "" : "<ul>\(lines.map { "<li>\(PlainText.escaped($0))</li>" }.joined())</ul>"
  }

  static func heading(_ text: String, _ content: String) -> String {
    content.isEmpty ? "" : "<h2>\(PlainText.escaped(text))</h2>\n\(content)"
  }

  /// What a reader opens who wants it.
  static func folded(_ title: String, _ content: [String]) -> String {
    let content = content.filter { !$0.isEmpty }
    return content.isEmpty
      ? ""
      : "<details><summary><h2>\(PlainText.escaped(title))</h2></summary>\n\(content.joined(separator: "\n"))\n</details>"
  }

  static func charts(_ charts: [Chart], _ style: String = "charts") -> String {
    if charts.isEmpty { return "" }
    let figures = charts.map { chart in
      let caption =
        chart.caption.isEmpty ? "" : "<figcaption>\(PlainText.escaped(chart.caption))</figcaption>"
      return "<figure><h3>\(PlainText.escaped(chart.svg.name))</h3>\(chart.svg.markup)\(caption)</figure>"
    }
    return "<div class=\"\(style)\">\n\(figures.joined(separator: "\n"))\n</div>"
  }

  // MARK: Tables

  /// Which mechanism for what, and how sure.
  static func headlines(_ headlines: [Headline]) -> String {
    let labels = ["mechanism", "figure", "how sure"]
    let rows = headlines.map { line in
      let cells = zip(labels, [line.mechanisms, line.figure, line.certainty]).map {
        "<td role=\"cell\" data-label=\"\($0)\"><span>\(unbroken(PlainText.escaped($1)))</span></td>"
      }
      return
        "<tr role=\"row\"\(line.isTied ? " class=\"tie\"" : "")><th scope=\"row\" role=\"rowheader\">\(unbroken(PlainText.escaped(Charts.capitalized(line.need))))</th>\(cells.joined())</tr>"
    }
    let head = (["need"] + labels).map { "<th scope=\"col\" role=\"columnheader\">\($0)</th>" }
    return table("Which mechanism for what", "first words", head.joined(), rows)
  }

  /// A cell of more characters takes two columns of a card.
  private static let wide = 11

  static func section(_ section: ReportSection) -> String {
    let columns = section.columns
    let head = columns.map {
      "<th scope=\"col\" role=\"columnheader\"\($0.isNumber ? " class=\"n\"" : "")>\(PlainText.escaped($0.header))</th>"
    }
    let rows = section.rows.map { row in
      let cells = zip(columns, row.cells).enumerated().map { index, pair in
        let (column, cell) = pair
        if index == 0 { return "<th scope=\"row\" role=\"rowheader\">\(PlainText.escaped(cell))</th>" }
        let styles = (column.isNumber ? ["n"] : []) + (cell.count > wide ? ["wide"] : [])
        let style = styles.isEmpty ? "" : " class=\"\(styles.joined(separator: " "))\""
        return
          "<td role=\"cell\"\(style) data-label=\"\(PlainText.escaped(column.header))\">\(PlainText.escaped(cell))</td>"
      }
      let mark = row.isDoubtful ? " class=\"marked\"" : ""
      let why = row.isDoubtful ? why(row, columns.count) : ""
      return "<tr role=\"row\"\(mark)>\(cells.joined())</tr>\(why)"
    }
    let remarks = section.remarks.map { paragraph($0, "about") }
    return """
      <h3 id="\(anchor(section))">\(PlainText.escaped(Charts.capitalized(section.title)))</h3>
      \(([paragraph(Charts.capitalized(section.explanation) + ".", "about")] + remarks).joined(separator: "\n"))
      \(table(section.title, "figures", head.joined(), rows))
      """
  }

  /// Links to several tables.
  static func contents(_ sections: [ReportSection]) -> String {
    if sections.count < 2 { return "" }
    let links = sections.map {
      "<a href=\"#\(anchor($0))\">\(PlainText.escaped(Charts.capitalized($0.title)))</a>"
    }
    return "<nav aria-label=\"Tables\">\(links.joined(separator: " "))</nav>"
  }

  private static func anchor(_ section: ReportSection) -> String {
    "table-" + section.title.filter { $0.isLetter || $0 == "-" }
  }

  /// What is in parentheses stays on one line, and an option with its value does, so that they can be read and copied.
  private static func unbroken(_ text: String) -> String {
    text.replacing(#/\([^()]{1,24}\)|--[a-z]+ [0-9]+/#) { "<span class=\"whole\">\($0.output)</span>" }
  }

  /// Below a row with a mark: why its figures are doubtful.
  private static func why(_ row: ReportSection.Row, _ columns: Int) -> String {
    "<tr role=\"row\" class=\"why\"><td role=\"cell\" colspan=\"\(columns)\"><span class=\"mark\">!</span>Doubtful: \(PlainText.escaped(row.reasons.joined(separator: "; ")))</td></tr>"
  }

  static func machine(_ machine: MachineDescription) -> String {
    var rows = [
      ("CPU", machine.cpu), ("CPUs", String(machine.cpus)),
      ("virtual machine", machine.isVirtual ? "yes" : "no"),
      ("memory", Figure.bytes(machine.memoryKilobytes * 1024)), ("kernel", machine.kernel),
      ("clock", machine.clockSource), ("frequency governor", machine.governor),
    ]
    rows += machine.mitigations.sorted { $0.key < $1.key }.map { ("mitigation of \($0.key)", $0.value) }
    rows += machine.limits.sorted { $0.key < $1.key }.map { ($0.key, Figure.grouped($0.value)) }
    let lines = rows.map {
      "<tr role=\"row\"><th scope=\"row\" role=\"rowheader\">\(PlainText.escaped($0.0))</th><td role=\"cell\">\(PlainText.escaped($0.1))</td></tr>"
    }
    return table("The machine", "machine words", "", lines)
  }

  /// It scrolls on its own where it is wider than the screen, so it can have the focus.
  private static func table(_ name: String, _ style: String, _ head: String, _ rows: [String]) -> String {
    let isWide = !style.contains("words")
    let focus =
      isWide ? " tabindex=\"0\" role=\"region\" aria-label=\"\(PlainText.escaped(name)), table\"" : ""
    let header =
      head.isEmpty ? "" : "<thead role=\"rowgroup\"><tr role=\"row\">\(head)</tr></thead>"
    return """
      <div class="scroll"\(focus)>
      <table role="table" class="\(style)">\(header)<tbody role="rowgroup">
      \(rows.joined(separator: "\n"))
      </tbody></table></div>
      """
  }
}
