// The exchanges in plain C: the same kernel objects, framing and number of calls as the library's, but none of its code.
// The library's own cost is measured against them.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

enum baseline_kind {
  baseline_pipe,
  baseline_fifo,
  baseline_socket,
  baseline_queue,
  baseline_semaphore,
  baseline_ring,
};

enum baseline_wait { baseline_block, baseline_spin, baseline_adaptive };

// How messages are sent.
enum baseline_mode {
  // One message per call.
  baseline_each,
  // As many messages per call as fit 64 KiB, or the mechanism's limit.
  baseline_batched,
  // Written and read in shared memory without a copy; only the stamp is touched.
  baseline_in_place,
};

struct baseline_options {
  enum baseline_kind kind;
  enum baseline_wait wait;
  enum baseline_mode mode;
  bool sends;
  size_t size;
  // The most bytes of one call. A message on a stream may be larger; batches grow up to it.
  size_t unit;
  bool is_stream;
  // The sender's number, if several share a channel.
  uint32_t stream;
  // A descriptor, a queue or a semaphore set.
  int id;
  // The number of the bounded buffer's slots.
  int slots;
  // The memory of the ring or of the slots.
  void *memory;
};

struct baseline_end;

// NULL on failure, with errno.
struct baseline_end *baseline_open(const struct baseline_options *options);

// The exchanges return 0, or -1 with errno, or baseline_damaged for a message that isn't the expected one.
enum { baseline_damaged = -2 };

// The memory that the processes of one exchange share.
struct baseline_board {
  // For round trips of a cache line.
  uint64_t ping, space_0[15];
  uint64_t pong, space_1[15];
  // When the message to a sleeping receiver was sent, and which message the receiver waits for.
  uint64_t sent, space_2[15];
  uint64_t waiting, space_3[15];
};

// What was received, and how it is checked.
struct baseline_tally {
  // The number of each sender's next message.
  uint64_t next[64];
  // Whether several receivers share the messages: numbers only have to grow.
  bool gaps;
  // Whether every byte of a message is checked, or only the number and its checksum.
  bool every_byte;
  uint64_t received;
  // The sum of the received numbers: the sums of all receivers show whether messages were lost or duplicated.
  uint64_t sum;
  // The expected and the found number of a message that failed the check.
  uint64_t expected, found;
};

static inline uint64_t baseline_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline uint64_t baseline_mix(uint64_t x) {
  x = (x ^ (x >> 31)) * 0x9E3779B97F4A7C15u;
  return x ^ (x >> 29);
}

// Writes a message's number at its beginning, and a checksum of the number at its end: two stores.
static inline void baseline_stamp(uint8_t *bytes, size_t size, uint64_t number) {
  if (size >= 8) {
    memcpy(bytes, &number, 8);
    if (size >= 16) {
      uint64_t check = baseline_mix(number);
      memcpy(bytes + size - 8, &check, 8);
    }
  } else if (size > 0) {
    memcpy(bytes, &number, size);
  }
}

// Every byte between them, outside the timed part.
void baseline_fill(uint8_t *bytes, size_t size, uint64_t number);
bool baseline_is_filled(const uint8_t *bytes, size_t size, uint64_t number);

// The highest byte of a number is its sender.
enum { baseline_sender_shift = 56 };
// Each receiver of a fan-out stops at one of these.
static const uint64_t baseline_stop = UINT64_MAX;

static inline bool baseline_refuse(struct baseline_tally *tally, uint64_t expected, uint64_t found) {
  tally->expected = expected;
  tally->found = found;
  return false;
}

// Whether a message is the next one. Two loads, two comparisons, an addition.
static inline bool baseline_check(struct baseline_tally *tally, const uint8_t *bytes, size_t size, size_t expected_size) {
  if (size != expected_size) return baseline_refuse(tally, expected_size, size);
  tally->received++;
  if (size < 8) {
    // Too short for a number: its lowest bytes, from a single sender.
    uint64_t number = 0, mask = size ? (UINT64_C(1) << (8 * size)) - 1 : 0;
    memcpy(&number, bytes, size);
    uint64_t expected = tally->next[0]++;
    return number == (expected & mask) || tally->gaps || baseline_refuse(tally, expected & mask, number);
  }
  uint64_t number;
  memcpy(&number, bytes, 8);
  if (number == baseline_stop) return true;
  uint64_t *next = &tally->next[(number >> baseline_sender_shift) & 63];
  uint64_t ordinal = number & ((UINT64_C(1) << baseline_sender_shift) - 1);
  if (tally->gaps ? ordinal < *next : ordinal != *next) return baseline_refuse(tally, *next, number);
  if (size >= 16) {
    uint64_t check;
    memcpy(&check, bytes + size - 8, 8);
    if (check != baseline_mix(number)) return baseline_refuse(tally, baseline_mix(number), check);
  }
  if (tally->every_byte && !baseline_is_filled(bytes, size, number)) return baseline_refuse(tally, number, number);
  *next = ordinal + 1;
  tally->sum += ordinal;
  return true;
}

// Exchanges. `first` is the number of the first message.
int baseline_send(struct baseline_end *end, uint64_t first, uint64_t count, bool every_byte);
int baseline_receive(struct baseline_end *end, struct baseline_tally *tally, uint64_t count);
// Receives until a stop message.
int baseline_receive_until_stopped(struct baseline_end *end, struct baseline_tally *tally);
int baseline_flush(struct baseline_end *end);
int baseline_pingpong(
    struct baseline_end *out, struct baseline_end *in, struct baseline_tally *tally, uint64_t first, uint64_t count,
    uint64_t *samples);
int baseline_echo(struct baseline_end *in, struct baseline_end *out, struct baseline_tally *tally, uint64_t count);
// Sends once the receiver has slept for a while; the receiver's samples are from the send until it has the message.
int baseline_wake(struct baseline_end *end, struct baseline_board *board, uint64_t first, uint64_t count, uint64_t gap,
    bool every_byte);
int baseline_woken(
    struct baseline_end *end, struct baseline_board *board, struct baseline_tally *tally, uint64_t count,
    uint64_t *samples);
// Sends at a fixed rate; the receiver's samples are from the instant meant until it has the message.
int baseline_send_paced(
    struct baseline_end *end, uint64_t first, uint64_t count, uint64_t start, double interval_nanoseconds,
    bool every_byte);
int baseline_receive_paced(
    struct baseline_end *end, struct baseline_tally *tally, uint64_t count, uint64_t start,
    double interval_nanoseconds, uint64_t *samples);

// Waits for the instants of a fixed rate, and for a receiver to sleep; also for the exchanges over the library.
void baseline_wait_until(uint64_t instant);
int baseline_await_sleeper(struct baseline_board *board, uint64_t number, uint64_t gap);
static inline void baseline_about_to_sleep(struct baseline_board *board, uint64_t number) {
  __atomic_store_n(&board->waiting, number + 1, __ATOMIC_RELEASE);
}
static inline void baseline_note_sent(struct baseline_board *board) {
  __atomic_store_n(&board->sent, baseline_now(), __ATOMIC_RELEASE);
}
static inline uint64_t baseline_sent(struct baseline_board *board) {
  return __atomic_load_n(&board->sent, __ATOMIC_ACQUIRE);
}

// Lower bounds of every exchange. Nanoseconds for all rounds; 0 if the other process didn't take part.
uint64_t baseline_cache_line_near(struct baseline_board *board, uint64_t rounds);
bool baseline_cache_line_far(struct baseline_board *board, uint64_t rounds);
uint64_t baseline_copy(uint8_t *target, size_t target_size, const uint8_t *source, size_t size, uint64_t rounds);
// The time of reading the clock once, in nanoseconds.
double baseline_clock_cost(void);

// Pins this process to a CPU. Returns -1 on failure, with errno.
int baseline_pin(int cpu);
