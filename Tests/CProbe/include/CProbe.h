// What the golden tests look at kernel objects and sockets with: plain calls, and nothing of the library's, so that a
// format is seen from outside.
#ifndef CPROBE_H
#define CPROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// A pipe; with `packets` (O_DIRECT), each write is read on its own. `capacity` is its size in bytes.
int probe_pipe(int descriptors[2], int packets, int capacity);
// A FIFO at a path, and its reading end.
int probe_fifo(const char *path);
// Reads what is there, waiting at most so long. 0: the end. -1: an error. -2: nothing came.
ssize_t probe_read(int descriptor, void *bytes, size_t capacity, int milliseconds);
// Fills a pipe with so many bytes.
int probe_fill(int descriptor, size_t count);

int probe_unix_listen(const char *path, int is_stream);
int probe_unix_connect(const char *path, int is_stream);
// A listener on a port of 127.0.0.1 that the kernel chooses.
int probe_tcp_listen(int *port);
int probe_tcp_connect(int port);
int probe_accept(int listener, int milliseconds);
int probe_write(int descriptor, const void *bytes, size_t count);
// Like probe_read, with the descriptors that came along: at most eight.
ssize_t probe_receive(int socket, void *bytes, size_t capacity, int *descriptors, int *count, int milliseconds);

// msgrcv(2). -2: nothing came.
ssize_t probe_message(int queue, long *type, void *bytes, size_t capacity, int milliseconds);
int probe_mq_open(const char *name);
ssize_t probe_mq_receive(int queue, void *bytes, size_t capacity, int milliseconds);
int probe_mq_limits(int queue, long *messages, long *size);

// Semaphore sets: how many semaphores, the mode, and one's value.
int probe_semaphores(int set, int *mode);
int probe_semaphore(int set, int index);
int probe_queue_mode(int queue);
void *probe_attach(int segment, size_t *bytes, int *mode);
int probe_detach(void *memory);
void *probe_map(int descriptor, size_t bytes);
int probe_unmap(void *memory, size_t bytes);

// Blocks the realtime signals in this thread, or unblocks them.
int probe_signals_block(int blocks);
// The next realtime signal of this thread: its number from SIGRTMIN on, or -1.
int probe_signal(int *code, int *value, int milliseconds);
int probe_thread_id(void);

#endif
