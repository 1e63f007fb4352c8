#define _GNU_SOURCE
#include "CProbe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int ready(int descriptor, short events, int milliseconds) {
  struct pollfd entry = {.fd = descriptor, .events = events};
  int found;
  do found = poll(&entry, 1, milliseconds);
  while (found < 0 && errno == EINTR);
  return found;
}

int probe_pipe(int descriptors[2], int packets, int capacity) {
  if (pipe2(descriptors, O_CLOEXEC | (packets ? O_DIRECT : 0)) < 0) return -1;
  return fcntl(descriptors[1], F_SETPIPE_SZ, capacity);
}

int probe_fifo(const char *path) {
  if (mkfifo(path, 0600) < 0) return -1;
  int descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (descriptor >= 0) fcntl(descriptor, F_SETPIPE_SZ, 1 << 20);
  return descriptor;
}

ssize_t probe_read(int descriptor, void *bytes, size_t capacity, int milliseconds) {
  int found = ready(descriptor, POLLIN, milliseconds);
  if (found <= 0) return found < 0 ? -1 : -2;
  return read(descriptor, bytes, capacity);
}

int probe_fill(int descriptor, size_t count) {
  char *bytes = calloc(1, count);
  ssize_t written = write(descriptor, bytes, count);
  free(bytes);
  return written == (ssize_t)count ? 0 : -1;
}

static int unix_socket(const char *path, int is_stream, struct sockaddr_un *address) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  strncpy(address->sun_path, path, sizeof address->sun_path - 1);
  return socket(AF_UNIX, (is_stream ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC, 0);
}

int probe_unix_listen(const char *path, int is_stream) {
  struct sockaddr_un address;
  int result = unix_socket(path, is_stream, &address);
  if (result < 0) return -1;
  if (bind(result, (struct sockaddr *)&address, sizeof address) < 0 || listen(result, 8) < 0) return -1;
  return result;
}

int probe_unix_connect(const char *path, int is_stream) {
  struct sockaddr_un address;
  int result = unix_socket(path, is_stream, &address);
  if (result < 0) return -1;
  return connect(result, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : result;
}

int probe_tcp_listen(int *port) {
  int result = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (result < 0 || bind(result, (struct sockaddr *)&address, length) < 0 || listen(result, 8) < 0) return -1;
  if (getsockname(result, (struct sockaddr *)&address, &length) < 0) return -1;
  *port = ntohs(address.sin_port);
  return result;
}

int probe_tcp_connect(int port) {
  int result = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (result < 0) return -1;
  return connect(result, (struct sockaddr *)&address, sizeof address) < 0 ? -1 : result;
}

int probe_accept(int listener, int milliseconds) {
  if (ready(listener, POLLIN, milliseconds) <= 0) return -1;
  return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

int probe_write(int descriptor, const void *bytes, size_t count) {
  return write(descriptor, bytes, count) == (ssize_t)count ? 0 : -1;
}

ssize_t probe_receive(int socket, void *bytes, size_t capacity, int *descriptors, int *count, int milliseconds) {
  *count = 0;
  int found = ready(socket, POLLIN, milliseconds);
  if (found <= 0) return found < 0 ? -1 : -2;
  struct iovec piece = {bytes, capacity};
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))];
  struct msghdr message = {
      .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t result = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (result < 0) return -1;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
    int number = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (int index = 0; index < number && *count < 8; index++) {
      memcpy(&descriptors[(*count)++], CMSG_DATA(head) + index * sizeof(int), sizeof(int));
    }
  }
  return result;
}

ssize_t probe_message(int queue, long *type, void *bytes, size_t capacity, int milliseconds) {
  struct { long type; char bytes[1 << 16]; } *message = malloc(sizeof *message);
  ssize_t result;
  for (int waited = 0;; waited++) {
    result = msgrcv(queue, message, sizeof message->bytes, 0, IPC_NOWAIT);
    if (result >= 0 || errno != ENOMSG || waited >= milliseconds) break;
    usleep(1000);
  }
  if (result < 0) result = errno == ENOMSG ? -2 : -1;
  if (result > (ssize_t)capacity) result = -1;
  if (result >= 0) {
    *type = message->type;
    memcpy(bytes, message->bytes, result);
  }
  free(message);
  return result;
}

int probe_mq_open(const char *name) { return mq_open(name, O_RDWR | O_CLOEXEC | O_NONBLOCK); }

ssize_t probe_mq_receive(int queue, void *bytes, size_t capacity, int milliseconds) {
  int found = ready(queue, POLLIN, milliseconds);
  if (found <= 0) return found < 0 ? -1 : -2;
  return mq_receive(queue, bytes, capacity, NULL);
}

int probe_mq_limits(int queue, long *messages, long *size) {
  struct mq_attr attributes;
  if (mq_getattr(queue, &attributes) < 0) return -1;
  *messages = attributes.mq_maxmsg;
  *size = attributes.mq_msgsize;
  return 0;
}

union argument { int value; struct semid_ds *status; };

int probe_semaphores(int set, int *mode) {
  struct semid_ds status;
  if (semctl(set, 0, IPC_STAT, (union argument){.status = &status}) < 0) return -1;
  *mode = status.sem_perm.mode & 0777;
  return (int)status.sem_nsems;
}

int probe_semaphore(int set, int index) { return semctl(set, index, GETVAL); }

int probe_queue_mode(int queue) {
  struct msqid_ds status;
  return msgctl(queue, IPC_STAT, &status) < 0 ? -1 : status.msg_perm.mode & 0777;
}

void *probe_attach(int segment, size_t *bytes, int *mode) {
  struct shmid_ds status;
  if (shmctl(segment, IPC_STAT, &status) < 0) return NULL;
  *bytes = status.shm_segsz;
  *mode = status.shm_perm.mode & 0777;
  void *memory = shmat(segment, NULL, 0);
  return memory == (void *)-1 ? NULL : memory;
}

int probe_detach(void *memory) { return shmdt(memory); }

void *probe_map(int descriptor, size_t bytes) {
  void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, descriptor, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

int probe_unmap(void *memory, size_t bytes) { return munmap(memory, bytes); }

static void realtime(sigset_t *set) {
  sigemptyset(set);
  for (int number = SIGRTMIN; number <= SIGRTMAX; number++) sigaddset(set, number);
}

int probe_signals_block(int blocks) {
  sigset_t set;
  realtime(&set);
  return pthread_sigmask(blocks ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int probe_signal(int *code, int *value, int milliseconds) {
  sigset_t set;
  realtime(&set);
  siginfo_t information;
  struct timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  int number = sigtimedwait(&set, &information, &limit);
  if (number < 0) return -1;
  *code = information.si_code;
  *value = information.si_value.sival_int;
  return number - SIGRTMIN;
}

int probe_thread_id(void) { return (int)syscall(SYS_gettid); }
