"""What Python's generators do, case by case: the record that ours are held to (PEP 342, PEP 380).

    python3 pep_cases.py > pep_cases.expected

A case is a generator and the calls that are made to it, one after the other: next, send VALUE, throw ERROR, close,
loop (for in, to the end), delete (the last reference goes). "other.next" is a call to the second generator of a case.
For each it prints a line: what every call gave, in brackets what the functions said meanwhile, and how the generator
was left at the end. The cases of the same names in Swift print the same.
"""

import sys

sys.dont_write_bytecode = True  # The folder is the sources', not a place for what is made of them.

from pep_trace import Alarm, Breakdown, CASES, cases, do, name, play

# PEP 342: next, send, throw, close. PEP 380 is in pep380_cases.py.


@cases(
    nothing_runs_before_next="",
    next_starts="next",
    send_none_starts="send None",
    send_before_start="send 5; next; send 6",
    send_is_the_value_of_yield="next; send 5; send 6",
    next_sends_none="next; next; next",
    send_none_is_next="next; send None; send None",
    what_was_sent_is_not_kept="next; send 5; next",
    return_value_at_the_end="next; next; send 5; next",
    calls_after_the_end="next; next; next; next; send None; send 5; close; next",
    throw_passes="next; throw Alarm; next; send 5",
    throw_before_start="throw Alarm; next; send 5; close",
    throw_after_the_end="next; next; next; throw Alarm; throw GeneratorExit; next",
    throw_after_a_throw="next; throw Alarm; throw Breakdown",
    throw_exit_passes="next; throw GeneratorExit; next",
    throw_exit_before_start="throw GeneratorExit; next",
    close_before_start="close; next; send 5; throw Alarm; close",
    close_paused="next; send 5; close; next; send 6",
    close_twice="next; close; close",
    close_after_the_end="next; next; next; close; next",
    close_after_an_error="next; throw Alarm; close",
    loop_to_the_end="loop; loop; next",
    loop_from_the_middle="next; loop",
    delete_paused="next; delete",
    delete_before_start="delete",
    delete_after_the_end="next; next; next; delete",
    delete_after_close="next; close; delete",
)
def plain(log):
    log("started")
    try:
        for number in (1, 2):
            log(f"got {(yield number)}")
        return 10
    finally:
        log("finally")


@cases(
    throw_caught_yields="next; throw Alarm; next; send 5; next",
    throw_caught_returns="next; next; throw Alarm; next",
    throw_caught_again_and_again="next; throw Alarm; throw Alarm; next",
    throw_forgets_what_was_sent="next; send 5; throw Alarm; next",
    throw_of_another_class_passes="next; throw Breakdown; next",
    throw_exit_is_not_that_error="next; throw GeneratorExit; next",
    close_after_a_caught_throw="next; throw Alarm; close; next",
)
def alarmed(log):
    for number in (1, 2):
        try:
            log(f"got {(yield number)}")
        except Alarm:
            log("Alarm")
    return 10


@cases(
    throw_changes_the_error="next; throw Alarm; next",
    throw_is_thrown_on="next; throw Breakdown; next",
    throw_exit_changes_the_error="next; throw GeneratorExit; next",
    close_raises_another_error="next; close; next; close",
    delete_raises_another_error="next; delete",
)
def changing(log):
    try:
        yield 1
    except Breakdown:
        log("on")
        raise
    except BaseException as error:
        log(f"instead of {name(error)}")
        raise Breakdown()


@cases(
    throw_waits_for_a_yield_in_finally="next; throw Alarm; send 5; next",
    close_with_a_yield_in_finally="next; close; next; next",
)
def finally_yields(log):
    try:
        yield 1
    finally:
        log(f"finally got {(yield 2)}")


@cases(
    throw_through_two_handlers="next; throw Alarm; next",
    close_through_two_handlers="next; close",
)
def two_handlers(log):
    try:
        try:
            yield 1
        except Alarm:
            raise Breakdown()
        finally:
            log("inner finally")
    except Breakdown:
        log("Breakdown")
        yield 2
    finally:
        log("outer finally")


@cases(
    close_caught_and_yields="next; close; next; next",
    close_ignored_may_be_repeated="next; close; close; close",
    throw_exit_caught_and_yields="next; throw GeneratorExit; next; next",
    delete_ignored_once="next; delete",
)
def yields_at_exit(log):
    for number in (1, 2):
        try:
            log(f"got {(yield number)}")
        except GeneratorExit:
            log("exit")
    return 10


@cases(
    close_caught_and_returns="next; close; next",
    throw_exit_caught_and_returns="next; throw GeneratorExit; next",
    delete_caught_and_returns="next; delete",
)
def returns_at_exit(log):
    try:
        yield 1
    except GeneratorExit:
        log("exit")
        return 10


@cases(
    close_caught_and_thrown_on="next; close; next",
    delete_caught_and_thrown_on="next; delete",
)
def throws_exit_on(log):
    try:
        yield 1
    except GeneratorExit:
        log("exit")
        raise GeneratorExit()


@cases(close_and_catch_all="next; close; next", throw_and_catch_all="next; throw Alarm; next")
def catches_all(log):
    try:
        yield 1
    except Exception:
        log("caught")
    yield 2


@cases(error_ends_it="next; send 5; next; send 6; close", loop_over_an_error="loop; next")
def fails(log):
    try:
        log(f"got {(yield 1)}")
        raise Alarm()
    finally:
        log("finally")


@cases(error_at_once="next; next", error_at_once_after_a_send="send 5; next; next")
def fails_at_once(log):
    log("started")
    raise Alarm()
    yield


@cases(return_at_once="next; next", send_to_an_empty_one="send 5; send None", loop_over_nothing="loop")
def empty(log):
    log("started")
    return 10
    yield


@cases(yield_of_nothing="next; next; next; next", loop_over_nothings="loop")
def nothings(log):
    yield
    yield None
    log("no value")


@cases(
    running_sum="next; send 5; send 6; next",
    error_in_a_step_after_many="next; send 5; send 0; next",
)
def summing(log):
    total = 0
    while True:
        got = yield total
        if got is None:
            return total
        if got == 0:
            raise Breakdown()
        total += got


def within_itself(verb, word=""):
    def make(log):
        def body():
            log(do(itself, verb, word))
            log(f"got {(yield 1)}")
            log(do(itself, verb, word))
            log(f"got {(yield 2)}")

        itself = body()
        return itself

    return make


cases(next_within_itself="next; send 5; next")(within_itself("next"))
cases(send_within_itself="next; send 5; next; next")(within_itself("send", "9"))
cases(throw_within_itself="next; send 5; next")(within_itself("throw", "Alarm"))
cases(close_within_itself="next; send 5; close")(within_itself("close"))


@cases(running_error_not_caught="next; next")
def resumes_itself(log):
    def body():
        yield next(itself)

    itself = body()
    return itself


@cases(resumed_by_another_that_it_runs="next; other.next; next; next")
def each_other(log):
    def first():
        yield next(second)
        yield 3

    def other():
        log(do(itself, "next", ""))
        yield 1
        yield 2

    itself, second = first(), other()
    return [itself, second]


if __name__ == "__main__":
    import pep380_cases  # Adds its own to CASES.

    for case, (make, script) in CASES.items():
        print(f"{case}: {play(make, script)}")
