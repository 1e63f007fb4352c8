import ConcurrencyModels

/// A generator: a function that stops in its middle, and continues when its caller asks for the next value.
///
/// What generators add: values, errors and the end pass in both directions between the generator and its caller, and
/// through every generator that it delegates to.
enum GeneratorsDemo: Demo {
  static let name = "generators"
  static let summary = "a function that stops in its middle and continues when its caller asks"

  private struct Unreadable: Error {}

  static func run() throws {
    let countdown = Generator<Int, Never, Void> { caller in
      for number in [3, 2, 1] { try await caller.yield(number) }
    }
    say("caller", "a generator is a sequence: \(Array(countdown))")

    // It keeps its variables between two steps, and receives a value at each.
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
    say("caller", "the generator has returned the number of values: \(average.result ?? 0)")

    // Delegation: an error that is thrown into the outer generator arrives in the inner one, and the inner one's result
    // is the value of the outer one's expression.
    let inner = Generator<String, Never, String> { caller in
      do {
        try await caller.yield("inner: the first part")
        return "inner: whole"
      } catch is Unreadable {
        try await caller.yield("inner: reads it again")
        return "inner: repaired"
      }
    }
    let outer = Generator<String, Never, Void> { caller in
      defer { say("  outer", "its defer runs, since the caller closed it") }
      try await caller.yield("outer: \(try await caller.yield(from: inner))")
      try await caller.yield("outer: never asked for")
    }
    say("caller", try outer.next() ?? "")
    say("caller", try outer.throw(Unreadable()) ?? "")
    say("caller", try outer.next() ?? "")
    try outer.close()
  }
}
