/// A table of text with aligned columns, which fits where it is shown: where it is too wide it leaves out columns, and in a
/// narrow place it becomes a card for each row.
package struct Table {
  package enum Alignment { case left, right }

  private let headers: [String]
  private let alignments: [Alignment]
  private let leastImportant: [String]
  private let keys: Int
  private var rows: [[String]] = []

  /// - Parameters:
  ///   - leastImportant: the headers of columns that may be left out, the first one first. Bars, which have no header, go
  ///     before them.
  ///   - keys: how many columns, from the first on, tell the rows apart.
  package init(
    _ columns: [(header: String, alignment: Alignment)], leastImportant: [String] = [], keys: Int = 1
  ) {
    headers = columns.map(\.header)
    alignments = columns.map(\.alignment)
    self.leastImportant = leastImportant
    self.keys = keys
  }

  package mutating func add(_ row: [String]) { rows.append(row) }

  /// The whole table.
  package var text: String { text(.wide) }

  /// A place with fewer columns has no room for a table.
  private static let leastWidth = 60
  private static let gap = 2

  package func text(_ layout: TextLayout) -> String {
    guard let columns = columns(layout) else { return cards(layout) }
    let left = headers.indices.filter { !columns.contains($0) && !headers[$0].isEmpty }.map { headers[$0] }
    let note = left.isEmpty ? "" : "\n\nA wider terminal also shows: \(left.joined(separator: ", "))."
    return table(columns, layout) + layout.wrapped(note)
  }

  /// Whether a column is among those that are shown. Cards show all that have a header.
  package func shows(_ header: String, _ layout: TextLayout) -> Bool {
    guard let index = headers.firstIndex(of: header) else { return false }
    return columns(layout)?.contains(index) ?? !header.isEmpty
  }

  /// The columns that have room; nil where there is none for a table.
  private func columns(_ layout: TextLayout) -> [Int]? {
    var columns = Array(headers.indices)
    guard let width = layout.width else { return columns }
    let droppable = columns.filter { headers[$0].isEmpty } + leastImportant.compactMap(headers.firstIndex)
    for column in droppable where self.width(columns) > width { columns.removeAll { $0 == column } }
    return width < Self.leastWidth || self.width(columns) > width ? nil : columns
  }

  private func width(of column: Int) -> Int { ([headers] + rows).map { $0[column].count }.max() ?? 0 }

  private func width(_ columns: [Int]) -> Int {
    columns.reduce(-Self.gap) { $0 + Self.gap + width(of: $1) }
  }

  private func table(_ columns: [Int], _ layout: TextLayout) -> String {
    let widths = columns.map(width(of:))
    let gap = String(repeating: " ", count: Self.gap)
    func line(_ cells: [String]) -> String {
      var text = ""
      for (place, column) in columns.enumerated() {
        let space = String(repeating: " ", count: widths[place] - cells[column].count)
        if place > 0 { text += gap }
        text += alignments[column] == .left ? cells[column] + space : space + cells[column]
      }
      while text.last == " " { text.removeLast() }
      return layout.shown(text)
    }
    let rule = widths.map { String(repeating: "─", count: $0) }.joined(separator: gap)
    return ([line(headers), layout.shown(rule)] + rows.map(line)).joined(separator: "\n")
  }

  /// A row's key, and under it each of the other cells behind its header.
  private func cards(_ layout: TextLayout) -> String {
    let named = headers.indices.dropFirst(keys).filter { !headers[$0].isEmpty }
    let longest = named.map { headers[$0].count }.max() ?? 0
    return rows.map { row in
      let lines = named.filter { !row[$0].isEmpty }.map { column in
        let space = String(repeating: " ", count: longest - headers[column].count)
        return "  \(headers[column])\(space)  \(row[column])"
      }
      let key = row[..<keys].enumerated().filter { !$1.isEmpty }.map { $0 == 0 ? $1 : "\(headers[$0]) \($1)" }
      return layout.wrapped(([key.joined(separator: ", ")] + lines).joined(separator: "\n"))
    }.joined(separator: "\n\n")
  }
}
