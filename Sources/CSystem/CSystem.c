#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <malloc.h>
#include <mqueue.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/epoll.h>
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

int csystem_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int csystem_epoll_control(int epoll, int operation, int descriptor, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data = {.u64 = token}};
  return epoll_ctl(epoll, operation, descriptor, &event);
}

int csystem_epoll_wait(int epoll, uint32_t *events, uint64_t *tokens, int capacity, int milliseconds) {
  struct epoll_event found[256];
  if (capacity > 256) capacity = 256;
  int count = epoll_wait(epoll, found, capacity, milliseconds);
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

const short csystem_sem_undo = SEM_UNDO;

int csystem_semaphore_value(int set, int index) { return semctl(set, index, GETVAL); }

int csystem_semaphore_set_all(int set, const unsigned short *values) {
  union semaphore_argument argument = {.values = (unsigned short *)values};
  return semctl(set, 0, SETALL, argument);
}

int csystem_semaphore_remove(int set) { return semctl(set, 0, IPC_RMID); }

int csystem_semaphore_count(int set) {
  struct semid_ds status;
  union semaphore_argument argument = {.status = &status};
  if (semctl(set, 0, IPC_STAT, argument) < 0) return -1;
  return (int)status.sem_nsems;
}

static struct timespec as_timespec(int64_t nanoseconds) {
  return (struct timespec){.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
}

_Static_assert(sizeof(struct csystem_semaphore_operation) == sizeof(struct sembuf), "same layout as sembuf");

int csystem_futex_wait(const uint32_t *word, uint32_t expected, int64_t timeout_nanoseconds) {
  struct timespec timeout = as_timespec(timeout_nanoseconds < 0 ? 0 : timeout_nanoseconds);
  return (int)syscall(
      SYS_futex, word, FUTEX_WAIT, expected, timeout_nanoseconds < 0 ? NULL : &timeout, NULL, 0);
}

int csystem_futex_wake(const uint32_t *word, int count) {
  return (int)syscall(SYS_futex, word, FUTEX_WAKE, count, NULL, NULL, 0);
}

_Static_assert(sizeof(struct csystem_poll_entry) == sizeof(struct pollfd), "same layout as pollfd");

int csystem_poll(struct csystem_poll_entry *entries, size_t count, int64_t timeout_nanoseconds) {
  struct timespec timeout = as_timespec(timeout_nanoseconds < 0 ? 0 : timeout_nanoseconds);
  return ppoll((struct pollfd *)entries, count, timeout_nanoseconds < 0 ? NULL : &timeout, NULL);
}

int csystem_accept(int socket) { return accept4(socket, NULL, NULL, SOCK_CLOEXEC); }

int csystem_send_descriptor(int socket, int descriptor) {
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

int csystem_receive_descriptor(int socket) {
  char byte = 0;
  struct iovec piece = {&byte, 1};
  union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
  struct msghdr message = {
      .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (count < 0) return -1;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
      int descriptor;
      memcpy(&descriptor, CMSG_DATA(header), sizeof(int));
      return descriptor;
    }
  }
  errno = count == 0 ? EPIPE : EBADMSG;
  return -1;
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

int csystem_peer_user(int socket, uid_t *user, pid_t *process) {
  struct ucred credentials;
  socklen_t length = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -1;
  *user = credentials.uid;
  *process = credentials.pid;
  return 0;
}

int csystem_mq_create(const char *name, long messages, long size) {
  struct mq_attr attributes = {.mq_maxmsg = messages, .mq_msgsize = size};
  return mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
}

int csystem_mq_open(const char *name) { return mq_open(name, O_RDWR | O_CLOEXEC); }

int csystem_mq_unlink(const char *name) { return mq_unlink(name); }

int csystem_mq_send(int queue, const void *bytes, size_t count, int64_t realtime_deadline_nanoseconds) {
  struct timespec deadline = as_timespec(realtime_deadline_nanoseconds);
  return mq_timedsend(queue, bytes, count, 0, &deadline);
}

ssize_t csystem_mq_receive(int queue, void *bytes, size_t capacity, int64_t realtime_deadline_nanoseconds) {
  struct timespec deadline = as_timespec(realtime_deadline_nanoseconds);
  return mq_timedreceive(queue, bytes, capacity, NULL, &deadline);
}

int csystem_mq_limits(int queue, long *messages, long *size) {
  struct mq_attr attributes;
  if (mq_getattr(queue, &attributes) < 0) return -1;
  *messages = attributes.mq_maxmsg;
  *size = attributes.mq_msgsize;
  return 0;
}

int csystem_spawn_close_from(void *actions, int first) {
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
}

// Runs before main in every program built with this: a process that was started with a leash (SWIFT_IPC_LEASH, a
// pipe whose other end only the parent holds) is killed by the kernel when the parent is gone, from its first
// instruction on.
// Not where ends were handed over that the kernel wouldn't remove (SWIFT_IPC_ENDS): the library then watches the
// leash itself, on a thread. It takes the leash over too when the process makes such an end itself.
static int leash(void) {
  const char *text = getenv("SWIFT_IPC_LEASH");
  return text ? atoi(text) : -1;
}

__attribute__((constructor)) static void hold_leash(void) {
  int descriptor = leash();
  struct stat status;
  if (descriptor < 3 || fstat(descriptor, &status) < 0 || !S_ISFIFO(status.st_mode)) return;
  fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  if (getenv("SWIFT_IPC_ENDS")) return;
  fcntl(descriptor, F_SETOWN, getpid());
  fcntl(descriptor, F_SETSIG, SIGKILL);
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_ASYNC);
  struct pollfd entry = {descriptor, 0, 0};
  if (poll(&entry, 1, 0) == 1 && (entry.revents & POLLHUP)) _exit(137);
}

int csystem_membarrier_register(void) {
  return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0);
}

int csystem_membarrier_everywhere(void) {
  return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

int csystem_membarrier_process_register(void) {
  return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
}

int csystem_membarrier_process(void) { return (int)syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0); }

int csystem_name_this_thread(const char *name) { return prctl(PR_SET_NAME, name); }


int csystem_exit_status(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; }

int csystem_exit_signal(int status) { return WIFSIGNALED(status) ? WTERMSIG(status) : 0; }

int csystem_cpu_count(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) < 0) return -1;
  return CPU_COUNT(&set);
}

int csystem_pidfd_open(pid_t process) { return (int)syscall(SYS_pidfd_open, process, 0); }

int csystem_thread_id(void) { return (int)syscall(SYS_gettid); }

int csystem_signal_queue(pid_t process, int thread, int value) {
  siginfo_t information;
  memset(&information, 0, sizeof information);
  information.si_signo = SIGRTMIN;
  information.si_code = SI_QUEUE;
  information.si_pid = getpid();
  information.si_uid = getuid();
  information.si_value.sival_int = value;
  return (int)syscall(SYS_rt_tgsigqueueinfo, process, thread, SIGRTMIN, &information);
}

int csystem_signal_take(int *value) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  siginfo_t information;
  if (sigwaitinfo(&set, &information) < 0) return -1;
  if (information.si_code != SI_QUEUE || information.si_uid != getuid()) {
    errno = EAGAIN;
    return -1;
  }
  *value = information.si_value.sival_int;
  return 0;
}

_Static_assert(sizeof(sem_t) <= 64, "fits the room that the caller gives it");

int csystem_sem_init(void *semaphore, unsigned int value) { return sem_init(semaphore, 1, value); }

int csystem_sem_post(void *semaphore) { return sem_post(semaphore); }

int csystem_sem_wait(void *semaphore, int64_t timeout_nanoseconds) {
  if (timeout_nanoseconds == 0) return sem_trywait(semaphore);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  struct timespec until = as_timespec((int64_t)now.tv_sec * 1000000000 + now.tv_nsec + timeout_nanoseconds);
  return sem_timedwait(semaphore, &until);
}

void csystem_trim_heap(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

static _Thread_local void *thread_slots[3];

void *csystem_thread_slot(int slot) { return thread_slots[slot]; }
void csystem_thread_slot_set(int slot, void *pointer) { thread_slots[slot] = pointer; }
