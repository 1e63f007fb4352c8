"""Makes the calls of a case, and says what each gave: what pep_cases.py prints."""

import inspect
import sys


class Alarm(Exception):
    pass


class Breakdown(Exception):
    pass


ERRORS = {"Alarm": Alarm, "Breakdown": Breakdown, "GeneratorExit": GeneratorExit}

# What ours calls by another name; the words tell the error from others of its class.
NAMES = [
    (TypeError, "just-started", "notStarted"),
    (ValueError, "already executing", "alreadyRunning"),
    (RuntimeError, "ignored GeneratorExit", "ignoredExit"),
]

CASES = {}


def name(error):
    for kind, words, ours in NAMES:
        if isinstance(error, kind) and words in str(error):
            return ours
    return type(error).__name__


def cases(**scripts):
    """These calls, each list a case, to what the function makes: a generator, or several."""

    def register(make):
        for case, script in scripts.items():
            CASES[case] = (make, [call for call in script.split("; ") if call])
        return make

    return register


def do(generator, verb, word):
    """Makes one call, and says what it gave."""
    had_ended = inspect.getgeneratorstate(generator) == inspect.GEN_CLOSED
    values = []
    try:
        if verb == "close":
            generator.close()
            return "done"
        if verb == "loop":
            for value in generator:
                values.append(str(value))
            return " ".join(["yields", *values])
        if verb == "throw":
            return f"yields {generator.throw(ERRORS[word]())}"
        if verb == "send":
            return f"yields {generator.send(None if word == 'None' else int(word))}"
        return f"yields {next(generator)}"
    except StopIteration as end:
        return "ended" if had_ended and end.value is None else f"return {end.value}"
    except BaseException as error:
        return " ".join((["yields", *values] if values else []) + [f"raises {name(error)}"])


def play(make, script):
    words = []
    sys.unraisablehook = lambda report: words.append(f"unraisable {name(report.exc_value)}")
    generators = make(words.append)
    if not isinstance(generators, list):
        generators = [generators]
    trace = []
    for call in ["made", *script]:
        verb, _, word = call.rpartition(".")[2].partition(" ")
        which = 1 if call.startswith("other.") else 0
        if verb == "delete":
            generators[which] = None
        elif verb != "made":
            call += " " + do(generators[which], verb, word)
        trace.append(call + (f" [{', '.join(words)}]" if words else ""))
        words.clear()
    if generators[0] is None:
        return "; ".join(trace + ["gone"])
    has_ended = inspect.getgeneratorstate(generators[0]) == inspect.GEN_CLOSED
    return "; ".join(trace + ["left ended" if has_ended else "left alive"])
