/// A table of text with aligned columns.
package struct Table {
  package enum Alignment { case left, right }

  private let headers: [String]
  private let alignments: [Alignment]
  private var rows: [[String]] = []

  package init(_ columns: [(header: String, alignment: Alignment)]) {
    headers = columns.map(\.header)
    alignments = columns.map(\.alignment)
  }

  package mutating func add(_ row: [String]) { rows.append(row) }

  package var text: String {
    let widths = headers.indices.map { column in ([headers] + rows).map { $0[column].count }.max() ?? 0 }
    func line(_ cells: [String]) -> String {
      var text = ""
      for column in cells.indices {
        let space = String(repeating: " ", count: widths[column] - cells[column].count)
        if column > 0 { text += "  " }
        text += alignments[column] == .left ? cells[column] + space : space + cells[column]
      }
      while text.last == " " { text.removeLast() }
      return text
    }
    let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: "  ")
    return ([line(headers), rule] + rows.map(line)).joined(separator: "\n")
  }
}
