"""The cases of PEP 380: yield from. pep_cases.py runs them."""

from pep_trace import Alarm, Breakdown, cases, name


def inner(log):
    """Goes on after an Alarm, and lets everything else pass."""
    try:
        for number in (1, 2, 3):
            try:
                log(f"inner got {(yield number)}")
            except Alarm:
                log("inner Alarm")
        return 10
    finally:
        log("inner finally")


def delegate(log, part):
    try:
        log(f"from gave {(yield from part)}")
        log(f"outer got {(yield 20)}")
        return 30
    finally:
        log("outer finally")


def careful(log, part, goes_on=True):
    """Catches whatever comes out of the other."""
    try:
        log(f"from gave {(yield from part)}")
    except BaseException as error:
        log(f"outer caught {name(error)}")
    if goes_on:
        log(f"outer got {(yield 40)}")
    return 50


@cases(
    from_values_pass="next; next; next; next; next; next",
    from_sends_pass="next; send 5; send 6; send 7; send 8",
    from_send_none_is_next="next; send None; send None",
    from_send_before_start="send 5; other.next; next; send 6",
    from_throw_before_start="throw Alarm; next; other.next",
    from_close_before_start="close; next; other.next",
    from_throw_handled="next; throw Alarm; send 5; throw Alarm; next",
    from_throw_handled_at_the_last_yield="next; next; next; throw Alarm; send 5",
    from_throw_not_handled="next; throw Breakdown; next; other.next",
    from_throw_to_the_outer_again="next; next; next; next; throw Alarm; next",
    from_exit_thrown="next; throw GeneratorExit; next; other.next",
    from_close="next; send 5; close; next; other.next",
    from_close_after_the_inner="next; next; next; next; close; other.next",
    from_one_that_has_started="other.next; other.next; next; next",
    from_one_advanced_elsewhere="next; other.next; send 5; next",
    from_one_thrown_into_elsewhere="next; other.throw Alarm; send 5",
    from_one_exhausted="other.loop; next; next",
    from_one_closed="other.close; next; next",
    from_one_failed="other.next; other.throw Breakdown; next; next",
    from_one_exhausted_meanwhile="next; other.loop; next; next",
    from_one_closed_meanwhile="next; other.close; next; next",
    from_one_closed_meanwhile_send="next; other.close; send 5; next",
    from_one_closed_meanwhile_throw="next; other.close; throw Alarm; next",
    from_one_closed_meanwhile_close="next; other.close; close; next",
    from_delete_closes_the_inner="next; delete; other.next",
    from_loop="loop; other.next",
)
def held(log):
    part = inner(log)
    return [delegate(log, part), part]


@cases(
    from_error_caught_and_goes_on="next; throw Breakdown; send 5; next",
    from_exit_caught_and_goes_on="next; throw GeneratorExit; send 5; next; other.next",
    from_close_caught_and_yields="next; close; other.next; next; next",
    from_throw_caught_inside_only="next; throw Alarm; close",
    from_one_closed_meanwhile_caught="next; other.close; next; next",
    from_one_closed_meanwhile_throw_caught="next; other.close; throw Alarm; next",
)
def held_by_a_careful_one(log):
    part = inner(log)
    return [careful(log, part), part]


@cases(from_close_caught_and_returns="next; close; other.next; next")
def held_by_one_that_returns(log):
    part = inner(log)
    return [careful(log, part, goes_on=False), part]


def at_exit(log, then):
    """Does something else than to end when it is asked to."""
    try:
        yield 1
    except GeneratorExit:
        log("inner exit")
        if then == "raise":
            raise Breakdown()
        if then == "yield":
            yield 2
    return 10


def dying(then, outer, **how):
    def make(log):
        part = at_exit(log, then)
        return [outer(log, part, **how), part]

    return make


cases(
    from_exit_inner_returns="next; throw GeneratorExit; next",
    from_close_inner_returns="next; close; next",
)(dying("return", delegate))
cases(
    from_exit_inner_raises="next; throw GeneratorExit; next",
    from_close_inner_raises="next; close; next",
)(dying("raise", delegate))
cases(
    from_exit_inner_yields="next; throw GeneratorExit; next; other.next",
    from_close_inner_yields="next; close; next; other.next",
)(dying("yield", delegate))
cases(
    from_exit_inner_returns_caught="next; throw GeneratorExit; next",
    from_close_inner_returns_caught="next; close; next",
)(dying("return", careful))
cases(
    from_exit_inner_raises_caught="next; throw GeneratorExit; next",
    from_close_inner_raises_caught="next; close; next",
)(dying("raise", careful))
cases(
    from_exit_inner_yields_caught="next; throw GeneratorExit; next; other.next",
    from_close_inner_yields_caught="next; close; next; other.next",
)(dying("yield", careful))
cases(from_close_inner_raises_caught_returns="next; close; next")(dying("raise", careful, goes_on=False))


def answering(log):
    """Ends when an error is thrown in: one way or the other."""
    try:
        yield 1
    except Alarm:
        return 11
    except Breakdown:
        raise Alarm()


@cases(
    from_throw_inner_returns="next; throw Alarm; send 5; next",
    from_throw_inner_changes_it="next; throw Breakdown; next",
    from_no_value="next; next; next; next",
)
def from_answering(log):
    return delegate(log, answering(log))


@cases(from_throw_inner_changes_it_caught="next; throw Breakdown; next; next")
def careful_from_answering(log):
    return careful(log, answering(log))


def nested(log, depth):
    try:
        if depth == 0:
            return (yield from inner(log)) + 1
        return (yield from nested(log, depth - 1)) + 1
    except Breakdown:
        if depth != 1:
            raise
        log("middle")
        log(f"middle got {(yield 70)}")
        return 80
    finally:
        log(f"finally {depth}")


@cases(
    deep_values_and_results="next; send 5; send 6; send 7; next",
    deep_throw_to_the_innermost="next; throw Alarm; next",
    deep_throw_handled_midway="next; throw Breakdown; send 5; next",
    deep_throw_through_all="next; throw Breakdown; throw Breakdown; next",
    deep_exit="next; throw GeneratorExit; next",
    deep_close="next; send 5; close; next",
    deep_delete="next; delete",
)
def deep(log):
    return nested(log, 3)


def failing(log, at_once):
    if not at_once:
        log(f"inner got {(yield 1)}")
    raise Breakdown()


cases(from_inner_fails_at_once="next; next")(lambda log: delegate(log, failing(log, True)))
cases(from_inner_fails_later="next; send 5; next")(lambda log: delegate(log, failing(log, False)))
cases(from_inner_fails_at_once_caught="next; send 5; next")(lambda log: careful(log, failing(log, True)))
cases(from_inner_fails_later_caught="next; send 5; send 6; next")(lambda log: careful(log, failing(log, False)))


def returning(value):
    return value
    yield


@cases(from_empty_ones="next; next")
def results_of_empty_ones(log):
    total = (yield from returning(3)) + (yield from returning(4))
    log(f"total {total}")
    return total


@cases(from_inside_a_handler="next; throw Breakdown; send 5; throw Alarm; close")
def from_a_handler(log):
    try:
        yield 0
    except Breakdown:
        yield from inner(log)


@cases(from_one_shared_by_two="next; other.next; send 5; other.send 6; next; other.next")
def two_outers(log):
    part = inner(log)
    return [careful(log, part), careful(log, part)]


@cases(
    from_another_kind_values="next; next",
    from_another_kind_error="next; throw Alarm; next",
    from_another_kind_fails="next; next; next; next",
    from_another_kind_close="next; close; next",
)
def from_one_that_takes_nothing(log):
    """Where what may be sent has a type, one that takes nothing is of another kind."""

    def part():
        try:
            yield 1
            yield 2
        except Alarm:
            log("inner Alarm")
            yield 3
        finally:
            log("inner finally")
        raise Breakdown()

    return delegate(log, part())


@cases(from_itself="next; next")
def delegates_to_itself(log):
    def body():
        yield from itself

    itself = body()
    return itself


@cases(from_each_other="next; other.next; next")
def a_ring(log):
    def first():
        yield 1
        yield from second

    def other():
        yield from itself

    itself, second = first(), other()
    return [itself, second]


@cases(from_one_that_resumes_the_outer="next; next; next")
def inner_resumes_outer(log):
    def part():
        try:
            next(outer)
        except ValueError as error:
            log(name(error))
        log(f"inner got {(yield 1)}")

    outer = delegate(log, part())
    return outer


@cases(
    sequence_values_pass="next; next; next; next",
    sequence_send_none_is_next="next; send None; send None",
    sequence_send="next; send 5; next; next",
    sequence_throw="next; throw Alarm; next; next",
    sequence_exit_thrown="next; throw GeneratorExit; next; next",
    sequence_close="next; close; next; next",
    sequence_loop="loop",
)
def from_a_sequence(log):
    return careful(log, [1, 2])


@cases(sequence_throw_not_caught="next; throw Alarm; next", sequence_close_passes="next; close; next")
def from_a_sequence_uncaught(log):
    return delegate(log, [1, 2])


@cases(sequence_empty="next; next")
def from_an_empty_sequence(log):
    return delegate(log, [])


@cases(sequence_iterator_is_shared="next; other.next; next; next")
def two_from_one_iterator(log):
    values = iter([1, 2, 3])
    return [delegate(log, values), delegate(log, values)]
