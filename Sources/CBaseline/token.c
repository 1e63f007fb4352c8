// Messages without bytes: an eventfd that counts, a pair of System V semaphores.
#include "internal.h"

#include <poll.h>
#include <sys/sem.h>

static int step(struct baseline_end *end, bool sends, bool now) {
  int id = end->options.id;
  if (end->options.kind == baseline_semaphore_token) {
    short flags = now ? IPC_NOWAIT : 0;
    struct sembuf steps[2] = {{sends ? 0 : 1, -1, flags}, {sends ? 1 : 0, 1, flags}};
    return semop(id, steps, 2);
  }
  uint64_t one = 1;
  for (;;) {
    ssize_t count = sends ? write(id, &one, 8) : read(id, &one, 8);
    if (count == 8) return 0;
    if (now || errno != EAGAIN) return -1;
    struct pollfd entry = {id, sends ? POLLOUT : POLLIN, 0};
    poll(&entry, 1, -1);
  }
}

static int wait_step(struct baseline_end *end, bool sends) {
  if (end->options.wait == baseline_block) return step(end, sends, false);
  uint64_t until = 0;
  for (uint64_t tries = 0;; tries++) {
    if (step(end, sends, true) == 0) return 0;
    if (errno != EAGAIN) return -1;
    if (end->options.wait == baseline_adaptive && (tries & 7) == 7) {
      uint64_t now = baseline_now();
      if (!until) until = now + baseline_patience;
      if (now >= until) return step(end, sends, false);
    }
    baseline_pause();
  }
}

static inline int flush(struct baseline_end *end) {
  (void)end;
  return 0;
}

static inline int put(struct baseline_end *end, uint64_t number, bool every_byte) {
  (void)number, (void)every_byte;
  return wait_step(end, true);
}

static inline int get(struct baseline_end *end, const uint8_t **bytes, size_t *size) {
  *bytes = end->message;
  *size = 0;
  return wait_step(end, false);
}

static inline void done(struct baseline_end *end) { (void)end; }

#define NAME(x) token_##x
#include "loops.h"
