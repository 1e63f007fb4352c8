#pragma once
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "include/CBaseline.h"

struct baseline_end {
  struct baseline_options options;
  // A FIFO's second, non-blocking descriptor.
  int nonblocking;
  uint8_t *message;
  uint8_t *scratch;
  // Sender: frames that are sent together. Receiver: bytes that were read ahead, from `start`.
  uint8_t *buffer;
  size_t start, filled, capacity;
  // Receiver: a message in fragments.
  uint8_t *whole;
  size_t whole_count;
  // The bounded buffer: this endpoint's next slot.
  int slot;
  uint64_t last_entry;
  bool inside;
  // The ring.
  uint8_t *data;
  uint64_t mask, position, known, told, taken;
  bool has_news;
};

static inline void baseline_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// How long an adaptive wait spins before it sleeps, in nanoseconds.
enum { baseline_patience = 60000 };

uint64_t baseline_header(uint32_t stream, size_t count, bool continues, bool more);

// The two transports, each with the loops over it.
#define BASELINE_LOOPS(name)                                                                                   \
  int name##_send(struct baseline_end *, uint64_t, uint64_t, bool);                                            \
  int name##_flush(struct baseline_end *);                                                                     \
  int name##_receive(struct baseline_end *, struct baseline_tally *, uint64_t);                                \
  int name##_until_stopped(struct baseline_end *, struct baseline_tally *);                                    \
  int name##_pingpong(                                                                                         \
      struct baseline_end *, struct baseline_end *, struct baseline_tally *, uint64_t, uint64_t, uint64_t *);  \
  int name##_echo(struct baseline_end *, struct baseline_end *, struct baseline_tally *, uint64_t);            \
  int name##_wake(struct baseline_end *, struct baseline_board *, uint64_t, uint64_t, uint64_t, bool);         \
  int name##_woken(struct baseline_end *, struct baseline_board *, struct baseline_tally *, uint64_t, uint64_t *); \
  int name##_send_paced(struct baseline_end *, uint64_t, uint64_t, uint64_t, double, bool);                    \
  int name##_receive_paced(                                                                                    \
      struct baseline_end *, struct baseline_tally *, uint64_t, uint64_t, double, uint64_t *);

BASELINE_LOOPS(framed)
BASELINE_LOOPS(ring)

bool ring_open(struct baseline_end *end);
bool framed_open(struct baseline_end *end);
