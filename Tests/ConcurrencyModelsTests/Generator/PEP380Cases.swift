import ConcurrencyModels

/// PEP 380: yield from. The functions and the calls are those of `pep380_cases.py`.
enum PEP380Cases {
  private typealias Parts = PEP380Parts

  static var all: [PEPCase] {
    held + heldCarefully + dying + answering + deep + failing + others + kinds + rings + sequences
  }

  private static let held = PEPCase.several([
    "from_values_pass": "next; next; next; next; next; next",
    "from_sends_pass": "next; send 5; send 6; send 7; send 8",
    "from_send_none_is_next": "next; send None; send None",
    "from_send_before_start": "send 5; other.next; next; send 6",
    "from_throw_before_start": "throw Alarm; next; other.next",
    "from_close_before_start": "close; next; other.next",
    "from_throw_handled": "next; throw Alarm; send 5; throw Alarm; next",
    "from_throw_handled_at_the_last_yield": "next; next; next; throw Alarm; send 5",
    "from_throw_not_handled": "next; throw Breakdown; next; other.next",
    "from_throw_to_the_outer_again": "next; next; next; next; throw Alarm; next",
    "from_exit_thrown": "next; throw GeneratorExit; next; other.next",
    "from_close": "next; send 5; close; next; other.next",
    "from_close_after_the_inner": "next; next; next; next; close; other.next",
    "from_one_that_has_started": "other.next; other.next; next; next",
    "from_one_advanced_elsewhere": "next; other.next; send 5; next",
    "from_one_thrown_into_elsewhere": "next; other.throw Alarm; send 5",
    "from_one_exhausted": "other.loop; next; next",
    "from_one_closed": "other.close; next; next",
    "from_one_failed": "other.next; other.throw Breakdown; next; next",
    "from_one_exhausted_meanwhile": "next; other.loop; next; next",
    "from_one_closed_meanwhile": "next; other.close; next; next",
    "from_one_closed_meanwhile_send": "next; other.close; send 5; next",
    "from_one_closed_meanwhile_throw": "next; other.close; throw Alarm; next",
    "from_one_closed_meanwhile_close": "next; other.close; close; next",
    "from_delete_closes_the_inner": "next; delete; other.next",
    "from_loop": "loop; other.next",
  ]) { log in
    let part = Parts.inner(log)
    return [Parts.delegating(log, .generator(part)), part]
  }

  private static var heldCarefully: [PEPCase] {
    PEPCase.several([
      "from_error_caught_and_goes_on": "next; throw Breakdown; send 5; next",
      "from_exit_caught_and_goes_on": "next; throw GeneratorExit; send 5; next; other.next",
      "from_close_caught_and_yields": "next; close; other.next; next; next",
      "from_throw_caught_inside_only": "next; throw Alarm; close",
      "from_one_closed_meanwhile_caught": "next; other.close; next; next",
      "from_one_closed_meanwhile_throw_caught": "next; other.close; throw Alarm; next",
    ]) { log in
      let part = Parts.inner(log)
      return [Parts.careful(log, .generator(part)), part]
    }
      + PEPCase.several(["from_close_caught_and_returns": "next; close; other.next; next"]) { log in
        let part = Parts.inner(log)
        return [Parts.careful(log, .generator(part), goesOn: false), part]
      }
  }

  private static func dying(
    _ scripts: KeyValuePairs<String, String>, _ then: Parts.AtExit,
    _ outer: @escaping @Sendable (PEPLog, PEPPart) -> PEPGenerator
  ) -> [PEPCase] {
    PEPCase.several(scripts) { log in
      let part = Parts.atExit(log, then)
      return [outer(log, .generator(part)), part]
    }
  }

  private static var dying: [PEPCase] {
    let delegating: @Sendable (PEPLog, PEPPart) -> PEPGenerator = { Parts.delegating($0, $1) }
    let careful: @Sendable (PEPLog, PEPPart) -> PEPGenerator = { Parts.careful($0, $1) }
    let returning: @Sendable (PEPLog, PEPPart) -> PEPGenerator = { Parts.careful($0, $1, goesOn: false) }
    let groups: [[PEPCase]] = [
      dying(
        [
          "from_exit_inner_returns": "next; throw GeneratorExit; next",
          "from_close_inner_returns": "next; close; next",
        ], .returns, delegating),
      dying(
        [
          "from_exit_inner_raises": "next; throw GeneratorExit; next",
          "from_close_inner_raises": "next; close; next",
        ], .raises, delegating),
      dying(
        [
          "from_exit_inner_yields": "next; throw GeneratorExit; next; other.next",
          "from_close_inner_yields": "next; close; next; other.next",
        ], .yields, delegating),
      dying(
        [
          "from_exit_inner_returns_caught": "next; throw GeneratorExit; next",
          "from_close_inner_returns_caught": "next; close; next",
        ], .returns, careful),
      dying(
        [
          "from_exit_inner_raises_caught": "next; throw GeneratorExit; next",
          "from_close_inner_raises_caught": "next; close; next",
        ], .raises, careful),
      dying(
        [
          "from_exit_inner_yields_caught": "next; throw GeneratorExit; next; other.next",
          "from_close_inner_yields_caught": "next; close; next; other.next",
        ], .yields, careful),
      dying(["from_close_inner_raises_caught_returns": "next; close; next"], .raises, returning),
    ]
    return groups.flatMap { $0 }
  }

  private static var answering: [PEPCase] {
    PEPCase.cases([
      "from_throw_inner_returns": "next; throw Alarm; send 5; next",
      "from_throw_inner_changes_it": "next; throw Breakdown; next",
      "from_no_value": "next; next; next; next",
    ]) { log in Parts.delegating(log, .generator(Parts.answering(log))) }
      + PEPCase.cases(["from_throw_inner_changes_it_caught": "next; throw Breakdown; next; next"]) { log in
        Parts.careful(log, .generator(Parts.answering(log)))
      }
  }

  private static let deep = PEPCase.cases([
    "deep_values_and_results": "next; send 5; send 6; send 7; next",
    "deep_throw_to_the_innermost": "next; throw Alarm; next",
    "deep_throw_handled_midway": "next; throw Breakdown; send 5; next",
    "deep_throw_through_all": "next; throw Breakdown; throw Breakdown; next",
    "deep_exit": "next; throw GeneratorExit; next",
    "deep_close": "next; send 5; close; next",
    "deep_delete": "next; delete",
  ]) { log in Parts.nested(log, 3) }

  private static var failing: [PEPCase] {
    let groups: [[PEPCase]] = [
      PEPCase.cases(["from_inner_fails_at_once": "next; next"]) { log in
        Parts.delegating(log, .generator(Parts.failing(log, atOnce: true)))
      },
      PEPCase.cases(["from_inner_fails_later": "next; send 5; next"]) { log in
        Parts.delegating(log, .generator(Parts.failing(log, atOnce: false)))
      },
      PEPCase.cases(["from_inner_fails_at_once_caught": "next; send 5; next"]) { log in
        Parts.careful(log, .generator(Parts.failing(log, atOnce: true)))
      },
      PEPCase.cases(["from_inner_fails_later_caught": "next; send 5; send 6; next"]) { log in
        Parts.careful(log, .generator(Parts.failing(log, atOnce: false)))
      },
    ]
    return groups.flatMap { $0 }
  }

  private static var others: [PEPCase] {
    PEPCase.cases(["from_empty_ones": "next; next"]) { log in
      PEPGenerator { caller in
        var total = 0
        for value in 3...4 { total += try await caller.yield(from: PEPGenerator { _ in value }) ?? 0 }
        log("total \(total)")
        return total
      }
    }
      + PEPCase.cases([
        "from_inside_a_handler": "next; throw Breakdown; send 5; throw Alarm; close"
      ]) { log in
        PEPGenerator { caller in
          do {
            try await caller.yield(0)
          } catch is Breakdown {
            try await caller.yield(from: Parts.inner(log))
          }
          return nil
        }
      }
      + PEPCase.several([
        "from_one_shared_by_two": "next; other.next; send 5; other.send 6; next; other.next"
      ]) { log in
        let part = Parts.inner(log)
        return [Parts.careful(log, .generator(part)), Parts.careful(log, .generator(part))]
      }
  }

  private static func ofAnotherKind(_ scripts: KeyValuePairs<String, String>) -> [PEPCase] {
    PEPCase.cases(scripts) { log in
      let part = Parts.takingNothing(log)
      return PEPGenerator { caller in
        defer { log("outer finally") }
        try await caller.yield(from: part)
        log("from gave None")
        log("outer got \(shown(try await caller.yield(20)))")
        return 30
      }
    }
  }

  /// Their inner generators take values of another type.
  private static let kinds = ofAnotherKind([
    "from_another_kind_values": "next; next",
    "from_another_kind_error": "next; throw Alarm; next",
    "from_another_kind_fails": "next; next; next; next",
    "from_another_kind_close": "next; close; next",
  ])

  private static var rings: [PEPCase] {
    PEPCase.cases(["from_itself": "next; next"]) { _ in
      let itself = PEPSelf()
      let generator = PEPGenerator { caller in
        guard let generator = itself.generator else { return nil }
        return try await caller.yield(from: generator)
      }
      itself.generator = generator
      return generator
    }
      + PEPCase.several(["from_each_other": "next; other.next; next"]) { _ in Parts.notify() }
      + PEPCase.cases(["from_one_that_resumes_the_outer": "next; next; next"]) { log in
        let outer = PEPSelf()
        let part = PEPGenerator { caller in
          do { _ = try outer.generator?.next() } catch let error as GeneratorError { log(name(of: error)) }
          log("inner got \(shown(try await caller.yield(1)))")
          return nil
        }
        let generator = Parts.delegating(log, .generator(part))
        outer.generator = generator
        return generator
      }
  }

  private static var sequences: [PEPCase] {
    let groups: [[PEPCase]] = [
      PEPCase.cases([
        "sequence_values_pass": "next; next; next; next",
        "sequence_send_none_is_next": "next; send None; send None",
        "sequence_send": "next; send 5; next; next",
        "sequence_throw": "next; throw Alarm; next; next",
        "sequence_exit_thrown": "next; throw GeneratorExit; next; next",
        "sequence_close": "next; close; next; next",
        "sequence_loop": "loop",
      ]) { log in Parts.careful(log, .values([1, 2])) },
      PEPCase.cases([
        "sequence_throw_not_caught": "next; throw Alarm; next",
        "sequence_close_passes": "next; close; next",
      ]) { log in Parts.delegating(log, .values([1, 2])) },
      PEPCase.cases(["sequence_empty": "next; next"]) { log in Parts.delegating(log, .values([])) },
      PEPCase.several(["sequence_iterator_is_shared": "next; other.next; next; next"]) { log in
        let values = PEPPart.values([1, 2, 3])
        return [Parts.delegating(log, values), Parts.delegating(log, values)]
      },
    ]
    return groups.flatMap { $0 }
  }
}
