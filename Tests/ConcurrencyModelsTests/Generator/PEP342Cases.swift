import ConcurrencyModels

/// PEP 342: next, send, throw, close. The functions and the calls are those of `pep_cases.py`.
enum PEP342Cases {
  static var all: [PEPCase] {
    plain + caught + changed + atExit + ended + values + within
  }

  private static let plain = PEPCase.cases([
    "nothing_runs_before_next": "",
    "next_starts": "next",
    "send_none_starts": "send None",
    "send_before_start": "send 5; next; send 6",
    "send_is_the_value_of_yield": "next; send 5; send 6",
    "next_sends_none": "next; next; next",
    "send_none_is_next": "next; send None; send None",
    "what_was_sent_is_not_kept": "next; send 5; next",
    "return_value_at_the_end": "next; next; send 5; next",
    "calls_after_the_end": "next; next; next; next; send None; send 5; close; next",
    "throw_passes": "next; throw Alarm; next; send 5",
    "throw_before_start": "throw Alarm; next; send 5; close",
    "throw_after_the_end": "next; next; next; throw Alarm; throw GeneratorExit; next",
    "throw_after_a_throw": "next; throw Alarm; throw Breakdown",
    "throw_exit_passes": "next; throw GeneratorExit; next",
    "throw_exit_before_start": "throw GeneratorExit; next",
    "close_before_start": "close; next; send 5; throw Alarm; close",
    "close_paused": "next; send 5; close; next; send 6",
    "close_twice": "next; close; close",
    "close_after_the_end": "next; next; next; close; next",
    "close_after_an_error": "next; throw Alarm; close",
    "loop_to_the_end": "loop; loop; next",
    "loop_from_the_middle": "next; loop",
    "delete_paused": "next; delete",
    "delete_before_start": "delete",
    "delete_after_the_end": "next; next; next; delete",
    "delete_after_close": "next; close; delete",
  ]) { log in
    PEPGenerator { caller in
      log("started")
      defer { log("finally") }
      for number in 1...2 { log("got \(shown(try await caller.yield(number)))") }
      return 10
    }
  }

  private static let caught = PEPCase.cases([
    "throw_caught_yields": "next; throw Alarm; next; send 5; next",
    "throw_caught_returns": "next; next; throw Alarm; next",
    "throw_caught_again_and_again": "next; throw Alarm; throw Alarm; next",
    "throw_forgets_what_was_sent": "next; send 5; throw Alarm; next",
    "throw_of_another_class_passes": "next; throw Breakdown; next",
    "throw_exit_is_not_that_error": "next; throw GeneratorExit; next",
    "close_after_a_caught_throw": "next; throw Alarm; close; next",
  ]) { log in
    PEPGenerator { caller in
      for number in 1...2 {
        do { log("got \(shown(try await caller.yield(number)))") } catch is Alarm { log("Alarm") }
      }
      return 10
    }
  }

  private static var changed: [PEPCase] {
    PEPCase.cases([
      "throw_changes_the_error": "next; throw Alarm; next",
      "throw_is_thrown_on": "next; throw Breakdown; next",
      "throw_exit_changes_the_error": "next; throw GeneratorExit; next",
      "close_raises_another_error": "next; close; next; close",
      "delete_raises_another_error": "next; delete",
    ]) { log in
      PEPGenerator { caller in
        do {
          try await caller.yield(1)
        } catch let error as Breakdown {
          log("on")
          throw error
        } catch {
          log("instead of \(name(of: error))")
          throw Breakdown()
        }
        return nil
      }
    }
      // A `defer` can't wait: what Python's `finally` does on the way out is a handler here.
      + PEPCase.cases([
        "throw_waits_for_a_yield_in_finally": "next; throw Alarm; send 5; next",
        "close_with_a_yield_in_finally": "next; close; next; next",
      ]) { log in
        PEPGenerator { caller in
          do {
            try await caller.yield(1)
          } catch {
            log("finally got \(shown(try await caller.yield(2)))")
            throw error
          }
          return nil
        }
      }
      + PEPCase.cases([
        "throw_through_two_handlers": "next; throw Alarm; next",
        "close_through_two_handlers": "next; close",
      ]) { log in
        PEPGenerator { caller in
          defer { log("outer finally") }
          do {
            defer { log("inner finally") }
            do { try await caller.yield(1) } catch is Alarm { throw Breakdown() }
          } catch is Breakdown {
            log("Breakdown")
            try await caller.yield(2)
          }
          return nil
        }
      }
  }

  private static var atExit: [PEPCase] {
    PEPCase.cases([
      "close_caught_and_yields": "next; close; next; next",
      "close_ignored_may_be_repeated": "next; close; close; close",
      "throw_exit_caught_and_yields": "next; throw GeneratorExit; next; next",
      "delete_ignored_once": "next; delete",
    ]) { log in
      PEPGenerator { caller in
        for number in 1...2 {
          do { log("got \(shown(try await caller.yield(number)))") } catch is GeneratorExit { log("exit") }
        }
        return 10
      }
    }
      + PEPCase.cases([
        "close_caught_and_returns": "next; close; next",
        "throw_exit_caught_and_returns": "next; throw GeneratorExit; next",
        "delete_caught_and_returns": "next; delete",
      ]) { log in
        PEPGenerator { caller in
          do {
            try await caller.yield(1)
          } catch is GeneratorExit {
            log("exit")
            return 10
          }
          return nil
        }
      }
      + PEPCase.cases([
        "close_caught_and_thrown_on": "next; close; next",
        "delete_caught_and_thrown_on": "next; delete",
      ]) { log in
        PEPGenerator { caller in
          do {
            try await caller.yield(1)
          } catch is GeneratorExit {
            log("exit")
            throw GeneratorExit()
          }
          return nil
        }
      }
      + PEPCase.cases([
        "close_and_catch_all": "next; close; next", "throw_and_catch_all": "next; throw Alarm; next",
      ]) { log in
        PEPGenerator { caller in
          do { try await caller.yield(1) } catch { log("caught") }
          try await caller.yield(2)
          return nil
        }
      }
  }

  private static var ended: [PEPCase] {
    PEPCase.cases([
      "error_ends_it": "next; send 5; next; send 6; close", "loop_over_an_error": "loop; next",
    ]) { log in
      PEPGenerator { caller in
        defer { log("finally") }
        log("got \(shown(try await caller.yield(1)))")
        throw Alarm()
      }
    }
      + PEPCase.cases([
        "error_at_once": "next; next", "error_at_once_after_a_send": "send 5; next; next",
      ]) { log in
        PEPGenerator { _ in
          log("started")
          throw Alarm()
        }
      }
      + PEPCase.cases([
        "return_at_once": "next; next", "send_to_an_empty_one": "send 5; send None",
        "loop_over_nothing": "loop",
      ]) { log in
        PEPGenerator { _ in
          log("started")
          return 10
        }
      }
  }

  private static var values: [PEPCase] {
    PEPCase.cases(["yield_of_nothing": "next; next; next; next", "loop_over_nothings": "loop"]) { log in
      PEPGenerator { caller in
        try await caller.yield(nil)
        try await caller.yield(Int?.none)
        log("no value")
        return nil
      }
    }
      + PEPCase.cases([
        "running_sum": "next; send 5; send 6; next",
        "error_in_a_step_after_many": "next; send 5; send 0; next",
      ]) { _ in
        PEPGenerator { caller in
          var total = 0
          while let got = try await caller.yield(total) {
            if got == 0 { throw Breakdown() }
            total += got
          }
          return total
        }
      }
  }

  private static func withinItself(_ verb: Substring, _ word: Substring = "")
    -> @Sendable (PEPLog) -> PEPGenerator
  {
    { log in
      let itself = PEPSelf()
      let generator = PEPGenerator { caller in
        for number in 1...2 {
          log(itself.generator?.answer(verb, word) ?? "gone")
          log("got \(shown(try await caller.yield(number)))")
        }
        return nil
      }
      itself.generator = generator
      return generator
    }
  }

  private static var within: [PEPCase] {
    PEPCase.cases(["next_within_itself": "next; send 5; next"], withinItself("next"))
      + PEPCase.cases(["send_within_itself": "next; send 5; next; next"], withinItself("send", "9"))
      + PEPCase.cases(["throw_within_itself": "next; send 5; next"], withinItself("throw", "Alarm"))
      + PEPCase.cases(["close_within_itself": "next; send 5; close"], withinItself("close"))
      + PEPCase.cases(["running_error_not_caught": "next; next"]) { _ in
        let itself = PEPSelf()
        let generator = PEPGenerator { caller in
          try await caller.yield(try itself.generator?.next() ?? 0)
          return nil
        }
        itself.generator = generator
        return generator
      }
      + PEPCase.several(["resumed_by_another_that_it_runs": "next; other.next; next; next"]) { log in
        let itself = PEPSelf()
        let other = PEPGenerator { caller in
          log(itself.generator?.answer("next", "") ?? "gone")
          try await caller.yield(1)
          try await caller.yield(2)
          return nil
        }
        let generator = PEPGenerator { caller in
          try await caller.yield(try other.next() ?? 0)
          try await caller.yield(3)
          return nil
        }
        itself.generator = generator
        return [generator, other]
      }
  }
}
