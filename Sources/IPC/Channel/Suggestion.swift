/// What to say about a name that isn't in a list: the one that was probably meant, and all that there are. Every list of
/// names that a person writes is read with it: mechanisms, options, the tool's commands, demos and models.
package enum Suggestion {
  /// `unknown mechanism "pipes": did you mean pipe? Choose from pipe, fifo, …`, with all names.
  package static func unknown(_ kind: String, _ word: some StringProtocol, among names: [String]) -> String {
    "unknown \(kind) \"\(word)\": \(choice(for: word, among: names))"
  }

  /// `did you mean pipe? Choose from pipe, fifo, …`, or only `choose from …` if no name is near.
  package static func choice(for word: some StringProtocol, among names: [String]) -> String {
    let list = names.joined(separator: ", ")
    guard let name = nearest(to: word, among: names) else { return "choose from \(list)" }
    return "did you mean \(name)? Choose from \(list)"
  }

  /// The name that was probably meant: the one in other letters' case, the one with the fewest mistakes, or the only one
  /// that begins with the word. Nil if none is near.
  package static func nearest(to word: some StringProtocol, among names: [String]) -> String? {
    let written = Array(word.lowercased())
    var best: (name: String, mistakes: Int)?
    for name in names {
      let letters = Array(name.lowercased())
      // A third of the letters may be wrong, and one of a short name. A word of another length is farther away anyway.
      let limit = max(1, min(written.count, letters.count) / lettersPerMistake)
      guard written.count > 1, abs(written.count - letters.count) <= limit else { continue }
      let mistakes = distance(written, letters)
      if mistakes <= limit, mistakes < best?.mistakes ?? .max { best = (name, mistakes) }
    }
    if let best { return best.name }
    guard written.count >= lettersOfPrefix else { return nil }
    let longer = names.filter { $0.lowercased().hasPrefix(String(written)) }
    return longer.count == 1 ? longer[0] : nil
  }

  private static let lettersPerMistake = 3
  private static let lettersOfPrefix = 3

  /// How many letters to insert, leave out, replace or swap with their neighbour until one word is the other (the optimal
  /// string alignment distance).
  private static func distance(_ one: [Character], _ other: [Character]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...other.count)
    for (row, letter) in one.enumerated() {
      var current = [row + 1]
      for (column, candidate) in other.enumerated() {
        var least = min(
          last[column] + (letter == candidate ? 0 : 1), last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, letter == other[column - 1], one[row - 1] == candidate {
          least = min(least, beforeLast[column - 1] + 1)
        }
        current.append(least)
      }
      (beforeLast, last) = (last, current)
    }
    return last[other.count]
  }
}
