import ConcurrencyModels

/// What a function of a case delegates to.
enum PEPPart {
  case generator(PEPGenerator)
  case values(AnyIterator<Int?>)

  static func values(_ values: [Int?]) -> PEPPart { .values(AnyIterator(values.makeIterator())) }
}

/// The functions of the cases of PEP 380, as in `pep380_cases.py`.
enum PEP380Parts {
  /// Continues after an Alarm, and throws every other error.
  static func inner(_ log: PEPLog) -> PEPGenerator {
    PEPGenerator { caller in
      defer { log("inner finally") }
      for number in 1...3 {
        do { log("inner got \(shown(try await caller.yield(number)))") } catch is Alarm { log("inner Alarm") }
      }
      return 10
    }
  }

  nonisolated(nonsending) private static func delegate(
    _ part: PEPPart, by caller: PEPYielder, _ log: PEPLog
  ) async throws {
    var given: Int?
    switch part {
    case .generator(let generator): given = try await caller.yield(from: generator)
    case .values(let values): try await caller.yield(from: values)
    }
    log("from gave \(shown(given))")
  }

  static func delegating(_ log: PEPLog, _ part: PEPPart) -> PEPGenerator {
    PEPGenerator { caller in
      defer { log("outer finally") }
      try await delegate(part, by: caller, log)
      log("outer got \(shown(try await caller.yield(20)))")
      return 30
    }
  }

  /// Catches whatever comes out of the other.
  static func careful(_ log: PEPLog, _ part: PEPPart, goesOn: Bool = true) -> PEPGenerator {
    PEPGenerator { caller in
      do {
        try await delegate(part, by: caller, log)
      } catch {
        log("outer caught \(name(of: error))")
      }
      if goesOn { log("outer got \(shown(try await caller.yield(40)))") }
      return 50
    }
  }

  enum AtExit { case returns, raises, yields }

  /// Does something else than to end when it is asked to.
  static func atExit(_ log: PEPLog, _ then: AtExit) -> PEPGenerator {
    PEPGenerator { caller in
      do {
        try await caller.yield(1)
      } catch is GeneratorExit {
        log("inner exit")
        switch then {
        case .returns: break
        case .raises: throw Breakdown()
        case .yields: try await caller.yield(2)
        }
      }
      return 10
    }
  }

  /// Ends when an error is thrown in: one way or the other.
  static func answering(_ log: PEPLog) -> PEPGenerator {
    PEPGenerator { caller in
      do {
        try await caller.yield(1)
      } catch is Alarm {
        return 11
      } catch is Breakdown {
        throw Alarm()
      }
      return nil
    }
  }

  static func nested(_ log: PEPLog, _ depth: Int) -> PEPGenerator {
    PEPGenerator { caller in
      defer { log("finally \(depth)") }
      do {
        let part = depth == 0 ? inner(log) : nested(log, depth - 1)
        return (try await caller.yield(from: part) ?? 0) + 1
      } catch let error as Breakdown {
        if depth != 1 { throw error }
        log("middle")
        log("middle got \(shown(try await caller.yield(70)))")
        return 80
      }
    }
  }

  static func failing(_ log: PEPLog, atOnce: Bool) -> PEPGenerator {
    PEPGenerator { caller in
      if !atOnce { log("inner got \(shown(try await caller.yield(1)))") }
      throw Breakdown()
    }
  }

  /// Takes nothing, where the outer takes numbers.
  static func takingNothing(_ log: PEPLog) -> Generator<Int?, Never, Void> {
    Generator { caller in
      defer { log("inner finally") }
      do {
        try await caller.yield(1)
        try await caller.yield(2)
      } catch is Alarm {
        log("inner Alarm")
        try await caller.yield(3)
      }
      throw Breakdown()
    }
  }

  static func notify() -> [PEPGenerator] {
    let itself = PEPSelf()
    let other = PEPGenerator { caller in
      guard let generator = itself.generator else { return nil }
      return try await caller.yield(from: generator)
    }
    let generator = PEPGenerator { caller in
      try await caller.yield(1)
      return try await caller.yield(from: other)
    }
    itself.generator = generator
    return [generator, other]
  }
}
