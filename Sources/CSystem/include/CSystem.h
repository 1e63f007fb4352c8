// What Swift can't call, or can't call safely: the reason stands above each group of functions.
//
// A function that is named after a call makes that call, with the arguments that this library needs, and returns -1 with
// errno set when it fails. A function that does more says so.
#ifndef CSYSTEM_H
#define CSYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "MessageCalls.h"

// ---- Functions whose headers or feature macros Swift's Glibc module leaves out.

// _GNU_SOURCE.
int csystem_pipe2(int descriptors[2], int flags);
int csystem_memfd_create(const char *name, unsigned int flags);
int csystem_accept4(int socket);
// getauxval(3) of AT_EXECFN: the path by which this program was started, relative to the folder of then.
const char *csystem_executable(void);
// Closes every descriptor from a number on in the child.
int csystem_spawn_addclosefrom(void *actions, int first);
// sched_getaffinity(2), and CPU_COUNT and CPU_ISSET, which are macros: how many CPUs the calling thread may run on, or -1;
// whether it may run on one; the largest number that a cpu_set_t holds.
int csystem_cpu_count(void);
bool csystem_may_run_on(int cpu);
int csystem_largest_cpu(void);

// _GNU_SOURCE; struct pollfd, asserted to have this layout. A negative timeout waits without a limit.
struct csystem_pollfd { int descriptor; short events; short found; };
int csystem_ppoll(struct csystem_pollfd *entries, size_t count, int64_t timeout_nanoseconds);

// <sys/eventfd.h>.
int csystem_eventfd(unsigned int initial, int flags);

// <sys/epoll.h>; epoll_event is packed and has a union.
int csystem_epoll_create1(void);
int csystem_epoll_ctl(int epoll, int operation, int descriptor, uint32_t events, uint64_t token);
// Fills arrays of CSYSTEM_EPOLL_EVENTS.
int csystem_epoll_wait(int epoll, uint32_t *events, uint64_t *tokens, int milliseconds);

// <malloc.h>. Does nothing where there is no malloc_trim.
void csystem_malloc_trim(void);

// <mqueue.h>, and mq_open(3) is variadic. The deadlines are of CLOCK_REALTIME, which can be set: only 0 is used, which has
// passed.
int csystem_mq_create(const char *name, long messages, long size);
int csystem_mq_open(const char *name);
int csystem_mq_unlink(const char *name);
int csystem_mq_timedsend(
    int queue, const void *bytes, size_t count, unsigned priority, int64_t deadline_nanoseconds);
// The priority is written where its pointer isn't null.
ssize_t csystem_mq_timedreceive(
    int queue, void *bytes, size_t capacity, unsigned *priority, int64_t deadline_nanoseconds);
// mq_getattr(3).
int csystem_mq_limits(int queue, long *messages, long *size);
long csystem_mq_waiting(int queue);

// ---- System calls without a function in this glibc.

// futex(2). A negative timeout waits without a limit.
int csystem_futex_wait(const uint32_t *word, uint32_t expected, int64_t timeout_nanoseconds);
int csystem_futex_wake(const uint32_t *word, int count);

// membarrier(2): registers this process, and makes every CPU that runs a registered process pass a memory barrier.
int csystem_membarrier_register_global(void);
int csystem_membarrier_global(void);
// The same among the threads of this process.
int csystem_membarrier_register_private(void);
int csystem_membarrier_private(void);

int csystem_pidfd_open(pid_t process);
int csystem_gettid(void);

// rt_tgsigqueueinfo(2) of SIGRTMIN, which goes to one thread and carries an int, as sigqueue(3) does to a process.
int csystem_rt_tgsigqueueinfo(pid_t process, int thread, int value);
// sigwaitinfo(2) for SIGRTMIN: siginfo_t is a union. `queued` says whether a process of this user queued it, with a value.
int csystem_sigwaitinfo(int *value, bool *queued);

// ---- Variadic functions, which Swift doesn't import.

// semctl(2): its last argument is a union that is passed through `...`.
int csystem_semctl_getval(int set, int index);
int csystem_semctl_setall(int set, const unsigned short *values);
int csystem_semctl_remove(int set);
// IPC_STAT.
struct csystem_sem_status {
  int key;
  uid_t owner;
  // Of the last semctl(2) that changed the set, in seconds.
  int64_t changed;
  int count;
};
int csystem_semctl_status(int set, struct csystem_sem_status *status);

// fcntl(2) with F_OFD_SETLK and F_OFD_GETLK of one byte, for writing: struct flock is passed through `...`, and the commands
// are behind _GNU_SOURCE. The second returns 1 if another open file has the lock, 0 if none has.
int csystem_lock_byte(int file, int64_t byte);
int csystem_byte_is_locked(int file, int64_t byte);

// fflush(3) and ferror(3) of stdout, which Swift 6 can't name since it is a variable of the C library: 0, or the errno with
// which something that was printed couldn't be written; EIO where that isn't known any more.
int csystem_flush_output(void);

// prctl(2) with PR_SET_NAME, and with PR_GET_NAME into 16 bytes.
int csystem_name_this_thread(const char *name);
int csystem_thread_name(char *name);

// ---- Macros, unions and opaque types.

// WEXITSTATUS, or -1; WTERMSIG, or 0.
int csystem_wexitstatus(int status);
int csystem_wtermsig(int status);

// sendmsg(2) and recvmsg(2) of one descriptor with one byte (SCM_RIGHTS): CMSG_* are macros. Receiving sets the descriptor
// to -1 at the end of the stream, and when a byte came without a descriptor.
int csystem_sendmsg_descriptor(int socket, int descriptor);
int csystem_recvmsg_descriptor(int socket, int *descriptor);

// bind(2) and connect(2) of a sockaddr_un: a char array of fixed size, which Swift imports as a tuple. A path that is too
// long fails with ENAMETOOLONG.
int csystem_unix_bind(int socket, const char *path);
int csystem_unix_connect(int socket, const char *path);
// getsockopt(2) with SO_PEERCRED: struct ucred is behind _GNU_SOURCE.
int csystem_peer_user(int socket, uid_t *user);

// sem_t is an opaque union, here by address. It must have 64 bytes.
int csystem_sem_init(void *semaphore, unsigned int value);
int csystem_sem_post(void *semaphore);
int csystem_sem_trywait(void *semaphore);
// sem_clockwait(3) with CLOCK_MONOTONIC is behind _GNU_SOURCE; sem_timedwait(3) waits for an instant of CLOCK_REALTIME, which a
// change of the wall clock moves. Reads the clock and adds to it.
int csystem_sem_clockwait(void *semaphore, int64_t timeout_nanoseconds);

// sock_diag(7): the kernel's entry for one TCP connection. The structures of <linux/inet_diag.h> aren't in Swift's module.
// Two calls, so that an error names its own: the question with send(2), the answer with recv(2).
struct csystem_tcp_entry {
  // 0: the entry follows; else an errno of the kernel's answer; -1: bytes that are no answer.
  int refusal;
  // In host order.
  uint16_t peer_port;
  uid_t user;
  uint32_t inode;
};
// socket(2) of NETLINK_SOCK_DIAG.
int csystem_sock_diag_socket(void);
// Each host is of 4 bytes (AF_INET) or 16 (AF_INET6).
int csystem_sock_diag_send(
    int netlink, int family, const void *local_host, uint16_t local_port, const void *remote_host, uint16_t remote_port);
int csystem_sock_diag_recv(int netlink, struct csystem_tcp_entry *entry);
// Every Unix socket of this network namespace: asks, and takes what one answer has; there are more until CSYSTEM_UNIX_LAST
// is set. The name ends with a zero byte, and begins with one if it is abstract; `file` is the inode of its path's file,
// `peer` that of the connected socket.
#define CSYSTEM_UNIX_LAST 0x10000
#define CSYSTEM_UNIX_ENTRIES 1024
struct csystem_unix_entry { uint32_t inode, file, peer; int state; char name[112]; };
int csystem_unix_diag_send(int netlink);
int csystem_unix_diag_recv(int netlink, struct csystem_unix_entry *entries, size_t capacity);

// <sys/syscall.h>: the numbers are macros, and which there are depends on the machine. The name of a system call in which a
// process can wait; null for others.
const char *csystem_call_name(long number);

// ---- What the language doesn't have.

// Three pointers of each thread's own: Swift has no thread-local variables.
void *csystem_thread_slot(int slot);
void csystem_thread_slot_set(int slot, void *pointer);

// Which hooks run around system calls and messages (SystemCalls/Trace): each looks at this word first, in one load. A variable
// of C, since one of Swift's is initialized when it is first used, and asks each time whether it was.
#define CSYSTEM_HOOK_CALL_TIME 1U
#define CSYSTEM_HOOK_TRACE 2U
extern uint32_t csystem_hook_bits;
static inline uint32_t csystem_hooks(void) { return __atomic_load_n(&csystem_hook_bits, __ATOMIC_RELAXED); }
void csystem_hooks_set(uint32_t bits, bool on);
static inline const uint32_t *csystem_hook_word(void) { return &csystem_hook_bits; }
// What IPC_TRACE said when the program began, which is when CSYSTEM_HOOK_TRACE was set: Swift runs nothing before main. Null:
// nothing, or this program has more rights than its user (secure_getenv(3)).
const char *csystem_trace_folder(void);

// What a trace keeps of each thread.
struct csystem_trace_thread {
  // gettid(2), or 0.
  int id;
  // The recording that has the thread's name already.
  uint32_t named_in;
};
extern _Thread_local struct csystem_trace_thread csystem_trace_thread_value;
static inline struct csystem_trace_thread *csystem_trace_thread(void) { return &csystem_trace_thread_value; }

// The inode of the Unix socket at the far end, from sock_diag(7); 0: there is none, or the kernel doesn't say.
uint32_t csystem_unix_peer(uint32_t inode);

// Keeps the compiler, and only the compiler, from moving memory accesses across.
static inline void csystem_compiler_fence(void) { __asm__ __volatile__("" ::: "memory"); }

// Tells the core that this is a spin.
static inline void csystem_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

// ---- Constants that Swift's Glibc module leaves out. CSystem.c asserts that each is the system's.

#define CSYSTEM_F_SETPIPE_SZ 1031
#define CSYSTEM_F_GETPIPE_SZ 1032
#define CSYSTEM_F_ADD_SEALS 1033
#define CSYSTEM_F_GET_SEALS 1034
#define CSYSTEM_F_SEAL_SEAL 0x0001
#define CSYSTEM_F_SEAL_SHRINK 0x0002
#define CSYSTEM_F_SEAL_GROW 0x0004
#define CSYSTEM_MFD_CLOEXEC 0x0001U
#define CSYSTEM_MFD_ALLOW_SEALING 0x0002U
#define CSYSTEM_EFD_SEMAPHORE 1
#define CSYSTEM_EFD_CLOEXEC 02000000
#define CSYSTEM_EPOLL_CTL_ADD 1
#define CSYSTEM_EPOLL_CTL_DEL 2
#define CSYSTEM_EPOLL_CTL_MOD 3
#define CSYSTEM_EPOLLIN 0x001U
#define CSYSTEM_EPOLLOUT 0x004U
#define CSYSTEM_EPOLLERR 0x008U
#define CSYSTEM_EPOLLHUP 0x010U
#define CSYSTEM_EPOLLRDHUP 0x2000U
#define CSYSTEM_EPOLLONESHOT 0x40000000U
#define CSYSTEM_SEM_UNDO 0x1000
// Whether this process had its parent-death pipe when it began: later the number may be another file's.
int csystem_had_parent_death_pipe(void);
// Of ours: the largest number of events that one csystem_epoll_wait returns.
#define CSYSTEM_EPOLL_EVENTS 256

#endif
