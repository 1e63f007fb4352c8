"""iceoryx2: two publishers and two subscribers, which wait in a WaitSet. kills.py starts it: iceoryx.py MODE NAME STOP

Every subscriber gets every message. MODE is what a publisher does where a subscriber's buffer is full:

    drops   drops the oldest message: the default of iceoryx2
    waits   waits for room
    cleans  waits for room, while the first process removes dead nodes again and again
"""

import ctypes
import os
import subprocess
import sys
import time

import iceoryx2 as iox2

import common

CLEANING_INTERVAL = 0.05
MESSAGE_EVENT = iox2.EventId.new(0)
END_EVENT = iox2.EventId.new(1)


def configuration(name):
    """Files of its own, which kills.py removes."""
    result = iox2.config.default()
    result.global_cfg.prefix = iox2.FileName.new(name)
    result.global_cfg.root_path = iox2.Path.new(os.environ["TMPDIR"] + "/" + name)
    return result


def services(mode, name):
    """What each process opens: the node, the service of the messages, and that of the events."""
    node = iox2.NodeBuilder.new().config(configuration(name)).create(iox2.ServiceType.Ipc)
    service = iox2.ServiceName.new(name)
    messages = (
        node.service_builder(service)
        .publish_subscribe(iox2.Slice[ctypes.c_uint8])
        .enable_safe_overflow(mode == "drops")
        .subscriber_max_buffer_size(common.QUEUE_LENGTH)
        .open_or_create()
    )
    return node, messages, node.service_builder(service).event().open_or_create()


def send(mode, name, stop):
    node, messages, events = services(mode, name)
    publisher = (
        messages.publisher_builder()
        .initial_max_slice_len(max(common.MESSAGE_OF_SIZE))
        .backpressure_strategy(iox2.BackpressureStrategy.RetryUntilDelivered)
        .create()
    )
    notifier = events.notifier_builder().default_event_id(MESSAGE_EVENT).create()
    count = 0
    while not os.path.exists(stop):
        message = common.MESSAGES[count % len(common.MESSAGES)]
        sample = publisher.loan_slice_uninit(len(message))
        ctypes.memmove(sample.payload_ptr, message, len(message))
        sample.assume_init().send()
        notifier.notify()
        count += 1
        if count == common.MESSAGES_BEFORE_REPORT:
            common.say(f"sender {os.getpid()}")


def receive(mode, name):
    node, messages, events = services(mode, name)
    # First the listener, so that it hears of every message.
    listener = events.listener_builder().create()
    subscriber = messages.subscriber_builder().create()
    waiting = iox2.WaitSetBuilder.new().create(iox2.ServiceType.Ipc)
    guard = waiting.attach_notification(listener)
    count = 0
    isEnding = False
    while not isEnding:
        waiting.wait_and_process()
        for event in listener.try_wait():
            isEnding = isEnding or event.id.as_value == END_EVENT.as_value
        while (sample := subscriber.receive()) is not None:
            payload = sample.payload()
            common.check(ctypes.string_at(payload.as_ptr(), payload.len()))
            sample.delete()
            count += 1
            if count == common.MESSAGES_BEFORE_REPORT:
                common.say(f"receiver {os.getpid()}")
    guard.delete()


def main():
    mode, name, stop = sys.argv[1:]
    node, messages, events = services(mode, name)

    def start(role):
        return subprocess.Popen([sys.executable, __file__, mode, name, stop, role])

    receivers = [start("receive") for _ in range(2)]
    senders = [start("send") for _ in range(2)]
    while any(process.poll() is None for process in senders):
        if mode == "cleans":
            node.try_cleanup_dead_nodes()
        time.sleep(CLEANING_INTERVAL)
    # The channel has no end: an event says so.
    notifier = events.notifier_builder().default_event_id(END_EVENT).create()
    notifier.notify()
    for process in receivers:
        process.wait()
    for process in senders + receivers:
        process.exitcode = process.returncode
    common.finish(senders + receivers)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        import importlib.metadata

        print(importlib.metadata.version("iceoryx2"))
    else:
        common.bound()
        if len(sys.argv) == 4:
            main()
        elif sys.argv[4] == "send":
            send(*sys.argv[1:4])
        else:
            receive(*sys.argv[1:3])
