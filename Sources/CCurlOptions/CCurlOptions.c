// For RTLD_NEXT.
#define _GNU_SOURCE
#include "CCurlOptions.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// curl.h isn't needed to build anything else. These are part of libcurl's stable interface: curl_easy_setopt(3),
// curl_multi_info_read(3).
enum {
  OPTION_SSL_VERIFYPEER = 64,
  OPTION_SSL_VERIFYHOST = 81,
  OPTION_HTTP_TRANSFER_DECODING = 157,
  OPTION_HTTP_CONTENT_DECODING = 158,
  // Without the headers with which a proxy answers for itself.
  OPTION_SUPPRESS_CONNECT_HEADERS = 265,
  OPTION_URL = 10002,
  OPTION_HEADERDATA = 10029,
  OPTION_HEADERFUNCTION = 20079,
  INFORMATION_CONTENT_LENGTH = 0x30000F,
  MESSAGE_DONE = 1,
  RESULT_OK = 0,
  RESULT_GOT_NOTHING = 52,
};
struct message {
  int kind;
  void *easy;
  union {
    void *other;
    int result;
  } data;
};
typedef int set_option(void *easy, int option, ...);
typedef int get_information(void *easy, int information, ...);
typedef int add_handle(void *multi, void *easy);
typedef struct message *read_message(void *multi, int *left);
typedef size_t take_header(char *line, size_t size, size_t count, void *context);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
// Under the lock: the transfer that was begun last, and what URLSession passes to its function for headers.
static struct {
  void *easy;
  void *context;
  char bytes[CCURLOPTIONS_MOST_HEADERS];
  size_t count;
  // Whether the empty line behind the headers of the response itself has come.
  bool is_complete;
  // Whether its status line has come, or that of an interim response before it.
  bool has_status;
  bool is_interim;
} current;
// Under the lock: the address that the next transfer asks for; NULL: the one that URLSession gives.
static char *address;
// The last handle for which URLSession has set such a context.
static struct {
  void *easy;
  void *context;
} last;
static atomic_bool accepts_any;
// URLSession's function for headers, the same for every transfer.
static _Atomic(take_header *) session_header;

void ccurloptions_accept_any_certificate(void) { atomic_store(&accepts_any, true); }

size_t ccurloptions_copy_headers(char *bytes, size_t room) {
  pthread_mutex_lock(&lock);
  size_t count = current.count;
  memcpy(bytes, current.bytes, count < room ? count : room);
  pthread_mutex_unlock(&lock);
  return count;
}

void ccurloptions_set_address(const char *text) {
  pthread_mutex_lock(&lock);
  free(address);
  address = strdup(text);
  pthread_mutex_unlock(&lock);
}

// libcurl's own function. Without libcurl nothing could have called the one in front of it.
static void *next(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (!function) abort();
  return function;
}

static void keep(const char *bytes, size_t count) {
  size_t room = CCURLOPTIONS_MOST_HEADERS - current.count;
  if (count > room) count = room;
  memcpy(current.bytes + current.count, bytes, count);
  current.count += count;
}

// Keeps a line of a header. URLSession gets a status line and an empty line, so that it delivers the body: of a redirect or a
// response that asks for credentials it wouldn't.
static size_t header(char *line, size_t size, size_t count, void *context) {
  size_t length = size * count;
  // Also of HTTP/2, whose headers libcurl writes as lines.
  bool is_status = length > 5 && memcmp(line, "HTTP/", 5) == 0;
  bool is_empty = length > 0 && (line[0] == '\n' || (length > 1 && line[0] == '\r' && line[1] == '\n'));
  bool is_hidden = false;
  pthread_mutex_lock(&lock);
  if (context == current.context) {
    // Elsewhere such a line is a field, or a trailer.
    is_status = is_status && !current.has_status;
    // Trailers of HTTP/2 come as headers, too.
    is_hidden = current.is_complete;
    if (is_status) {
      size_t version = 5;
      while (version < length && line[version] != ' ' && line[version] != '\t') version++;
      current.has_status = true;
      current.is_interim = version + 1 < length && line[version + 1] == '1';
      keep("HTTP/1.1", 8);
      keep(line + version, length - version);
    } else if (!current.is_complete) {
      keep(line, length);
    }
    is_hidden = is_hidden || current.is_interim;
    if (is_empty && current.is_interim) {
      current.has_status = current.is_interim = false;
    } else if (is_empty && current.has_status) {
      current.is_complete = true;
    }
  }
  pthread_mutex_unlock(&lock);
  if (is_hidden || !(is_status || is_empty)) return length;
  char status[] = "HTTP/1.1 200 OK\r\n", empty[] = "\r\n";
  char *shown = is_status ? status : empty;
  size_t taken = atomic_load(&session_header)(shown, 1, strlen(shown), context);
  return taken == strlen(shown) ? length : 0;
}

// Every option is one word: a long, a pointer, or a 64-bit number.
int curl_easy_setopt(void *easy, int option, ...) {
  static _Atomic(set_option *) known;
  set_option *set = atomic_load(&known);
  if (!set) atomic_store(&known, set = (set_option *)next("curl_easy_setopt"));
  va_list list;
  va_start(list, option);
  void *value = va_arg(list, void *);
  va_end(list);
  if (option == OPTION_HEADERDATA) {
    pthread_mutex_lock(&lock);
    last.easy = easy;
    last.context = value;
    pthread_mutex_unlock(&lock);
  }
  if (option == OPTION_URL) {
    // libcurl copies it.
    pthread_mutex_lock(&lock);
    int result = set(easy, option, address ? address : value);
    pthread_mutex_unlock(&lock);
    return result;
  }
  if (option == OPTION_HEADERFUNCTION && value) {
    atomic_store(&session_header, (take_header *)value);
    return set(easy, option, header);
  }
  return set(easy, option, value);
}

// URLSession doesn't check the length of a body before it makes an Int of it.
int curl_easy_getinfo(void *easy, int information, ...) {
  static _Atomic(get_information *) known;
  get_information *get = atomic_load(&known);
  if (!get) atomic_store(&known, get = (get_information *)next("curl_easy_getinfo"));
  va_list list;
  va_start(list, information);
  void *value = va_arg(list, void *);
  va_end(list);
  int result = get(easy, information, value);
  if (information == INFORMATION_CONTENT_LENGTH) *(double *)value = -1;
  return result;
}

// Begins a transfer, whose options are complete now.
int curl_multi_add_handle(void *multi, void *easy) {
  static _Atomic(add_handle *) known;
  add_handle *add = atomic_load(&known);
  if (!add) atomic_store(&known, add = (add_handle *)next("curl_multi_add_handle"));
  curl_easy_setopt(easy, OPTION_HTTP_TRANSFER_DECODING, 0L);
  curl_easy_setopt(easy, OPTION_HTTP_CONTENT_DECODING, 0L);
  curl_easy_setopt(easy, OPTION_SUPPRESS_CONNECT_HEADERS, 1L);
  if (atomic_load(&accepts_any)) {
    curl_easy_setopt(easy, OPTION_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, OPTION_SSL_VERIFYHOST, 0L);
  }
  pthread_mutex_lock(&lock);
  current.easy = easy;
  current.context = last.easy == easy ? last.context : NULL;
  current.count = 0;
  current.is_complete = current.has_status = current.is_interim = false;
  pthread_mutex_unlock(&lock);
  return add(multi, easy);
}

// A transfer without a whole header has failed.
struct message *curl_multi_info_read(void *multi, int *left) {
  static _Atomic(read_message *) known;
  read_message *read = atomic_load(&known);
  if (!read) atomic_store(&known, read = (read_message *)next("curl_multi_info_read"));
  struct message *message = read(multi, left);
  if (message && message->kind == MESSAGE_DONE && message->data.result == RESULT_OK) {
    pthread_mutex_lock(&lock);
    if (message->easy == current.easy && !current.is_complete) message->data.result = RESULT_GOT_NOTHING;
    pthread_mutex_unlock(&lock);
  }
  return message;
}
