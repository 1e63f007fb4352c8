#define _GNU_SOURCE
#include "CSystem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/inet_diag.h>
#include <linux/membarrier.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <malloc.h>
#include <mqueue.h>
#include <poll.h>
#include <netinet/in.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/epoll.h>
#include <sys/auxv.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

int csystem_pipe2(int descriptors[2], int flags) { return pipe2(descriptors, flags); }

int csystem_memfd_create(const char *name, unsigned int flags) { return memfd_create(name, flags); }

int csystem_eventfd(unsigned int initial, int flags) { return eventfd(initial, flags); }

int csystem_epoll_create1(void) { return epoll_create1(EPOLL_CLOEXEC); }

int csystem_epoll_ctl(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data = {.u64 = token}};
  return epoll_ctl(epoll, operation, descriptor, &event);
}

int csystem_epoll_wait(int epoll, uint32_t *events, uint64_t *tokens, int milliseconds) {
  struct epoll_event found[CSYSTEM_EPOLL_EVENTS];
  int count = epoll_wait(epoll, found, CSYSTEM_EPOLL_EVENTS, milliseconds);
  for (int i = 0; i < count; i++) {
    events[i] = found[i].events;
    tokens[i] = found[i].data.u64;
  }
  return count;
}

union semaphore_argument {
  int value;
  unsigned short *values;
  struct semid_ds *status;
};

int csystem_semctl_getval(int set, int index) { return semctl(set, index, GETVAL); }

int csystem_semctl_setall(int set, const unsigned short *values) {
  union semaphore_argument argument = {.values = (unsigned short *)values};
  return semctl(set, 0, SETALL, argument);
}

int csystem_semctl_remove(int set) { return semctl(set, 0, IPC_RMID); }

int csystem_semctl_status(int set, struct csystem_sem_status *status) {
  struct semid_ds raw;
  union semaphore_argument argument = {.status = &raw};
  if (semctl(set, 0, IPC_STAT, argument) < 0) return -1;
  *status = (struct csystem_sem_status){
      .key = raw.sem_perm.__key, .owner = raw.sem_perm.cuid, .changed = raw.sem_ctime,
      .count = (int)raw.sem_nsems};
  return 0;
}

static struct timespec as_timespec(int64_t nanoseconds) {
  return (struct timespec){.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
}

_Static_assert(sizeof(struct csystem_sembuf) == sizeof(struct sembuf), "same layout as sembuf");

int csystem_futex_wait(const uint32_t *word, uint32_t expected, int64_t timeout_nanoseconds) {
  struct timespec timeout = as_timespec(timeout_nanoseconds < 0 ? 0 : timeout_nanoseconds);
  return (int)syscall(
      SYS_futex, word, FUTEX_WAIT, expected, timeout_nanoseconds < 0 ? NULL : &timeout, NULL, 0);
}

int csystem_futex_wake(const uint32_t *word, int count) {
  return (int)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

_Static_assert(sizeof(struct csystem_pollfd) == sizeof(struct pollfd), "same layout as pollfd");

int csystem_ppoll(struct csystem_pollfd *entries, size_t count, int64_t timeout_nanoseconds) {
  struct timespec timeout = as_timespec(timeout_nanoseconds < 0 ? 0 : timeout_nanoseconds);
  return ppoll((struct pollfd *)entries, count, timeout_nanoseconds < 0 ? NULL : &timeout, NULL);
}

const char *csystem_executable(void) {
  const char *path = (const char *)getauxval(AT_EXECFN);
  return path ? path : "";
}

int csystem_accept4(int socket) { return accept4(socket, NULL, NULL, SOCK_CLOEXEC); }

int csystem_sendmsg_descriptor(int socket, int descriptor) {
  char byte = 0;
  struct iovec piece = {&byte, 1};
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  memset(&control, 0, sizeof control);
  struct msghdr message = {
      .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  return (int)sendmsg(socket, &message, MSG_NOSIGNAL);
}

int csystem_recvmsg_descriptor(int socket, int *descriptor) {
  *descriptor = -1;
  char byte = 0;
  struct iovec piece = {&byte, 1};
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  struct msghdr message = {
      .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) < 0) return -1;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
      memcpy(descriptor, CMSG_DATA(header), sizeof(int));
    }
  }
  return 0;
}

static int unix_address(const char *path, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (strlen(path) >= sizeof address->sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address->sun_path, path);
  return 0;
}

int csystem_unix_bind(int socket, const char *path) {
  struct sockaddr_un address;
  if (unix_address(path, &address) < 0) return -1;
  return bind(socket, (struct sockaddr *)&address, sizeof address);
}

int csystem_unix_connect(int socket, const char *path) {
  struct sockaddr_un address;
  if (unix_address(path, &address) < 0) return -1;
  return connect(socket, (struct sockaddr *)&address, sizeof address);
}

int csystem_peer_user(int socket, uid_t *user) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -1;
  *user = credentials.uid;
  return 0;
}

int csystem_mq_create(const char *name, long messages, long size) {
  struct mq_attr attributes = {.mq_maxmsg = messages, .mq_msgsize = size};
  return mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
}

int csystem_mq_open(const char *name) { return mq_open(name, O_RDWR | O_CLOEXEC); }

int csystem_mq_unlink(const char *name) { return mq_unlink(name); }

int csystem_mq_timedsend(
    int queue, const void *bytes, size_t count, unsigned priority, int64_t deadline_nanoseconds) {
  struct timespec deadline = as_timespec(deadline_nanoseconds);
  return mq_timedsend(queue, bytes, count, priority, &deadline);
}

ssize_t csystem_mq_timedreceive(
    int queue, void *bytes, size_t capacity, unsigned *priority, int64_t deadline_nanoseconds) {
  struct timespec deadline = as_timespec(deadline_nanoseconds);
  return mq_timedreceive(queue, bytes, capacity, priority, &deadline);
}

long csystem_mq_waiting(int queue) {
  struct mq_attr attributes;
  return mq_getattr(queue, &attributes) < 0 ? -1 : attributes.mq_curmsgs;
}

int csystem_mq_limits(int queue, long *messages, long *size) {
  struct mq_attr attributes;
  if (mq_getattr(queue, &attributes) < 0) return -1;
  *messages = attributes.mq_maxmsg;
  *size = attributes.mq_msgsize;
  return 0;
}

int csystem_spawn_addclosefrom(void *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

// The parent-death pipe. SWIFT_IPC_LEASH is the number of a pipe's reading descriptor whose writing one only the parent has.
// It hangs up when the parent is gone, and the kernel then kills this process: F_SETSIG makes the signal of O_ASYNC SIGKILL.
//
// A constructor, so that it works from before main, and in every program that links this library. In C since Swift has no
// constructors.
//
// It leaves the pipe alone where the process was given endpoints that the kernel wouldn't remove (SWIFT_IPC_ENDS): the
// library then watches the pipe on a thread, and removes them first. The library also takes over from here when the process
// creates such an endpoint itself.
static int parent_death_pipe(void) {
  const char *text = getenv("SWIFT_IPC_LEASH");
  return text ? atoi(text) : -1;
}

static int had_parent_death_pipe = 0;

int csystem_had_parent_death_pipe(void) { return had_parent_death_pipe; }

__attribute__((constructor)) static void watch_parent(void) {
  int descriptor = parent_death_pipe();
  struct stat status;
  if (descriptor < 3 || fstat(descriptor, &status) < 0 || !S_ISFIFO(status.st_mode)) return;
  had_parent_death_pipe = 1;
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  if (getenv("SWIFT_IPC_ENDS")) return;
  fcntl(descriptor, F_SETOWN, getpid());
  fcntl(descriptor, F_SETSIG, SIGKILL);
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_ASYNC);
  struct pollfd entry = {descriptor, 0, 0};
  if (poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP)) _exit(128 + SIGKILL);
}

int csystem_membarrier_register_global(void) {
  return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
}

int csystem_membarrier_global(void) {
  return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

int csystem_membarrier_register_private(void) {
  return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

int csystem_membarrier_private(void) { return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0); }

static struct flock lock_of_byte(int64_t byte) {
  return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
}

int csystem_lock_byte(int file, int64_t byte) {
  struct flock lock = lock_of_byte(byte);
  return fcntl(file, F_OFD_SETLK, &lock);
}

int csystem_byte_is_locked(int file, int64_t byte) {
  struct flock lock = lock_of_byte(byte);
  if (fcntl(file, F_OFD_GETLK, &lock) < 0) return -1;
  return lock.l_type != F_UNLCK;
}

int csystem_flush_output(void) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
  return errno ? errno : EIO;
}

int csystem_name_this_thread(const char *name) { return prctl(PR_SET_NAME, name); }
int csystem_thread_name(char *name) { return prctl(PR_GET_NAME, name); }

int csystem_wexitstatus(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

int csystem_wtermsig(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

int csystem_cpu_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) < 0) return -1;
  return CPU_COUNT(&set);
}

bool csystem_may_run_on(int cpu) {
  cpu_set_t set;
  return cpu >= 0 && cpu < CPU_SETSIZE && sched_getaffinity(0, sizeof set, &set) == 0 && CPU_ISSET(cpu, &set);
}

int csystem_largest_cpu(void) { return CPU_SETSIZE - 1; }

int csystem_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int csystem_gettid(void) { return (int)syscall(SYS_gettid); }

int csystem_rt_tgsigqueueinfo(pid_t process, int thread, int value) {
  siginfo_t information;
  memset(&information, 0, sizeof information);
  information.si_signo = SIGRTMIN;
  information.si_code = SI_QUEUE;
  information.si_pid = getpid();
  information.si_uid = getuid();
  information.si_value.sival_int = value;
  return (int)syscall(SYS_rt_tgsigqueueinfo, process, thread, SIGRTMIN, &information);
}

int csystem_sigwaitinfo(int *value, bool *queued) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  siginfo_t information;
  if (sigwaitinfo(&set, &information) < 0) return -1;
  *queued = information.si_code == SI_QUEUE && information.si_uid == getuid();
  *value = information.si_value.sival_int;
  return 0;
}

_Static_assert(sizeof(sem_t) <= 64, "fits the room that the caller gives it");

int csystem_sem_init(void *semaphore, unsigned int value) { return sem_init(semaphore, 1, value); }

int csystem_sem_post(void *semaphore) { return sem_post(semaphore); }

int csystem_sem_trywait(void *semaphore) { return sem_trywait(semaphore); }

int csystem_sem_clockwait(void *semaphore, int64_t timeout_nanoseconds) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct timespec until = as_timespec((int64_t)now.tv_sec * 1000000000 + now.tv_nsec + timeout_nanoseconds);
  return sem_clockwait(semaphore, CLOCK_MONOTONIC, &until);
}

void csystem_malloc_trim(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

static _Thread_local void *thread_slots[3];

void *csystem_thread_slot(int slot) { return thread_slots[slot]; }
void csystem_thread_slot_set(int slot, void *pointer) { thread_slots[slot] = pointer; }

uint32_t csystem_hook_bits;
static const char *trace_folder;

void csystem_hooks_set(uint32_t bits, bool on) {
  if (on)
    __atomic_fetch_or(&csystem_hook_bits, bits, __ATOMIC_SEQ_CST);
  else
    __atomic_fetch_and(&csystem_hook_bits, ~bits, __ATOMIC_SEQ_CST);
}

__attribute__((constructor)) static void look_for_trace(void) {
  const char *folder = secure_getenv("IPC_TRACE");
  if (!folder || !*folder) return;
  // A copy: the program may change its environment.
  trace_folder = strdup(folder);
  if (trace_folder) csystem_hook_bits |= CSYSTEM_HOOK_TRACE;
}

const char *csystem_trace_folder(void) { return trace_folder; }

_Thread_local struct csystem_trace_thread csystem_trace_thread_value;

uint32_t csystem_unix_peer(uint32_t inode) {
  struct {
    struct nlmsghdr header;
    struct unix_diag_req request;
  } question = {
      .header = {
          .nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
      .request = {
          .sdiag_family = AF_UNIX, .udiag_states = -1U, .udiag_ino = inode, .udiag_show = UDIAG_SHOW_PEER,
          .udiag_cookie = {-1U, -1U}},
  };
  int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (netlink < 0) return 0;
  _Alignas(8) char answer[512];
  ssize_t count = -1;
  if (send(netlink, &question, sizeof question, 0) == sizeof question) count = recv(netlink, answer, sizeof answer, 0);
  close(netlink);
  const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
  if (count < 0 || !NLMSG_OK(header, count) || header->nlmsg_type != SOCK_DIAG_BY_FAMILY) return 0;
  const struct unix_diag_msg *entry = NLMSG_DATA(header);
  const struct rtattr *attribute = (const struct rtattr *)(entry + 1);
  int left = (int)NLMSG_PAYLOAD(header, sizeof *entry);
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left))
    if (attribute->rta_type == UNIX_DIAG_PEER && RTA_PAYLOAD(attribute) >= sizeof(uint32_t)) {
      uint32_t peer;
      memcpy(&peer, RTA_DATA(attribute), sizeof peer);
      return peer;
    }
  return 0;
}

int csystem_sock_diag_socket(void) { return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG); }

int csystem_sock_diag_send(
    int netlink, int family, const void *local_host, uint16_t local_port, const void *remote_host, uint16_t remote_port) {
  struct {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
  } question = {
      .header = {.nlmsg_len = sizeof question, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 1},
      .request = {
          .sdiag_family = (uint8_t)family,
          .sdiag_protocol = IPPROTO_TCP,
          .idiag_states = UINT32_MAX,  // in whichever state
          .id = {
              .idiag_sport = htons(local_port),
              .idiag_dport = htons(remote_port),
              .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
          },
      },
  };
  size_t count = family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
  memcpy(question.request.id.idiag_src, local_host, count);
  memcpy(question.request.id.idiag_dst, remote_host, count);
  return (int)send(netlink, &question, sizeof question, 0);
}

int csystem_sock_diag_recv(int netlink, struct csystem_tcp_entry *entry) {
  union {
    struct nlmsghdr header;
    char bytes[4096];
  } answer;
  memset(entry, 0, sizeof *entry);
  // The kernel answers before send(2) returns.
  ssize_t count = recv(netlink, &answer, sizeof answer, MSG_DONTWAIT);
  if (count < 0) return -1;
  entry->refusal = -1;
  if (!NLMSG_OK(&answer.header, (size_t)count)) return 0;
  size_t payload = answer.header.nlmsg_len - NLMSG_HDRLEN;
  if (answer.header.nlmsg_type == NLMSG_ERROR && payload >= sizeof(struct nlmsgerr)) {
    entry->refusal = -((struct nlmsgerr *)NLMSG_DATA(&answer.header))->error;
  } else if (answer.header.nlmsg_type == SOCK_DIAG_BY_FAMILY && payload >= sizeof(struct inet_diag_msg)) {
    const struct inet_diag_msg *found = NLMSG_DATA(&answer.header);
    entry->refusal = 0;
    entry->peer_port = ntohs(found->id.idiag_dport);
    entry->user = found->idiag_uid;
    entry->inode = found->idiag_inode;
  }
  return 0;
}

// The cases of a call that the machine has by its own number.
#define CALL(name) \
  case SYS_##name: return #name;

const char *csystem_call_name(long number) {
  switch (number) {
    CALL(read)
    CALL(write)
    CALL(readv)
    CALL(writev)
    CALL(preadv2)
    CALL(pwritev2)
    CALL(pread64)
    CALL(pwrite64)
    CALL(sendmsg)
    CALL(recvmsg)
    CALL(sendto)
    CALL(recvfrom)
    CALL(sendmmsg)
    CALL(recvmmsg)
    CALL(accept)
    CALL(accept4)
    CALL(connect)
    CALL(openat)
    CALL(flock)
    CALL(fcntl)
    CALL(ppoll)
    CALL(pselect6)
    CALL(epoll_pwait)
#ifdef SYS_epoll_pwait2
    CALL(epoll_pwait2)
#endif
    CALL(futex)
#ifdef SYS_futex_waitv
    CALL(futex_waitv)
#endif
    CALL(msgsnd)
    CALL(msgrcv)
    CALL(semop)
    CALL(semtimedop)
    CALL(mq_timedsend)
    CALL(mq_timedreceive)
    CALL(rt_sigtimedwait)
    CALL(rt_sigsuspend)
    CALL(nanosleep)
    CALL(clock_nanosleep)
    CALL(wait4)
    CALL(waitid)
    CALL(splice)
    CALL(tee)
    CALL(vmsplice)
    CALL(sendfile)
    CALL(io_uring_enter)
    CALL(io_getevents)
    CALL(restart_syscall)
    CALL(fsync)
    CALL(ioctl)
#ifdef SYS_open
    CALL(open)
#endif
#ifdef SYS_poll
    CALL(poll)
#endif
#ifdef SYS_select
    CALL(select)
#endif
#ifdef SYS_epoll_wait
    CALL(epoll_wait)
#endif
#ifdef SYS_pause
    CALL(pause)
#endif
    default: return NULL;
  }
}

int csystem_unix_diag_send(int netlink) {
  struct {
    struct nlmsghdr header;
    struct unix_diag_req request;
  } question = {
      .header = {
          .nlmsg_len = sizeof question,
          .nlmsg_type = SOCK_DIAG_BY_FAMILY,
          .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
          .nlmsg_seq = 1,
      },
      .request = {
          .sdiag_family = AF_UNIX,
          .udiag_states = UINT32_MAX,  // in whichever state
          .udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_VFS | UDIAG_SHOW_PEER,
      },
  };
  return (int)send(netlink, &question, sizeof question, 0);
}

// One socket of the kernel's answer, whose attributes take `count` bytes.
static struct csystem_unix_entry unix_entry(const struct unix_diag_msg *found, size_t count) {
  struct csystem_unix_entry entry = {.inode = found->udiag_ino, .state = found->udiag_state};
  const char *next = (const char *)found + NLMSG_ALIGN(sizeof *found);
  const char *end = (const char *)found + count;
  while (end - next >= (ptrdiff_t)sizeof(struct nlattr)) {
    const struct nlattr *attribute = (const struct nlattr *)next;
    if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > end - next) break;
    const char *value = next + NLA_HDRLEN;
    size_t length = attribute->nla_len - NLA_HDRLEN;
    if (attribute->nla_type == UNIX_DIAG_NAME) {
      size_t kept = length < sizeof entry.name - 1 ? length : sizeof entry.name - 1;
      memcpy(entry.name, value, kept);
    } else if (attribute->nla_type == UNIX_DIAG_VFS && length >= sizeof(struct unix_diag_vfs)) {
      entry.file = ((const struct unix_diag_vfs *)value)->udiag_vfs_ino;
    } else if (attribute->nla_type == UNIX_DIAG_PEER && length >= sizeof(uint32_t)) {
      memcpy(&entry.peer, value, sizeof(uint32_t));
    }
    next += NLA_ALIGN(attribute->nla_len);
  }
  return entry;
}

int csystem_unix_diag_recv(int netlink, struct csystem_unix_entry *entries, size_t capacity) {
  union {
    struct nlmsghdr header;
    char bytes[32768];
  } answer;
  ssize_t count = recv(netlink, &answer, sizeof answer, 0);
  if (count < 0) return -1;
  int taken = 0;
  size_t left = (size_t)count;
  for (struct nlmsghdr *next = &answer.header; NLMSG_OK(next, left); next = NLMSG_NEXT(next, left)) {
    if (next->nlmsg_type == NLMSG_DONE) return taken > 0 ? taken | CSYSTEM_UNIX_LAST : CSYSTEM_UNIX_LAST;
    if (next->nlmsg_type == NLMSG_ERROR) {
      errno = next->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)) ? -((struct nlmsgerr *)NLMSG_DATA(next))->error : EPROTO;
      if (errno == 0) errno = EPROTO;
      return -1;
    }
    size_t payload = next->nlmsg_len - NLMSG_HDRLEN;
    if (next->nlmsg_type != SOCK_DIAG_BY_FAMILY || payload < sizeof(struct unix_diag_msg)) continue;
    if ((size_t)taken < capacity) entries[taken++] = unix_entry(NLMSG_DATA(next), payload);
  }
  return taken;
}

#define SAME(name) _Static_assert(CSYSTEM_##name == name, #name)
SAME(F_SETPIPE_SZ);
SAME(F_GETPIPE_SZ);
SAME(F_ADD_SEALS);
SAME(F_GET_SEALS);
SAME(F_SEAL_SEAL);
SAME(F_SEAL_SHRINK);
SAME(F_SEAL_GROW);
SAME(MFD_CLOEXEC);
SAME(MFD_ALLOW_SEALING);
SAME(EFD_SEMAPHORE);
SAME(EFD_CLOEXEC);
SAME(EPOLL_CTL_ADD);
SAME(EPOLL_CTL_DEL);
SAME(EPOLL_CTL_MOD);
SAME(EPOLLIN);
SAME(EPOLLOUT);
SAME(EPOLLERR);
SAME(EPOLLHUP);
SAME(EPOLLRDHUP);
SAME(EPOLLONESHOT);
SAME(SEM_UNDO);
