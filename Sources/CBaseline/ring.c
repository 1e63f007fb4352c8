// The ring in shared memory, with the library's layout.
#include "internal.h"

#include <linux/futex.h>
#include <sys/syscall.h>

enum { tail_offset = 128, head_offset = 256, messages_offset = 384, room_offset = 512, data_offset = 4096 };
static const uint32_t filler = UINT32_MAX;

static inline uint64_t *tail_of(struct baseline_end *end) { return (uint64_t *)((uint8_t *)end->options.memory + tail_offset); }
static inline uint64_t *head_of(struct baseline_end *end) { return (uint64_t *)((uint8_t *)end->options.memory + head_offset); }
static inline uint32_t *messages_of(struct baseline_end *end) { return (uint32_t *)((uint8_t *)end->options.memory + messages_offset); }
static inline uint32_t *room_of(struct baseline_end *end) { return (uint32_t *)((uint8_t *)end->options.memory + room_offset); }

bool ring_open(struct baseline_end *end) {
  uint64_t capacity;
  memcpy(&capacity, (uint8_t *)end->options.memory + 8, 8);
  end->data = (uint8_t *)end->options.memory + data_offset;
  end->mask = capacity - 1;
  end->position = __atomic_load_n(end->options.sends ? tail_of(end) : head_of(end), __ATOMIC_ACQUIRE);
  end->known = __atomic_load_n(end->options.sends ? head_of(end) : tail_of(end), __ATOMIC_ACQUIRE);
  end->told = end->position;
  return true;
}

static __attribute__((noinline)) void wake(uint32_t *bell) {
  uint32_t value = __atomic_load_n(bell, __ATOMIC_ACQUIRE);
  while (!__atomic_compare_exchange_n(bell, &value, (value & ~1u) + 2, false, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE)) {}
  if (value & 1) syscall(SYS_futex, bell, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
}

static inline void ring(uint32_t *bell) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (__atomic_load_n(bell, __ATOMIC_RELAXED) & 1) wake(bell);
}

// Waits until `counter` differs from `seen`.
static uint64_t await(struct baseline_end *end, uint64_t *counter, uint64_t seen, uint32_t *bell) {
  uint64_t value, until = 0;
  if (end->options.wait != baseline_block) {
    for (uint64_t tries = 0;; tries++) {
      if ((value = __atomic_load_n(counter, __ATOMIC_ACQUIRE)) != seen) return value;
      if (end->options.wait == baseline_adaptive && (tries & 7) == 7) {
        uint64_t now = baseline_now();
        if (!until) until = now + baseline_patience;
        if (now >= until) break;
      }
      baseline_pause();
    }
  }
  for (;;) {
    uint32_t word = __atomic_load_n(bell, __ATOMIC_ACQUIRE);
    if (!(word & 1) &&
        !__atomic_compare_exchange_n(bell, &word, word | 1, false, __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE))
      continue;
    if ((value = __atomic_load_n(counter, __ATOMIC_ACQUIRE)) != seen) return value;
    syscall(SYS_futex, bell, FUTEX_WAIT, word | 1, NULL, NULL, 0);
  }
}

static inline int flush(struct baseline_end *end) {
  if (end->has_news) {
    end->has_news = false;
    ring(messages_of(end));
  }
  return 0;
}

static inline int put(struct baseline_end *end, uint64_t number, bool every_byte) {
  uint64_t capacity = end->mask + 1;
  size_t size = end->options.size, offset = 0, most = capacity / 2 - 16;
  // Larger than half the ring: in fragments.
  size_t part = size <= most ? size : capacity / 4 - 8;
  if (size > most || end->options.mode != baseline_in_place) {
    if (every_byte) baseline_fill(end->message, size, number);
    baseline_stamp(end->message, size, number);
  }
  do {
    size_t count = size - offset < part ? size - offset : part;
    uint64_t record = (count + 8 + 7) & ~UINT64_C(7), until_end = capacity - (end->position & end->mask);
    uint64_t needed = record <= until_end ? record : until_end + record;
    while (end->position - end->known + needed > capacity) {
      uint64_t head = __atomic_load_n(head_of(end), __ATOMIC_ACQUIRE);
      if (head == end->known) {
        flush(end);
        head = await(end, head_of(end), end->known, room_of(end));
      }
      end->known = head;
    }
    if (record > until_end) {
      uint64_t header = baseline_header(filler, until_end - 8, false, false);
      memcpy(end->data + (end->position & end->mask), &header, 8);
      end->position += until_end;
    }
    uint8_t *target = end->data + (end->position & end->mask);
    if (size <= most && end->options.mode == baseline_in_place) {
      if (every_byte) baseline_fill(target + 8, size, number);
      baseline_stamp(target + 8, size, number);
    } else {
      memcpy(target + 8, end->message + offset, count);
    }
    uint64_t header = baseline_header(0, count, offset > 0, offset + count < size);
    memcpy(target, &header, 8);
    end->position += record;
    __atomic_store_n(tail_of(end), end->position, __ATOMIC_RELEASE);
    if (end->options.mode == baseline_batched) end->has_news = true;
    else ring(messages_of(end));
    offset += count;
  } while (offset < size);
  return 0;
}

static inline void tell(struct baseline_end *end) {
  end->told = end->position;
  __atomic_store_n(head_of(end), end->position, __ATOMIC_RELEASE);
  ring(room_of(end));
}

static inline void advance(struct baseline_end *end, uint64_t bytes) {
  end->position += bytes;
  if (end->position == end->known || end->position - end->told >= (end->mask + 1) / 4) tell(end);
}

static inline int get(struct baseline_end *end, const uint8_t **bytes, size_t *size) {
  for (;;) {
    if (end->position == end->known) {
      end->known = __atomic_load_n(tail_of(end), __ATOMIC_ACQUIRE);
      if (end->position == end->known) {
        if (end->told != end->position) tell(end);
        end->known = await(end, tail_of(end), end->known, messages_of(end));
      }
    }
    const uint8_t *start = end->data + (end->position & end->mask);
    uint64_t header;
    memcpy(&header, start, 8);
    size_t count = (header >> 32) & 0x3FFFFFFF;
    uint64_t record = (count + 8 + 7) & ~UINT64_C(7);
    bool more = header >> 63, continues = (header >> 62) & 1;
    if ((uint32_t)header == filler) {
      advance(end, record);
      continue;
    }
    if (!more && !continues) {
      *bytes = start + 8;
      *size = count;
      end->taken = record;
      return 0;
    }
    if (!continues) end->whole_count = 0;
    if (end->whole_count + count > end->options.size) {
      errno = EBADMSG;
      return -1;
    }
    memcpy(end->whole + end->whole_count, start + 8, count);
    end->whole_count += count;
    advance(end, record);
    if (!more) {
      *bytes = end->whole;
      *size = end->whole_count;
      end->taken = 0;
      return 0;
    }
  }
}

static inline void done(struct baseline_end *end) {
  if (end->taken) {
    advance(end, end->taken);
    end->taken = 0;
  }
}

#define NAME(x) ring_##x
#include "loops.h"
