// Framed bytes over pipes, FIFOs, sockets, queues and the bounded buffer. The frame is eight bytes: sender, length,
// two flags, as the library documents it.
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

enum { sending, receiving, free_slots, used_slots, tail_slot, head_slot };
enum { slot_bytes = 4096, slots_offset = 4096, gather_limit = 1 << 16 };

uint64_t baseline_header(uint32_t stream, size_t count, bool continues, bool more) {
  return (uint64_t)stream | (uint64_t)count << 32 | (uint64_t)more << 63 | (uint64_t)continues << 62;
}

// This endpoint's next slot. As in the library, the kernel keeps it; while no other process has used it, it is cached.
static int next_slot(struct baseline_end *end) {
  uint64_t *entered = (uint64_t *)((uint8_t *)end->options.memory + (end->options.sends ? 128 : 256));
  uint64_t entry = __atomic_load_n(entered, __ATOMIC_ACQUIRE);
  __atomic_store_n(entered, entry + 1, __ATOMIC_RELEASE);
  if (entry != end->last_entry) end->slot = semctl(end->options.id, end->options.sends ? tail_slot : head_slot, GETVAL);
  end->last_entry = entry + 1;
  return end->slot;
}

static bool would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOMSG; }

bool framed_open(struct baseline_end *end) {
  struct baseline_options *options = &end->options;
  if (options->kind == baseline_fifo && options->wait != baseline_block) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", options->id);
    end->nonblocking = open(path, (options->sends ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
    if (end->nonblocking < 0) return false;
  }
  // A queue's message begins with its type.
  end->scratch = malloc(options->unit + 16);
  if (!end->scratch) return false;
  return true;
}

// One call; `now`: without waiting. A queue's message begins with its type, for which the buffers reserve eight bytes.
static ssize_t write_once(struct baseline_end *end, const uint8_t *head, const uint8_t *body, size_t count, bool now) {
  struct baseline_options *options = &end->options;
  struct iovec pieces[2] = {{(void *)head, 8}, {(void *)body, count}};
  int parts = count ? 2 : 1;
  switch (options->kind) {
  case baseline_pipe: return now ? pwritev2(options->id, pieces, parts, -1, RWF_NOWAIT) : writev(options->id, pieces, parts);
  case baseline_fifo: return writev(now ? end->nonblocking : options->id, pieces, parts);
  case baseline_socket: {
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)parts};
    return sendmsg(options->id, &message, MSG_NOSIGNAL | (now ? MSG_DONTWAIT : 0));
  }
  case baseline_queue: {
    uint8_t *scratch = end->scratch;
    uint64_t header;
    memcpy(&header, head, 8);
    long type = header >> 62 ? 2 : 1;
    memcpy(scratch, &type, 8);
    memcpy(scratch + 8, head, 8);
    memcpy(scratch + 16, body, count);
    return msgsnd(options->id, scratch, 8 + count, now ? IPC_NOWAIT : 0) < 0 ? -1 : (ssize_t)(8 + count);
  }
  case baseline_semaphore: {
    struct sembuf enter[2] = {{sending, -1, SEM_UNDO}, {free_slots, -1, SEM_UNDO}};
    for (int i = 0; i < 2; i++) enter[i].sem_flg |= now ? IPC_NOWAIT : 0;
    if (semop(options->id, end->inside ? enter + 1 : enter, end->inside ? 1 : 2) < 0) return -1;
    uint8_t *slot = (uint8_t *)options->memory + slots_offset + (size_t)next_slot(end) * (slot_bytes + 8);
    uint32_t total = (uint32_t)(8 + count);
    memcpy(slot, &total, 4);
    memcpy(slot + 8, head, 8);
    memcpy(slot + 16, body, count);
    int step = end->slot == options->slots - 1 ? -(options->slots - 1) : 1;
    end->slot += step;
    struct sembuf leave[5] = {
        {free_slots, 1, SEM_UNDO}, {free_slots, -1, IPC_NOWAIT}, {used_slots, 1, IPC_NOWAIT},
        {tail_slot, (short)step, IPC_NOWAIT}, {sending, 1, SEM_UNDO}};
    uint64_t header;
    memcpy(&header, head, 8);
    end->inside = header >> 63;
    if (semop(options->id, leave, end->inside ? 4 : 5) < 0) return -1;
    return (ssize_t)total;
  }
  default: errno = EINVAL; return -1;
  }
}

static ssize_t read_once(struct baseline_end *end, uint8_t *buffer, size_t count, bool now) {
  struct baseline_options *options = &end->options;
  struct iovec piece = {buffer, count};
  switch (options->kind) {
  case baseline_pipe: return now ? preadv2(options->id, &piece, 1, -1, RWF_NOWAIT) : read(options->id, buffer, count);
  case baseline_fifo: return read(now ? end->nonblocking : options->id, buffer, count);
  case baseline_socket: {
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    return recvmsg(options->id, &message, MSG_CMSG_CLOEXEC | (now ? MSG_DONTWAIT : 0));
  }
  case baseline_queue: {
    uint8_t *scratch = end->scratch;
    ssize_t got = msgrcv(options->id, scratch, options->unit, 0, now ? IPC_NOWAIT : 0);
    if (got > 0) memcpy(buffer, scratch + 8, (size_t)got);
    return got;
  }
  case baseline_semaphore: {
    struct sembuf enter[2] = {{receiving, -1, SEM_UNDO}, {used_slots, -1, SEM_UNDO}};
    for (int i = 0; i < 2; i++) enter[i].sem_flg |= now ? IPC_NOWAIT : 0;
    if (semop(options->id, end->inside ? enter + 1 : enter, end->inside ? 1 : 2) < 0) return -1;
    uint8_t *slot = (uint8_t *)options->memory + slots_offset + (size_t)next_slot(end) * (slot_bytes + 8);
    uint32_t total;
    memcpy(&total, slot, 4);
    memcpy(buffer, slot + 8, total);
    int step = end->slot == options->slots - 1 ? -(options->slots - 1) : 1;
    end->slot += step;
    struct sembuf leave[5] = {
        {used_slots, 1, SEM_UNDO}, {used_slots, -1, IPC_NOWAIT}, {free_slots, 1, IPC_NOWAIT},
        {head_slot, (short)step, IPC_NOWAIT}, {receiving, 1, SEM_UNDO}};
    uint64_t header;
    memcpy(&header, buffer, 8);
    end->inside = header >> 63;
    if (semop(options->id, leave, end->inside ? 4 : 5) < 0) return -1;
    return (ssize_t)total;
  }
  default: errno = EINVAL; return -1;
  }
}

// Waits as the wait strategy says.
static ssize_t wait_write(struct baseline_end *end, const uint8_t *head, const uint8_t *body, size_t count) {
  if (end->options.wait == baseline_block) return write_once(end, head, body, count, false);
  uint64_t until = 0;
  for (uint64_t tries = 0;; tries++) {
    ssize_t result = write_once(end, head, body, count, true);
    if (result >= 0 || !would_block()) return result;
    if (end->options.wait == baseline_adaptive && (tries & 7) == 7) {
      uint64_t now = baseline_now();
      if (!until) until = now + baseline_patience;
      if (now >= until) return write_once(end, head, body, count, false);
    }
    baseline_pause();
  }
}

static ssize_t wait_read(struct baseline_end *end, uint8_t *buffer, size_t count) {
  if (end->options.wait == baseline_block) return read_once(end, buffer, count, false);
  uint64_t until = 0;
  for (uint64_t tries = 0;; tries++) {
    ssize_t result = read_once(end, buffer, count, true);
    if (result >= 0 || !would_block()) return result;
    if (end->options.wait == baseline_adaptive && (tries & 7) == 7) {
      uint64_t now = baseline_now();
      if (!until) until = now + baseline_patience;
      if (now >= until) return read_once(end, buffer, count, false);
    }
    baseline_pause();
  }
}

// Sends everything, in several calls if need be.
static int write_all(struct baseline_end *end, const uint8_t *head, const uint8_t *body, size_t count) {
  ssize_t done = wait_write(end, head, body, count);
  if (done < 0) return -1;
  size_t total = 8 + count;
  while ((size_t)done < total) {
    if (done < 8) {
      errno = EIO;
      return -1;
    }
    struct iovec rest = {(void *)(body + ((size_t)done - 8)), total - (size_t)done};
    ssize_t more;
    bool now = end->options.wait != baseline_block;
    switch (end->options.kind) {
    case baseline_pipe: more = now ? pwritev2(end->options.id, &rest, 1, -1, RWF_NOWAIT) : writev(end->options.id, &rest, 1); break;
    case baseline_fifo: more = writev(now ? end->nonblocking : end->options.id, &rest, 1); break;
    default: {
      struct msghdr message = {.msg_iov = &rest, .msg_iovlen = 1};
      more = sendmsg(end->options.id, &message, MSG_NOSIGNAL | (now ? MSG_DONTWAIT : 0));
    }
    }
    if (more < 0 && !would_block()) return -1;
    if (more > 0) done += more;
    if (more <= 0) baseline_pause();
  }
  return 0;
}

static inline int flush(struct baseline_end *end) {
  if (end->filled == 0) return 0;
  // The buffer begins with the first frame's header.
  size_t filled = end->filled;
  end->filled = 0;
  return write_all(end, end->buffer, end->buffer + 8, filled - 8);
}

static inline int put(struct baseline_end *end, uint64_t number, bool every_byte) {
  size_t size = end->options.size;
  uint8_t *message = end->message;
  if (every_byte) baseline_fill(message, size, number);
  baseline_stamp(message, size, number);
  if (end->options.mode == baseline_batched && size + 8 <= end->capacity) {
    if (end->filled + 8 + size > end->capacity && flush(end) < 0) return -1;
    uint64_t header = baseline_header(end->options.stream, size, false, false);
    memcpy(end->buffer + end->filled, &header, 8);
    memcpy(end->buffer + end->filled + 8, message, size);
    end->filled += 8 + size;
    return 0;
  }
  if (end->options.is_stream || size + 8 <= end->options.unit) {
    uint64_t header = baseline_header(end->options.stream, size, false, false);
    return write_all(end, (uint8_t *)&header, message, size);
  }
  size_t most = end->options.unit - 8;
  for (size_t offset = 0; offset < size; offset += most) {
    size_t count = size - offset < most ? size - offset : most;
    uint64_t header = baseline_header(end->options.stream, count, offset > 0, offset + count < size);
    if (write_all(end, (uint8_t *)&header, message + offset, count) < 0) return -1;
  }
  return 0;
}

static int fill(struct baseline_end *end, size_t needed) {
  // Makes room for the largest piece after the remaining bytes, which it moves to the front if needed.
  size_t left = end->filled - end->start;
  if (left == 0) {
    end->start = end->filled = 0;
  } else if (end->capacity - end->filled < needed) {
    memmove(end->buffer, end->buffer + end->start, left);
    end->start = 0;
    end->filled = left;
  }
  ssize_t got = wait_read(end, end->buffer + end->filled, end->capacity - end->filled);
  if (got <= 0) {
    if (got == 0) errno = EPIPE;
    return -1;
  }
  end->filled += (size_t)got;
  return 0;
}

static inline int get(struct baseline_end *end, const uint8_t **bytes, size_t *size) {
  for (;;) {
    size_t left = end->filled - end->start;
    if (left >= 8) {
      uint64_t header;
      memcpy(&header, end->buffer + end->start, 8);
      size_t count = (header >> 32) & 0x3FFFFFFF;
      bool more = header >> 63, continues = (header >> 62) & 1;
      if (left >= 8 + count) {
        const uint8_t *body = end->buffer + end->start + 8;
        end->taken = 8 + count;
        if (!more && !continues) {
          *bytes = body;
          *size = count;
          return 0;
        }
        if (!continues) end->whole_count = 0;
        if (end->whole_count + count > end->options.size) {
          errno = EBADMSG;
          return -1;
        }
        memcpy(end->whole + end->whole_count, body, count);
        end->whole_count += count;
        if (!more) {
          *bytes = end->whole;
          *size = end->whole_count;
          return 0;
        }
        end->start += end->taken;
        end->taken = 0;
        continue;
      }
    }
    if (fill(end, end->options.unit) < 0) return -1;
  }
}

static inline void done(struct baseline_end *end) {
  end->start += end->taken;
  end->taken = 0;
}

#define NAME(x) framed_##x
#include "loops.h"
