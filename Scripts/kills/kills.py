#!/usr/bin/env python3
"""What kill -9 does to this library, and to what people use instead of it: the same kills, in one table.

Each round starts a program whose processes exchange messages or do jobs in a loop, kills one of them at a random
instant, and looks whether the others go on. The programs lie beside this file, one for each library, and do the same:

    two senders and two receivers share a queue; a sender or a receiver is killed
    a sender and a receiver are connected; one is killed, and the other has to be told
    four workers of a pool do jobs; one is killed, and the pool has to get every result

A program says on its standard output which processes take part ("sender 123"), and at its end "done", or what went
wrong. Some time after the kill the file STOP appears, which ends senders and pools. A program that has neither ended
nor reported an error some seconds after the kill (--patience) hangs. The instants and the victims are the same for
each program.
"""

import argparse
import collections
import json
import os
import platform
import random
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

# The latest instant of a kill, after every process has begun.
LATEST_KILL = 0.3
# How long the others go on before they may end.
GOES_ON = 0.2
# How long the processes of a program may need to begin.
START_LIMIT = 60
# How long a compiler may need.
BUILD_LIMIT = 1800
# How long the next round waits for one that may hang, so that its kill comes while the machine is quiet.
NEXT_ROUND = 0.6

WENT_ON, ERROR, HUNG, DAMAGED, NO_KILL = "went on", "error", "hung", "damaged", "no kill"
# The last two have a column only where they occur.
OUTCOMES = (WENT_ON, ERROR, HUNG, DAMAGED, NO_KILL)
EXPLANATIONS = {
    WENT_ON: "the others went on and ended in order, and a pool had every result.",
    ERROR: "a process that lived reported an error.",
    DAMAGED: "a process took a message for whole that wasn't.",
    HUNG: "neither, within {patience} s.",
    NO_KILL: "the program didn't begin, or had ended before the kill.",
}

# What is killed, what is asked, which roles there are, and how many processes have each.
Scenario = collections.namedtuple("Scenario", "killed question roles count")
SHARED, PAIR, POOL = "shared", "pair", "pool"
SCENARIOS = {
    SHARED: Scenario(
        "1 of 2 senders and 2 receivers",
        "two senders and two receivers share a queue: does killing one stop the others?", ("sender", "receiver"), 2),
    PAIR: Scenario(
        "the sender or the receiver",
        "a sender and a receiver are connected: is one told of the other's death?", ("sender", "receiver"), 1),
    POOL: Scenario(
        "1 of 4 workers", "four workers of a pool do jobs: does the pool get every result?", ("worker",), 4),
}

Program = collections.namedtuple("Program", "name title version scenario command isOurs")


class LeftOut(Exception):
    """A program that can't be run here, and what to install."""


class Workspace:
    """The folder in which everything lies that a run makes, and the names of what can't lie there."""

    def __init__(self, scratch, patience):
        self.folder = tempfile.mkdtemp(prefix="swift-ipc-kills-")
        self.prefix = f"kills{os.getpid()}_"
        self.scratch = scratch
        self.ours = None
        # No process lives longer than KILLS_LIMIT seconds, even if this one is killed itself.
        self.environment = dict(
            os.environ, TMPDIR=self.folder, IPC_RUNTIME_DIRECTORY=self.path("registry"), PYTHONDONTWRITEBYTECODE="1",
            KILLS_LIMIT=str(int(START_LIMIT + patience + 30)))

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, command, limit, what):
        """Runs it to its end and returns its output. `what` says what is missing if it fails."""
        try:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True, start_new_session=True)
        except OSError as error:
            raise LeftOut(f"{what} ({error})") from error
        try:
            output, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as error:
            raise LeftOut(f"{what} ({error})") from error
        finally:
            # A build has processes in groups of their own, which it ends itself.
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGINT)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        if process.returncode != 0:
            raise LeftOut(f"{what} ({command[0]} ended with {process.returncode})\n{(errors or output)[-2000:]}")
        return output.strip()

    def remove(self):
        if self.ours:
            try:
                self.run([self.ours, "clean"], 30, "kills clean")
            except LeftOut as error:
                print(error, file=sys.stderr)
        for folder in ("/dev/shm", "/dev/mqueue"):
            for name in os.listdir(folder) if os.path.isdir(folder) else ():
                if name.startswith(self.prefix):
                    os.unlink(os.path.join(folder, name))
        shutil.rmtree(self.folder, ignore_errors=True)


# The programs


def swift(workspace):
    note("compiling the library and its program; the first time this takes two minutes")
    command = [os.environ.get("SWIFT") or "swift", "build", "-c", "release"]
    command += ["--package-path", os.path.join(HERE, "swift"), "--scratch-path", workspace.scratch]
    problem = "the program of this library can't be built"
    workspace.run(command, BUILD_LIMIT, problem)
    program = workspace.run(command + ["--show-bin-path"], BUILD_LIMIT, problem) + "/kills"
    workspace.ours = program

    def ours(name, scenario, title, *arguments):
        def command(number, stop):
            replaced = [argument.replace("NAME", f"kills{number}").replace("STOP", stop) for argument in arguments]
            return [program, *replaced]

        return Program(name, title, "this copy", scenario, command, True)

    yield ours("queue", SHARED, "swift-ipc, queue", "queue", "queue:NAME", "STOP")
    yield ours("semaphore", SHARED, "swift-ipc, semaphore", "queue", "semaphore:NAME", "STOP")
    yield ours("memory", PAIR, "swift-ipc, memory", "pair", "memory")
    yield ours("unix", PAIR, "swift-ipc, unix", "pair", "unix")
    yield ours("pool", POOL, "swift-ipc, WorkerPool", "pool", "memory", "STOP")


def python(workspace):
    def theirs(name, scenario, title, file, *arguments):
        def command(number, stop):
            replaced = [argument.replace("STOP", stop) for argument in arguments]
            return [sys.executable, os.path.join(HERE, file), *replaced]

        return Program(name, title, "Python " + platform.python_version(), scenario, command, False)

    yield theirs("python-queue", SHARED, "multiprocessing.Queue", "python_queue.py", "STOP")
    yield theirs("python-pipe", PAIR, "multiprocessing.Pipe", "python_pipe.py")
    yield theirs("python-pool", POOL, "multiprocessing.Pool", "python_pool.py", "STOP")
    yield theirs("python-executor", POOL, "ProcessPoolExecutor", "python_executor.py", "STOP")


def boost(workspace):
    compiler = next((name for name in ("c++", "g++", "clang++") if shutil.which(name)), None)
    if not compiler:
        raise LeftOut("Boost.Interprocess: apt-get install g++ libboost-dev (there is no C++ compiler)")

    def theirs(name, title, *options):
        program = workspace.path(name)
        source = os.path.join(HERE, "boost.cpp")
        workspace.run(
            [compiler, "-O2", "-std=c++17", *options, "-o", program, source, "-lpthread", "-lrt"], BUILD_LIMIT,
            "Boost.Interprocess: apt-get install libboost-dev")
        version = workspace.run([program], 30, "Boost.Interprocess can't run")

        def command(number, stop):
            return [program, f"{workspace.prefix}{number}", stop]

        return Program(name, title, "Boost " + version, SHARED, command, False)

    yield theirs("boost", "Boost message_queue")
    yield theirs(
        "boost-timeout", "Boost message_queue, timeout", "-DBOOST_INTERPROCESS_ENABLE_TIMEOUT_WHEN_LOCKING",
        "-DBOOST_INTERPROCESS_TIMEOUT_WHEN_LOCKING_DURATION_MS=2000")


def iceoryx(workspace):
    file = os.path.join(HERE, "iceoryx.py")
    version = workspace.run(
        [sys.executable, file], 30,
        "iceoryx2: Debian has no package; python3 -m venv DIR && DIR/bin/pip install iceoryx2, "
        "then make kills PYTHON=DIR/bin/python3")

    def theirs(mode, title):
        def command(number, stop):
            return [sys.executable, file, mode, f"{workspace.prefix}{number}_", stop]

        return Program("iceoryx-" + mode, title, "iceoryx2 " + version, SHARED, command, False)

    yield theirs("drops", "iceoryx2, drops the oldest")
    yield theirs("waits", "iceoryx2, waits for room")
    yield theirs("cleans", "iceoryx2, waits and cleans up")


# A round


class NoKill(Exception):
    """A round in which nothing could be killed, which says nothing about the program."""


class Round:
    """One start of a program, and one kill."""

    def __init__(self, workspace, program, number, kill, patience):
        self.role, self.index, self.delay = kill
        self.outcome = None
        self.said = ""
        self.isSettled = threading.Event()
        self.lock = threading.Lock()
        self.patience = patience
        self.stop = workspace.path(f"stop{number}")
        self.lines = []
        self.isAtEnd = False
        self.part = b""
        self.errors = tempfile.TemporaryFile(dir=workspace.folder)
        # A session and a group of its own, which what it starts shares; a child of this library ends with its parent.
        self.process = subprocess.Popen(
            program.command(number, self.stop), cwd=workspace.folder, env=workspace.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, start_new_session=True)
        scenario = SCENARIOS[program.scenario]
        self.thread = threading.Thread(target=self.run, args=(scenario.roles, scenario.count))
        self.thread.start()

    def run(self, roles, count):
        try:
            self.lead(roles, count)
        except NoKill as error:
            self.outcome, self.said = NO_KILL, f"{error}; {self.lines} {self.error_text()}"
        except Exception as error:  # The table tells it.
            self.outcome, self.said = NO_KILL, repr(error)
        finally:
            self.end()
            self.process.stdout.close()
            self.errors.close()
            self.isSettled.set()

    def end(self):
        """Ends every process of the program."""
        with self.lock:
            # Until it is waited for, no other process, and no other group, has its number.
            if self.process.returncode is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def lead(self, roles, count):
        start = time.monotonic()
        while any(len(self.processes(role)) < count for role in roles):
            if not self.read(until=start + START_LIMIT):
                raise NoKill("not all processes began")
        time.sleep(self.delay)
        victim = self.processes(self.role)[self.index]
        if not is_alive(victim, self.process.pid):
            raise NoKill(f"process {victim} had ended before the kill")
        os.kill(victim, signal.SIGKILL)
        killed = time.monotonic()
        while self.read(until=killed + GOES_ON):
            pass
        open(self.stop, "w").close()
        while self.read(until=killed + self.patience):
            pass
        while self.isAtEnd and not self.has_ended() and time.monotonic() < killed + self.patience:
            time.sleep(0.01)
        end = self.has_ended()
        said = [line for line in self.lines if line.split(" ")[0] not in roles]
        if any(line.startswith("damaged") for line in said):
            self.outcome = DAMAGED
        elif any(line.startswith("error") for line in said):
            self.outcome = ERROR
        elif not end:
            self.outcome = HUNG
        else:
            self.outcome = WENT_ON if said == ["done"] and end.si_status == 0 else ERROR
        if self.outcome != WENT_ON:
            self.said = "; ".join(said) or self.error_text()

    def has_ended(self):
        """Looks without waiting for it: the number of its group stays this program's."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)

    def processes(self, role):
        return [int(line.split(" ")[1]) for line in self.lines if line.startswith(role + " ")]

    def read(self, until):
        """Reads a piece of what the program says. Returns false at the end, and when the time is up."""
        remaining = until - time.monotonic()
        if self.isAtEnd or remaining <= 0:
            return False
        if not select.select([self.process.stdout], [], [], remaining)[0]:
            return False
        piece = os.read(self.process.stdout.fileno(), 4096)
        self.isAtEnd = not piece
        *whole, self.part = (self.part + piece).split(b"\n")
        self.lines += [line.decode(errors="replace") for line in whole]
        return not self.isAtEnd

    def error_text(self):
        self.errors.seek(0)
        lines = self.errors.read(1 << 20).decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def is_alive(process, session):
    """Whether it runs, and is one of this session's: what this program didn't start, it doesn't kill."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as file:
            state, _, _, found = file.read().rpartition(")")[2].split()[:4]
            return state not in ("Z", "X") and int(found) == session
    except FileNotFoundError:
        return False


def kills(scenario, rounds, seed):
    """Which process is killed in each round, and when: the same for every program."""
    _, _, roles, count = SCENARIOS[scenario]
    numbers = random.Random(f"{seed} {scenario}")
    # As many of each role.
    return [(roles[i % len(roles)], numbers.randrange(count), numbers.uniform(0, LATEST_KILL)) for i in range(rounds)]


def measure(workspace, program, rounds, seed, patience, first):
    """Yields the rounds of one program, one after the other. One that seems to hang is waited for beside the next."""
    for number, kill in enumerate(kills(program.scenario, rounds, seed), first):
        each = Round(workspace, program, number, kill, patience)
        yield each
        while not each.isSettled.wait(0.02):
            if os.path.exists(each.stop):
                each.isSettled.wait(NEXT_ROUND)
                break
        note(f"{program.title}: {number - first + 1} of {rounds} kills")


def settle(measured):
    for _, rounds in measured:
        for each in rounds:
            each.thread.join()


# What is printed


def note(text):
    """Progress, for a terminal alone."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="" if text else "\r", file=sys.stderr, flush=True)


def plural(count, noun):
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def cell(rounds, outcome):
    """How many rounds ended so; of which roles, where they are several."""
    roles = collections.Counter(each.role for each in rounds if each.outcome == outcome)
    total = sum(roles.values())
    if len({each.role for each in rounds}) < 2 or total in (0, len(rounds)):
        return str(total)
    return f"{total} ({', '.join(plural(roles[role], role) for role in sorted(roles, reverse=True))})"


def table(measured):
    seen = {each.outcome for _, rounds in measured for each in rounds}
    columns = [outcome for outcome in OUTCOMES if outcome in seen or outcome not in (DAMAGED, NO_KILL)]
    rows = [["killed", "library", "version", "rounds", *columns]]
    for scenario, (killed, _, _, _) in SCENARIOS.items():
        for program, rounds in measured:
            if program.scenario == scenario:
                cells = [cell(rounds, outcome) for outcome in columns]
                rows.append([killed, program.title, program.version, str(len(rounds)), *cells])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return lines, columns


def machine():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        names = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    name = names[0] if names else platform.machine()
    return f"{plural(os.cpu_count(), 'CPU')} ({name}), Linux {platform.release()}"


def report(measured, leftOut, options):
    lines, columns = table(measured)
    print(f"kill -9, {plural(options.rounds, 'time')} for each, seed {options.seed}; {machine()}\n")
    print("\n".join(lines) + "\n")
    for outcome in columns:
        print(f"{outcome}: {EXPLANATIONS[outcome].format(patience=format(options.patience, 'g'))}")
    for program, rounds in measured:
        said = collections.Counter(each.said for each in rounds if each.said)
        for text, count in said.most_common(3):
            print(f"{program.title} said ({plural(count, 'time')}): {text[:200]}")
    for reason in [] if options.only else leftOut:
        print(f"left out: {reason}")


def document(measured, leftOut, options):
    programs = []
    for program, rounds in measured:
        found = [
            {
                "killed": each.role, "number": each.index, "seconds": each.delay, "outcome": each.outcome,
                "said": each.said
            } for each in rounds]
        counts = {outcome: sum(each.outcome == outcome for each in rounds) for outcome in OUTCOMES}
        programs.append({
            "name": program.name, "title": program.title, "version": program.version, "scenario": program.scenario,
            "question": SCENARIOS[program.scenario].question, **counts, "rounds": found})
    return {
        "machine": machine(), "seed": options.seed, "rounds": options.rounds, "patience": options.patience,
        "programs": programs, "leftOut": leftOut}


def positive(text):
    number = float(text)
    if not 0 < number < 1e6:
        raise ValueError
    return number


def count(text):
    number = int(text)
    if not 1 <= number <= 10_000:
        raise ValueError
    return number


def interrupt(*_):
    """What was started is ended, and what was made removed: once, and undisturbed by further signals."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=count, default=20, help="kills for each program (20)")
    parser.add_argument("--seed", type=int, default=1, help="determines the instants and the victims (1)")
    parser.add_argument("--patience", type=positive, default=10, help="seconds after which a program hangs (10)")
    parser.add_argument("--only", metavar="NAME,…", help="only these programs: queue, python-pool, …")
    parser.add_argument("--json", action="store_true", help="prints one JSON document")
    parser.add_argument(
        "--scratch-path", default=os.path.join(ROOT, ".build", "kills"), help="where the Swift program is built")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)

    workspace = Workspace(os.path.abspath(options.scratch_path), options.patience)
    programs, leftOut, measured = [], [], []
    try:
        for make in (swift, python, boost, iceoryx):
            try:
                programs += make(workspace)
            except LeftOut as reason:
                if make is swift:
                    sys.exit(f"kills.py: {reason}")
                leftOut.append(str(reason).partition("\n")[0])
        if options.only:
            wanted = options.only.split(",")
            unknown = set(wanted) - {program.name for program in programs}
            if unknown:
                names = ", ".join(program.name for program in programs)
                parser.error(f"no program {', '.join(sorted(unknown))}: there are {names}")
            programs = [program for program in programs if program.name in wanted]
        for program in programs:
            first = len(measured) * options.rounds
            measured.append((program, []))
            for each in measure(workspace, program, options.rounds, options.seed, options.patience, first):
                measured[-1][1].append(each)
        note("waiting for those that seem to hang")
        settle(measured)
    except KeyboardInterrupt:
        for _, rounds in measured:
            for each in rounds:
                each.end()
        sys.exit(130)
    finally:
        settle(measured)
        note("")
        workspace.remove()
    if options.json:
        print(json.dumps(document(measured, leftOut, options), indent=2, ensure_ascii=False))
    else:
        report(measured, leftOut, options)
    # The others' results are what they are. This library's are a promise.
    sys.exit(any(each.outcome != WENT_ON for program, rounds in measured if program.isOurs for each in rounds))


if __name__ == "__main__":
    main()
