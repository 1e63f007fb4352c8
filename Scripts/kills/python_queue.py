"""multiprocessing.Queue: two senders and two receivers. kills.py starts it: python_queue.py STOP"""

import multiprocessing
import os
import sys

import common


def send(queue, stop):
    common.bound()
    count = 0
    while not os.path.exists(stop):
        queue.put(common.MESSAGES[count % len(common.MESSAGES)])
        count += 1
        if count == common.MESSAGES_BEFORE_REPORT:
            common.say(f"sender {os.getpid()}")


def receive(queue):
    common.bound()
    count = 0
    while (message := queue.get()) is not None:
        common.check(message)
        count += 1
        if count == common.MESSAGES_BEFORE_REPORT:
            common.say(f"receiver {os.getpid()}")


def main():
    common.bound()
    queue = multiprocessing.Queue(common.QUEUE_LENGTH)
    receivers = [multiprocessing.Process(target=receive, args=(queue,)) for _ in range(2)]
    senders = [multiprocessing.Process(target=send, args=(queue, sys.argv[1])) for _ in range(2)]
    for process in receivers + senders:
        process.start()
    for process in senders:
        process.join()
    # The queue has no end: each receiver that lives gets a message that says so.
    for process in receivers:
        if process.is_alive():
            queue.put(None)
    for process in receivers:
        process.join()
    common.finish(senders + receivers)


if __name__ == "__main__":
    main()
