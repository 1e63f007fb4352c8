// What Swift can't call by itself, and why. Nothing here decides anything: each function is one call.
#ifndef CSYSTEM_H
#define CSYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "Carrying.h"

// Glibc's Swift module leaves these headers out, so their calls and constants come through here.
int csystem_pipe2(int descriptors[2], int flags);
int csystem_memfd_create(const char *name, unsigned int flags);
int csystem_eventfd(unsigned int initial, int flags);
int csystem_epoll_create(void);
int csystem_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token);
int csystem_epoll_wait(int epoll, uint32_t *events, uint64_t *tokens, int capacity, int milliseconds);

// semctl(2) takes its last argument through C's variadic `...`, which Swift doesn't import.
int csystem_semaphore_value(int set, int index);
int csystem_semaphore_set_all(int set, const unsigned short *values);
int csystem_semaphore_remove(int set);
int csystem_semaphore_count(int set);
extern const short csystem_sem_undo;

// malloc.h isn't in Glibc's module either. Where there is no malloc_trim, nothing happens.
void csystem_trim_heap(void);

// Three pointers of each thread's own: Swift has no thread-local variables.
void *csystem_thread_slot(int slot);
void csystem_thread_slot_set(int slot, void *pointer);

// futex(2) has no wrapper in glibc. A negative timeout waits for ever.
int csystem_futex_wait(const uint32_t *word, uint32_t expected, int64_t timeout_nanoseconds);
int csystem_futex_wake(const uint32_t *word, int count);

// ppoll(2) and accept4(2) are behind _GNU_SOURCE. A negative timeout waits for ever.
struct csystem_poll_entry { int descriptor; short events; short found; };
int csystem_poll(struct csystem_poll_entry *entries, size_t count, int64_t timeout_nanoseconds);
int csystem_accept(int socket);
// CMSG_* are macros: a descriptor goes over a Unix socket, one at a time, with one byte.
int csystem_send_descriptor(int socket, int descriptor);
int csystem_receive_descriptor(int socket);

// sockaddr_un and the credentials are easier and safer to fill in C than through casts of pointers.
int csystem_unix_bind(int socket, const char *path);
int csystem_unix_connect(int socket, const char *path);
int csystem_peer_user(int socket, uid_t *user, pid_t *process);

// POSIX queues: mq_open(3) is variadic, and <mqueue.h> isn't in the Swift module.
int csystem_mq_create(const char *name, long messages, long size);
int csystem_mq_open(const char *name);
int csystem_mq_unlink(const char *name);
int csystem_mq_send(int queue, const void *bytes, size_t count, int64_t realtime_deadline_nanoseconds);
ssize_t csystem_mq_receive(int queue, void *bytes, size_t capacity, int64_t realtime_deadline_nanoseconds);
int csystem_mq_limits(int queue, long *messages, long *size);

// Closes everything from a number on in the child; a GNU extension that the Swift module leaves out.
int csystem_spawn_close_from(void *actions, int first);

// prctl(2) is variadic.
int csystem_name_this_thread(const char *name);

// A macro of <sys/wait.h> each.
int csystem_exit_status(int status);
int csystem_exit_signal(int status);

// sched_setaffinity(2) and CPU_* are behind _GNU_SOURCE macros.
int csystem_cpu_count(void);

// pidfd_open(2), gettid(2) and rt_tgsigqueueinfo(2) have no wrapper in this glibc, and siginfo_t is a union. The signal
// goes to one thread and carries an int, as sigqueue(3)'s to a process does.
int csystem_pidfd_open(pid_t process);
int csystem_thread_id(void);
int csystem_signal_queue(pid_t process, int thread, int value);
// sigtimedwait(2): the value through the pointer. EAGAIN: another user's, or none that was queued so.
int csystem_signal_take(int *value);

// POSIX semaphores wait on CLOCK_REALTIME only, and sem_t is opaque: by address.
int csystem_sem_init(void *semaphore, unsigned int value);
int csystem_sem_post(void *semaphore);
int csystem_sem_wait(void *semaphore, int64_t timeout_nanoseconds);

// rdtsc's pause: tells the core that this is a spin.
// membarrier(2), which glibc has no function for: registers this process, and makes every CPU that runs a registered
// process pass a memory barrier.
int csystem_membarrier_register(void);
int csystem_membarrier_everywhere(void);
// The same among the threads of this process.
int csystem_membarrier_process_register(void);
int csystem_membarrier_process(void);

// Keeps the compiler, and only the compiler, from moving memory accesses across.
static inline void csystem_compiler_fence(void) { __asm__ __volatile__("" ::: "memory"); }

static inline void csystem_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

#endif
