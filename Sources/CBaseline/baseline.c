#include "internal.h"

#include <sched.h>

void baseline_fill(uint8_t *bytes, size_t size, uint64_t number) {
  for (size_t i = 8; i + 8 < size; i++) bytes[i] = (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

bool baseline_is_filled(const uint8_t *bytes, size_t size, uint64_t number) {
  for (size_t i = 8; i + 8 < size; i++)
    if (bytes[i] != (uint8_t)(number * 31 + i * 7 + (i >> 8))) return false;
  return true;
}

struct baseline_end *baseline_open(const struct baseline_options *options) {
  struct baseline_end *end = calloc(1, sizeof *end);
  if (!end) return NULL;
  end->options = *options;
  end->nonblocking = -1;
  end->last_entry = UINT64_MAX;
  end->message = calloc(1, options->size + 16);
  if (options->kind == baseline_ring) {
    end->whole = calloc(1, options->size + 16);
    if (!end->message || !end->whole || !ring_open(end)) return NULL;
    return end;
  }
  size_t gather = options->unit < 1 << 16 ? options->unit : 1 << 16;
  // A receiver reads ahead, and has room for the largest message of a stream.
  end->capacity = options->sends ? gather : 2 * (options->unit < 1 << 16 ? 1 << 16 : options->unit) +
                                                (options->is_stream ? options->size : 0);
  end->buffer = malloc(end->capacity + 16);
  end->whole = malloc(options->size + 16);
  if (!end->message || !end->buffer || !end->whole || !framed_open(end)) return NULL;
  return end;
}

#define DISPATCH(end, function, ...)                                                        \
  return (end)->options.kind == baseline_ring ? ring_##function(__VA_ARGS__) : framed_##function(__VA_ARGS__);

int baseline_send(struct baseline_end *end, uint64_t first, uint64_t count, bool every_byte) {
  DISPATCH(end, send, end, first, count, every_byte)
}
int baseline_flush(struct baseline_end *end) { DISPATCH(end, flush, end) }
int baseline_receive(struct baseline_end *end, struct baseline_tally *tally, uint64_t count) {
  DISPATCH(end, receive, end, tally, count)
}
int baseline_receive_until_stopped(struct baseline_end *end, struct baseline_tally *tally) {
  DISPATCH(end, until_stopped, end, tally)
}
int baseline_pingpong(
    struct baseline_end *out, struct baseline_end *in, struct baseline_tally *tally, uint64_t first, uint64_t count,
    uint64_t *samples) {
  DISPATCH(out, pingpong, out, in, tally, first, count, samples)
}
int baseline_echo(struct baseline_end *in, struct baseline_end *out, struct baseline_tally *tally, uint64_t count) {
  DISPATCH(in, echo, in, out, tally, count)
}
int baseline_wake(struct baseline_end *end, struct baseline_board *board, uint64_t first, uint64_t count, uint64_t gap,
    bool every_byte) {
  DISPATCH(end, wake, end, board, first, count, gap, every_byte)
}
int baseline_woken(
    struct baseline_end *end, struct baseline_board *board, struct baseline_tally *tally, uint64_t count,
    uint64_t *samples) {
  DISPATCH(end, woken, end, board, tally, count, samples)
}
int baseline_send_paced(
    struct baseline_end *end, uint64_t first, uint64_t count, uint64_t start, double interval_nanoseconds,
    bool every_byte) {
  DISPATCH(end, send_paced, end, first, count, start, interval_nanoseconds, every_byte)
}
int baseline_receive_paced(
    struct baseline_end *end, struct baseline_tally *tally, uint64_t count, uint64_t start,
    double interval_nanoseconds, uint64_t *samples) {
  DISPATCH(end, receive_paced, end, tally, count, start, interval_nanoseconds, samples)
}

void baseline_wait_until(uint64_t instant) {
  for (;;) {
    uint64_t now = baseline_now();
    if (now >= instant) return;
    if (instant - now > 200000) {
      // Sleeps for most of the time: a wake-up takes less than what remains.
      uint64_t nap = instant - now - 150000;
      struct timespec time = {.tv_sec = (time_t)(nap / 1000000000), .tv_nsec = (long)(nap % 1000000000)};
      nanosleep(&time, NULL);
    } else {
      baseline_pause();
    }
  }
}

int baseline_await_sleeper(struct baseline_board *board, uint64_t number, uint64_t gap) {
  uint64_t deadline = baseline_now() + UINT64_C(10000000000);
  while (__atomic_load_n(&board->waiting, __ATOMIC_ACQUIRE) != number + 1) {
    baseline_pause();
    if (baseline_now() > deadline) {
      errno = ETIMEDOUT;
      return -1;
    }
  }
  baseline_wait_until(baseline_now() + gap);
  return 0;
}

uint64_t baseline_cache_line_near(struct baseline_board *board, uint64_t rounds) {
  uint64_t deadline = baseline_now() + 2000000000, start = 0;
  // The first tenth warms up.
  uint64_t warm = rounds / 10;
  for (uint64_t i = 1; i <= warm + rounds; i++) {
    if (i == warm + 1) start = baseline_now();
    __atomic_store_n(&board->ping, i, __ATOMIC_RELEASE);
    for (uint64_t tries = 1; __atomic_load_n(&board->pong, __ATOMIC_ACQUIRE) != i; tries++) {
      if ((tries & 0xFFFF) == 0 && baseline_now() > deadline) return 0;
    }
  }
  return baseline_now() - start;
}

bool baseline_cache_line_far(struct baseline_board *board, uint64_t rounds) {
  uint64_t deadline = baseline_now() + 2000000000, warm = rounds / 10;
  for (uint64_t i = 1; i <= warm + rounds; i++) {
    for (uint64_t tries = 1; __atomic_load_n(&board->ping, __ATOMIC_ACQUIRE) != i; tries++) {
      if ((tries & 0xFFFF) == 0 && baseline_now() > deadline) return false;
    }
    __atomic_store_n(&board->pong, i, __ATOMIC_RELEASE);
  }
  return true;
}

uint64_t baseline_copy(uint8_t *target, size_t target_size, const uint8_t *source, size_t size, uint64_t rounds) {
  size_t offset = 0;
  uint64_t start = baseline_now();
  for (uint64_t i = 0; i < rounds; i++) {
    if (offset + size > target_size) offset = 0;
    memcpy(target + offset, source, size);
    __asm__ volatile("" : : "r"(target + offset) : "memory");
    offset += (size + 63) & ~(size_t)63;
  }
  return baseline_now() - start;
}

double baseline_clock_cost(void) {
  enum { rounds = 20000 };
  uint64_t start = baseline_now();
  for (int i = 0; i < rounds; i++) (void)baseline_now();
  return (double)(baseline_now() - start) / rounds;
}

int baseline_pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < 0 || cpu >= CPU_SETSIZE) {
    errno = EINVAL;
    return -1;
  }
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set);
}
