import Testing

@testable import Measurement

@Suite struct TableTests {
  private func sample() -> Table {
    var table = Table(
      [
        ("mechanism", .left), ("wall", .right), ("", .left), ("cost each", .right), ("switches", .right),
        ("dispatch p99", .right),
      ], leastImportant: ["dispatch p99", "switches"])
    table.add(["pipe", "169 ms", "████", "60.0 µs", "3 371", "525 µs"])
    table.add(["semaphore", "1.00 s", "█▏", "8.64 µs", "27", ""])
    return table
  }

  private func layout(_ width: Int?, ascii: Bool = false) -> TextLayout {
    TextLayout(width: width, isASCII: ascii)
  }

  @Test func aWideTableHasEveryColumn() {
    #expect(
      sample().text == """
        mechanism    wall        cost each  switches  dispatch p99
        ─────────  ──────  ────  ─────────  ────────  ────────────
        pipe       169 ms  ████    60.0 µs     3 371        525 µs
        semaphore  1.00 s  █▏      8.64 µs        27
        """)
    #expect(sample().text(layout(66)) == sample().text && sample().text(layout(200)) == sample().text)
  }

  /// First the bars, then the least important; the reader is told.
  @Test func aNarrowTableLeavesColumnsOut() {
    var table = Table(
      [("mechanism", .left), ("wall", .right), ("", .left), ("one", .right), ("two", .right)],
      leastImportant: ["two", "one"])
    let long = String(repeating: "x", count: 25)
    table.add(["pipe", "1 ms", "████", long, long])
    let whole = table.text.split(separator: "\n")[0].count
    #expect(whole > 70)
    let narrow = table.text(layout(70))
    #expect(!narrow.contains("█") && narrow.contains("two"))
    let narrower = table.text(layout(60))
    #expect(!narrower.contains("  two") && narrower.contains("one"))
    #expect(narrower.hasSuffix("A wider terminal also shows: two."))
  }

  @Test(arguments: 12...130) func noLineIsLongerThanTheTerminal(width: Int) {
    for ascii in [false, true] {
      let text = sample().text(layout(width, ascii: ascii))
      for line in text.split(separator: "\n") {
        // A word that is longer can't be broken.
        #expect(line.count <= max(width, 23), "\(width): \(line)")
      }
    }
  }

  @Test func aNarrowPlaceHasCards() {
    #expect(
      sample().text(layout(40)) == """
        pipe
          wall          169 ms
          cost each     60.0 µs
          switches      3 371
          dispatch p99  525 µs

        semaphore
          wall          1.00 s
          cost each     8.64 µs
          switches      27
        """)
  }

  @Test func aCardHasTheKeyOfItsRow() {
    var table = Table([("mechanism", .left), ("window", .right), ("wall", .right)], keys: 2)
    table.add(["pipe", "auto", "1 s"])
    table.add(["threads", "", "2 s"])
    #expect(table.text(layout(30)) == "pipe, window auto\n  wall  1 s\n\nthreads\n  wall  2 s")
  }

  @Test func aNumberAndItsUnitStayTogether() {
    #expect(
      layout(10).wrapped("about half 95 % of 1 048 576 bytes") == "about half\n95 % of\n1 048 576\nbytes")
  }

  @Test func inASCIIColumnsStayAligned() {
    let text = sample().text(layout(nil, ascii: true))
    #expect(text.utf8.allSatisfy { $0 < 128 })
    #expect(text.contains("60.0 us") && text.contains("####") && text.contains("-----"))
    let lines = sample().text.split(separator: "\n")
    for (line, plain) in zip(lines, text.split(separator: "\n")) { #expect(line.count == plain.count) }
  }

  @Test func proseIsBrokenBetweenWords() {
    let text = "  one two three four\nfive\n\nverylongwordthatdoesnotfit x"
    #expect(
      layout(12).wrapped(text) == "  one two\n  three four\nfive\n\nverylongwordthatdoesnotfit\nx")
    #expect(layout(nil).wrapped(text) == text)
    #expect(layout(nil, ascii: true).wrapped("5 µs ± 1 – “x”") == "5 us ~ 1 - ?x?")
  }

  @Test("a legend can leave out what a narrow table leaves out")
  func shownColumns() {
    #expect(sample().shows("switches", .wide) && sample().shows("dispatch p99", .wide))
    var wide = Table([("name", .left), ("wall", .right), ("calls", .left)], leastImportant: ["calls"])
    wide.add(["pipe", "169 ms", String(repeating: "write ", count: 20)])
    #expect(wide.shows("wall", layout(80)) && !wide.shows("calls", layout(80)))
    // Cards have every column; no table has one that it doesn't know.
    #expect(sample().shows("dispatch p99", layout(40)) && !sample().shows("p50", .wide))
  }

  @Test func stackedBars() {
    #expect(Figure.stackedBar([1, 2, 3, 2, 2], of: 10, width: 10) == "█▓▓▒▒▒░░··")
    #expect(Figure.stackedBar([0, 1, 0, 1, 0], of: 4, width: 8) == "▓▓░░")
    // Parts of less than a character don't add to its length.
    #expect(Figure.stackedBar([0.3, 0.3, 0.3, 0.3, 0.3], of: 3, width: 4).count == 2)
    #expect(Figure.stackedBar([1], of: 0, width: 4).isEmpty)
    #expect(layout(80, ascii: true).shown(Figure.stackedBar([1, 1, 1, 1, 1], of: 5, width: 5)) == "#%+-.")
  }
}
