import IPC
import TestSupport
import Testing

extension AllTests {
  /// Which name is suggested for a word that isn't one.
  @Suite struct SuggestionTests {
    struct Case: CustomTestStringConvertible, Sendable {
      let word: String
      let name: String?
      var testDescription: String { word }

      init(_ word: String, _ name: String?) {
        self.word = word
        self.name = name
      }
    }

    static let names = ["pipe", "fifo", "queue", "memory", "posix-queue", "tcp", "generators", "gather"]
    static let cases = [
      Case("pipe", "pipe"), Case("PIPE", "pipe"), Case("pip", "pipe"), Case("pipes", "pipe"),
      Case("piep", "pipe"), Case("ppie", "pipe"), Case("qeue", "queue"), Case("que", "queue"),
      Case("memroy", "memory"), Case("mem", "memory"), Case("posixqueue", "posix-queue"),
      Case("posix_queu", "posix-queue"), Case("Genrator", "generators"), Case("gen", "generators"),
      // Two begin with it.
      Case("ge", nil), Case("", nil), Case("p", nil), Case("pigeon", nil), Case("udp", nil),
      Case("a pipe", nil), Case("pipe\u{301}s", nil),
      Case(String(repeating: "pipe", count: 10_000), nil),
    ]

    @Test(arguments: cases) func isTheNearestName(_ aCase: Case) {
      #expect(Suggestion.nearest(to: aCase.word, among: Self.names) == aCase.name)
    }

    @Test func nothingIsSuggestedOfNothing() {
      #expect(Suggestion.nearest(to: "pipe", among: []) == nil)
      #expect(Suggestion.choice(for: "x", among: ["a", "b"]) == "choose from a, b")
      #expect(
        Suggestion.choice(for: "Memory", among: Self.names).hasPrefix(
          "did you mean memory? Choose from pipe,"))
    }
  }
}
