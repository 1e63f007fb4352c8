import Foundation
import FoundationXML
import Testing

/// A page of a report as a tree, read as XML: what is open is closed, in order.
final class Page: NSObject, XMLParserDelegate {
  final class Node {
    let name: String
    let attributes: [String: String]
    fileprivate(set) var children: [Node] = []
    /// The text of this element and of those in it.
    fileprivate(set) var text = ""

    init(_ name: String, _ attributes: [String: String]) {
      self.name = name
      self.attributes = attributes
    }

    /// This element and those in it, in the order of the document.
    var all: [Node] { [self] + children.flatMap(\.all) }
    func all(_ name: String) -> [Node] { all.filter { $0.name == name } }
    var classes: [Substring] { (attributes["class"] ?? "").split(separator: " ") }
    func number(_ attribute: String) -> Double { attributes[attribute].flatMap(Double.init) ?? .nan }
  }

  private var open: [Node] = [Node("document", [:])]
  private(set) var root = Node("document", [:])

  init(_ html: String) throws {
    super.init()
    // What HTML leaves open, XML closes.
    var xml = html.replacing("<!doctype html>\n", with: "").replacing("<br>", with: "<br/>")
    xml = xml.replacing(try Regex("<meta ([^>]*)>")) { "<meta \($0.output[1].substring ?? "")/>" }
    let parser = XMLParser(data: Data(xml.utf8))
    parser.delegate = self
    try #require(parser.parse(), "line \(parser.lineNumber): \(parser.parserError.map { "\($0)" } ?? "")")
    root = open[0]
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    let node = Node(name, attributes)
    open.last?.children.append(node)
    open.append(node)
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) { open.removeLast() }

  func parser(_ parser: XMLParser, foundCharacters text: String) { for node in open { node.text += text } }

  var all: [Node] { root.all }

  /// The charts by their names, those that are folded too.
  var charts: [(name: String, svg: Node)] {
    root.all("svg").map { (name: $0.attributes["aria-label"] ?? "", svg: $0) }
  }

  /// The charts whose names contain a text.
  func charts(_ text: String) -> [Node] { charts.filter { $0.name.contains(text) }.map(\.svg) }

  /// The elements before the tables.
  var beforeTables: ArraySlice<Node> {
    let all = all
    return all[..<(all.firstIndex { $0.attributes["id"] == "tables" } ?? all.endIndex)]
  }

  /// What the Tab key stops at.
  static func isStop(_ node: Node) -> Bool {
    if let index = node.attributes["tabindex"] { return index != "-1" }
    return (node.name == "a" && node.attributes["href"] != nil)
      || ["summary", "button", "input", "select", "textarea"].contains(node.name)
  }

  /// The lines of the first table: which mechanism for what.
  var headlines: [(need: String, mechanisms: String, figure: String, certainty: String)] {
    guard let table = root.all("table").first(where: { $0.classes.contains("first") }) else { return [] }
    return table.all("tbody").flatMap { $0.all("tr") }.map { row in
      let cells = row.children.map { $0.text.replacing("\u{A0}", with: " ") }
      return (cells[0], cells[1], cells[2], cells[3])
    }
  }

  /// A table by the heading before it.
  func table(_ title: String) -> Node? {
    let all = all
    guard let start = all.firstIndex(where: { $0.name == "h3" && $0.text == title }) else { return nil }
    return all[start...].first { $0.name == "table" }
  }

  var style: String { root.all("style").first?.text ?? "" }
}

/// A text in a drawing, as wide as an ordinary font makes it.
struct DrawnText {
  let text: String
  let isAxis: Bool
  let left: Double
  let right: Double
  let baseline: Double

  /// The size of the drawings' text and the width of its characters: those of DejaVu Sans are among the widest.
  private static let (size, characterWidth, spaceWidth) = (13.0, 0.62, 0.34)

  init(_ node: Page.Node) {
    text = node.text
    isAxis = node.classes.contains("axis-label")
    let width =
      text.reduce(0) { $0 + (" .,:".contains($1) ? Self.spaceWidth : Self.characterWidth) } * Self.size
    let x = node.number("x")
    left =
      switch node.attributes["text-anchor"] {
      case "middle": x - width / 2
      case "end": x - width
      default: x
      }
    right = left + width
    baseline = node.number("y")
  }

  /// Whether one touches the other.
  func touches(_ other: DrawnText) -> Bool {
    left < other.right && other.left < right && abs(baseline - other.baseline) < Self.size * 0.8
  }
}
