"""multiprocessing.Pipe: a sender and a receiver. kills.py starts it: python_pipe.py"""

import multiprocessing
import os

import common


def send(receiving, sending):
    common.bound()
    # What fork(2) copied: with this end open, no death of the receiver would be reported.
    receiving.close()
    count = 0
    try:
        while True:
            sending.send(common.MESSAGES[count % len(common.MESSAGES)])
            count += 1
            if count == common.MESSAGES_BEFORE_REPORT:
                common.say(f"sender {os.getpid()}")
    except BrokenPipeError:
        pass


def receive(receiving, sending):
    common.bound()
    sending.close()
    count = 0
    try:
        while True:
            common.check(receiving.recv())
            count += 1
            if count == common.MESSAGES_BEFORE_REPORT:
                common.say(f"receiver {os.getpid()}")
    # OSError: the end came in the middle of a message.
    except (EOFError, OSError):
        pass


def main():
    common.bound()
    ends = multiprocessing.Pipe(duplex=False)
    processes = [multiprocessing.Process(target=target, args=ends) for target in (receive, send)]
    for process in processes:
        process.start()
    for end in ends:
        end.close()
    for process in processes:
        process.join()
    common.finish(processes)


if __name__ == "__main__":
    main()
