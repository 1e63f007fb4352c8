"""What the Python programs of kills.py share. The programs in other languages do the same."""

import os
import signal
import sys
import time

# The messages: some that go at once, and one that is larger than most mechanisms take in one piece.
MESSAGES = [bytes([size % 251]) * size for size in (64, 4096, 100_000)]
MESSAGE_OF_SIZE = {len(message): message for message in MESSAGES}

# How many messages a queue holds before it is full.
QUEUE_LENGTH = 64

# After so many messages a process says that it takes part.
MESSAGES_BEFORE_REPORT = 20

# How many jobs the pool is given at a time, and how long each takes.
JOBS_AT_A_TIME = 400
JOB_SECONDS = 100e-6


def bound():
    """Call it in each process: ends it, if nothing else does."""
    signal.alarm(int(os.environ.get("KILLS_LIMIT", "120")))


def say(line):
    """One write(2), so that the lines of several processes stay whole."""
    os.write(1, (line + "\n").encode())


def check(message):
    if MESSAGE_OF_SIZE.get(len(message)) != message:
        say(f"damaged: a message of {len(message)} bytes")
        sys.exit(1)


def finish(processes):
    """A process may have been killed, and may not have failed."""
    for process in processes:
        if process.exitcode not in (0, -signal.SIGKILL):
            say(f"error: a process ended with {process.exitcode}")
    say("done")


def work(number, said=[]):
    if not said:
        said.append(True)
        say(f"worker {os.getpid()}")
    end = time.monotonic() + JOB_SECONDS
    while time.monotonic() < end:
        pass
    return number + 1


def use(pool, stop):
    while not os.path.exists(stop):
        results = pool.map(work, range(JOBS_AT_A_TIME), chunksize=1)
        if sum(results) != JOBS_AT_A_TIME * (JOBS_AT_A_TIME + 1) // 2:
            say("error: results are missing")
    say("done")
