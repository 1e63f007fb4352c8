// The calls that carry messages: inline, and straight to the kernel.
//
// In a process with threads the C library's own functions are cancellation points, which costs up to 30 ns a call; no
// thread of ours is ever cancelled. Swift also can't call some of them: syscall(2) and the RWF_* flags aren't in its Glibc
// module, and MSG_* are enumerators there and integers here.
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

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

static inline ssize_t csystem_read(int descriptor, void *base, size_t count) {
  return syscall(SYS_read, descriptor, base, count);
}

static inline ssize_t csystem_writev(
    int descriptor, const void *first, size_t first_count, const void *second, size_t second_count) {
  struct iovec pieces[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
  return syscall(SYS_writev, descriptor, pieces, second_count ? 2L : 1L);
}

// preadv2(2) and pwritev2(2) with RWF_NOWAIT: they try a pipe that other processes use in blocking mode. The two -1 are
// the offset's halves: at the file's own position.
static inline ssize_t csystem_preadv2(int descriptor, void *base, size_t count) {
  struct iovec piece = {base, count};
  return syscall(SYS_preadv2, descriptor, &piece, 1L, -1L, -1L, RWF_NOWAIT);
}

static inline ssize_t csystem_pwritev2(
    int descriptor, const void *first, size_t first_count, const void *second, size_t second_count) {
  struct iovec pieces[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
  return syscall(SYS_pwritev2, descriptor, pieces, second_count ? 2L : 1L, -1L, -1L, RWF_NOWAIT);
}

static inline ssize_t csystem_sendmsg(
    int descriptor, const void *first, size_t first_count, const void *second, size_t second_count, bool wait) {
  struct iovec pieces[2] = {{(void *)first, first_count}, {(void *)second, second_count}};
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = second_count ? 2 : 1};
  return syscall(SYS_sendmsg, descriptor, &message, MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT));
}

static inline ssize_t csystem_recvmsg(int descriptor, void *base, size_t count, bool wait, bool *truncated) {
  struct iovec piece = {base, count};
  struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
  ssize_t result = syscall(SYS_recvmsg, descriptor, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  *truncated = result >= 0 && (message.msg_flags & MSG_TRUNC) != 0;
  return result;
}

// Some architectures have these only behind ipc(2), which the C library then calls.
#ifdef SYS_msgsnd
static inline int csystem_msgsnd(int queue, const void *message, size_t count, int flags) {
  return (int)syscall(SYS_msgsnd, queue, message, count, flags);
}

static inline ssize_t csystem_msgrcv(int queue, void *message, size_t capacity, long type, int flags) {
  return syscall(SYS_msgrcv, queue, message, capacity, type, flags);
}
#else
static inline int csystem_msgsnd(int queue, const void *message, size_t count, int flags) {
  return msgsnd(queue, message, count, flags);
}

static inline ssize_t csystem_msgrcv(int queue, void *message, size_t capacity, long type, int flags) {
  return msgrcv(queue, message, capacity, type, flags);
}
#endif

// struct sembuf under a name that Swift's Glibc module doesn't have too; CSystem.c asserts the layout.
struct csystem_sembuf {
  unsigned short index;
  short change;
  short flags;
};

// A negative timeout waits without a limit.
static inline int csystem_semtimedop(
    int set, const struct csystem_sembuf *operations, size_t count, int64_t timeout_nanoseconds) {
  struct timespec timeout = {
      .tv_sec = (time_t)(timeout_nanoseconds / 1000000000), .tv_nsec = (long)(timeout_nanoseconds % 1000000000)};
  return (int)syscall(SYS_semtimedop, set, operations, count, timeout_nanoseconds < 0 ? NULL : &timeout);
}
