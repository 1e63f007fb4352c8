import Testing

@Suite struct SnippetExtractorTests {
  private func page(_ lines: String...) -> SnippetExtractor {
    SnippetExtractor(page: lines.joined(separator: "\n"), file: "Page.md")
  }

  @Test func aBlockIsAProgramUnlessItIsMarked() {
    let found = page("# Title", "", "```swift", "print(1)", "", "print(2)", "```", "", "```", "output", "```")
    #expect(found.problems.isEmpty)
    #expect(found.snippets.map(\.use) == [.program])
    #expect(found.snippets.first?.line == 4)
    #expect(found.snippets.first?.lines == ["print(1)", "", "print(2)"])
    #expect(found.snippets.first?.range == 4..<7)
  }

  @Test func marksAreRead() {
    let found = page(
      "<!-- snippet: program -->", "```swift", "a", "```",
      "<!-- snippet: compiled: it waits for a peer -->", "", "```swift", "b", "```",
      "<!-- snippet: not compiled: it shows an error -->", "```swift", "c", "```",
      "<!-- snippet: fragment", "import IPC", "struct S {", "  …", "}", "-->", "```swift", "d", "```",
      "```swift", "e", "```")
    #expect(found.problems.isEmpty)
    #expect(
      found.snippets.map(\.use) == [
        .program, .compiled("it waits for a peer"), .ignored("it shows an error"),
        .fragment(before: ["import IPC", "struct S {"], after: ["}"]), .program,
      ])
    #expect(found.snippets.map(\.lines) == [["a"], ["b"], ["c"], ["d"], ["e"]])
  }

  @Test func aManifestIsRecognized() {
    let found = page("```swift", "// swift-tools-version: 6.3", "import PackageDescription", "```")
    #expect(found.snippets.map(\.use) == [.manifest])
  }

  @Test(arguments: [
    ("<!-- snippet: progam -->", "unknown mark: progam"),
    ("<!-- snippet: compiled -->", "unknown mark: compiled"),
    ("<!-- snippet: not compiled: -->", "'not compiled:' lacks its reason"),
    ("<!-- snippet: fragment\n-->", "a fragment's comment has a line \"…\", where the block belongs"),
    ("<!-- snippet: program -->\n\ntext\n", "no block of swift follows this mark"),
    ("<!-- snippet: program -->\n```\nplain\n```\n", "no block of swift follows this mark"),
    ("<!-- snippet: program -->\n<!-- snippet: program -->", "no block of swift follows this mark"),
  ])
  func aWrongMarkIsReported(_ mark: String, _ problem: String) {
    let found = page("text", mark, "```swift", "print(1)", "```")
    #expect(found.problems == [MarkProblem(file: "Page.md", line: 2, text: problem)])
  }

  @Test func aCommentWithoutAnEndIsReported() {
    #expect(
      page("<!-- snippet: fragment", "…", "```swift").problems.map(\.text) == ["this comment has no end"])
    #expect(page("```swift", "print(1)", "```", "<!-- snippet: program -->").problems.map(\.line) == [4])
  }

  @Test(arguments: [
    ("print(x)   // 10.0", ["10.0"]), ("print(x) // 1, 4, 9", ["1", "4", "9"]),
    ("  print(\"a\" + b)  // \"ab\"", ["ab"]), ("print(x)  // the result", []), ("let x = 1  // 1", []),
    ("print(\"https://example.org/\")", []), ("// print(1)", []),
  ])
  func aCommentSaysWhatIsPrinted(_ line: String, _ printed: [String]) {
    #expect(SnippetExtractor.printed(by: line) == printed)
  }

  @Test func docCommentsHaveFragments() {
    let source = """
      /// A thing.
      ///
      /// ```swift
      /// let thing = Thing()
      ///
      ///   thing.work()
      /// ```
      struct Thing {
        /// ```swift
        /// work()
        /// ```
        func work() {}
      }
      """
    let found = SnippetExtractor(source: source, file: "Thing.swift")
    #expect(found.snippets.map(\.lines) == [["let thing = Thing()", "", "  thing.work()"], ["work()"]])
    #expect(found.snippets.map(\.line) == [4, 10])
  }

  /// What the compiler says is told of the example that it is about, once.
  @Test func messagesAreToldOfTheirExample() throws {
    let snippets = page("```swift", "a", "```", "```swift", "b", "c", "```").snippets
    let examples = snippets.enumerated().compactMap { Example($1, of: "Page", number: $0 + 1) }
    let log = """
      [1/9] Compiling Page_2 main.swift
      Page.md:6:1: error: cannot find 'c' in scope
      3 | c
        | `- error: cannot find 'c' in scope
      [2/9] Emitting module Page_2
      Page.md:6:1: error: cannot find 'c' in scope
      3 | c
        | `- error: cannot find 'c' in scope
      Other.md:2:1: error: no
      error: fatalError
      """
    #expect(
      ClientPackage.messages(in: log, about: examples) == [
        "Page.md:5": """
        Page.md:6:1: error: cannot find 'c' in scope
        3 | c
          | `- error: cannot find 'c' in scope
        """
      ])
  }
}
