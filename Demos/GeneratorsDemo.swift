import ConcurrencyModels

/// A generator: a function that stops in its middle, and goes on when it is asked. Its own trait: values, errors and the
/// end go both ways between it and whoever steps it, and through every generator that it delegates to.
enum GeneratorsDemo: Demo {
  static let name = "generators"
  static let summary = "a function that stops in its middle and goes on when it is asked"

  private struct Unreadable: Error {}

  static func run() throws {
    let countdown = Generator<Int, Never, Void> { caller in
      for number in [3, 2, 1] { try await caller.yield(number) }
    }
    say("caller", "a generator is a sequence: \(Array(countdown))")

    // It keeps its variables between two steps, and is told something at each.
    let average = Generator<Double, Double, Int> { caller in
      var (sum, count) = (0.0, 0)
      while let value = try await caller.yield(count == 0 ? 0 : sum / Double(count)) {
        sum += value
        count += 1
      }
      return count
    }
    _ = try average.next()
    for value in [10.0, 20, 60] {
      say("caller", "sends \(value), gets the average so far: \(try average.send(value) ?? 0)")
    }
    _ = try average.next()
    say("caller", "it has returned how many there were: \(average.result ?? 0)")

    // Delegation: what is thrown into the outer one arrives in the inner one, and what that returns is the outer's.
    let inner = Generator<String, Never, String> { caller in
      do {
        try await caller.yield("inner: the first part")
        return "inner: whole"
      } catch is Unreadable {
        try await caller.yield("inner: reads it once more")
        return "inner: mended"
      }
    }
    let outer = Generator<String, Never, Void> { caller in
      defer { say("  outer", "its defer runs, though it was left in its middle") }
      try await caller.yield("outer: \(try await caller.yield(from: inner))")
      try await caller.yield("outer: never asked for")
    }
    say("caller", try outer.next() ?? "")
    say("caller", try outer.throw(Unreadable()) ?? "")
    say("caller", try outer.next() ?? "")
    try outer.close()
  }
}
