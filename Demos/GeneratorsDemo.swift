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
    say("caller", "for … in over a generator gets what it yields: \(Array(countdown))")

    // It keeps its variables between two steps, and receives a value at each.
    let average = Generator<Double, Double, Int> { caller in
      var (sum, count) = (0.0, 0)
      while let value = try await caller.yield(count == 0 ? 0 : sum / Double(count)) {
        sum += value
        count += 1
      }
      return count
    }
    // To its first yield, which waits for a value.
    _ = try average.next()
    for value in [10.0, 20, 60] {
      say(
        "caller", "send(\(value)): the generator yields the average so far, \(try average.send(value) ?? 0)")
    }
    // Its yield returns nil, since no value was sent.
    _ = try average.next()
    say(
      "caller", "next() sends no value: the generator returns how many it had, \(average.result ?? 0)")

    // Delegation: an error that is thrown into the outer generator arrives in the inner one, and the inner one's result
    // is the value of the outer one's expression.
    let inner = Generator<String, Never, Int> { caller in
      do {
        try await caller.yield("page 1")
        return 1
      } catch is Unreadable {
        say("  inner", "its yield threw Unreadable: catches it, and yields the page again")
        try await caller.yield("page 1 again")
        return 2
      }
    }
    let outer = Generator<String, Never, Void> { caller in
      defer { say("  outer", "its yield threw GeneratorExit: the defer block runs, and the generator ends") }
      say("  outer", "delegates to an inner generator: yield(from:), as Python's yield from")
      let count = try await caller.yield(from: inner)
      say("  outer", "the inner generator has returned \(count), the value of yield(from:)")
      try await caller.yield("the end")
      try await caller.yield("nothing asks for this one")
    }
    say(
      "caller", "next() on the outer generator gets \"\(try outer.next() ?? "")\", which the inner one yields"
    )
    say("caller", "throws Unreadable into the outer generator, which passes it to the inner one")
    say("caller", "throw(_:) gets \"\(try outer.throw(Unreadable()) ?? "")\"")
    say("caller", "next() gets \"\(try outer.next() ?? "")\", which the outer generator yields itself")
    say("caller", "close() asks the outer generator to end, where it waits")
    try outer.close()
  }
}
