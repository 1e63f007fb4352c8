// The calls that carry messages, each of them in the caller's own code and straight to the kernel. In a process with
// threads the C library's own are cancellation points, which costs up to 30 ns each, and nothing here is ever cancelled
// that way; some of them Swift couldn't call at all (MSG_* are enumerators here and integers there).
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static inline ssize_t csystem_read(int descriptor, void *base, size_t count) {
  return syscall(SYS_read, descriptor, base, count);
}

#ifdef SYS_msgsnd
static inline int csystem_message_send(int queue, const void *message, size_t count, int flags) {
  return (int)syscall(SYS_msgsnd, queue, message, count, flags);
}

static inline ssize_t csystem_message_receive(int queue, void *message, size_t capacity, long type, int flags) {
  return syscall(SYS_msgrcv, queue, message, capacity, type, flags);
}
#else
static inline int csystem_message_send(int queue, const void *message, size_t count, int flags) {
  return msgsnd(queue, message, count, flags);
}

static inline ssize_t csystem_message_receive(int queue, void *message, size_t capacity, long type, int flags) {
  return msgrcv(queue, message, capacity, type, flags);
}
#endif

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

// preadv2/pwritev2 with RWF_NOWAIT: the way to try a pipe that other processes use in blocking mode.
static inline ssize_t csystem_readv_now(int descriptor, void *base, size_t count) {
  struct iovec piece = {base, count};
  return syscall(SYS_preadv2, descriptor, &piece, 1L, -1L, -1L, RWF_NOWAIT);
}

static inline ssize_t csystem_writev_now(
    int descriptor, const void *first, size_t first_count, const void *second, size_t second_count) {
  struct iovec pieces[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
  return syscall(SYS_pwritev2, descriptor, pieces, second_count ? 2L : 1L, -1L, -1L, RWF_NOWAIT);
}

static inline ssize_t csystem_writev(
    int descriptor, const void *first, size_t first_count, const void *second, size_t second_count) {
  struct iovec pieces[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
  return syscall(SYS_writev, descriptor, pieces, second_count ? 2L : 1L);
}

static inline ssize_t csystem_socket_send(
    int descriptor, const void *first, size_t first_count, const void *second, size_t second_count, bool wait) {
  struct iovec pieces[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = second_count ? 2 : 1};
  return syscall(SYS_sendmsg, descriptor, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
}

static inline ssize_t csystem_socket_receive(int descriptor, void *base, size_t count, bool wait, bool *truncated) {
  struct iovec piece = {base, count};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  ssize_t result = syscall(SYS_recvmsg, descriptor, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  *truncated = result >= 0 && (message.msg_flags & MSG_TRUNC) != 0;
  return result;
}

struct csystem_semaphore_operation {
  unsigned short index;
  short change;
  short flags;
};

// semtimedop(2). A negative timeout waits for ever.
static inline int csystem_semaphore_operate(
    int set, const struct csystem_semaphore_operation *operations, size_t count, int64_t timeout_nanoseconds) {
  struct timespec timeout = {
      .tv_sec = (time_t)(timeout_nanoseconds / 1000000000), .tv_nsec = (long)(timeout_nanoseconds % 1000000000)};
  return (int)syscall(SYS_semtimedop, set, operations, count, timeout_nanoseconds < 0 ? NULL : &timeout);
}
