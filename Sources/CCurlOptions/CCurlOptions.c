// For RTLD_NEXT.
#define _GNU_SOURCE
#include "CCurlOptions.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

// curl.h isn't needed to build anything else. These are part of libcurl's stable interface: curl_easy_setopt(3).
enum {
  OPTION_SSL_VERIFYPEER = 64,
  OPTION_SSL_VERIFYHOST = 81,
  OPTION_HTTP_TRANSFER_DECODING = 157,
  OPTION_HTTP_CONTENT_DECODING = 158,
  OPTION_HEADERFUNCTION = 20079,
};
typedef int set_option(void *easy, int option, ...);
typedef int add_handle(void *multi, void *easy);
typedef size_t take_header(char *line, size_t size, size_t count, void *context);

static atomic_bool accepts_any;
// URLSession's function for headers, the same for every transfer.
static _Atomic(take_header *) session_header;

void ccurloptions_accept_any_certificate(void) { atomic_store(&accepts_any, true); }

// libcurl's own function. Without libcurl nothing could have called the one in front of it.
static void *next(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (!function) abort();
  return function;
}

// Hands on a line of a header with CR LF at its end.
static size_t header(char *line, size_t size, size_t count, void *context) {
  size_t length = size * count;
  take_header *take = atomic_load(&session_header);
  bool is_bare = length > 0 && line[length - 1] == '\n' && (length == 1 || line[length - 2] != '\r');
  if (!is_bare) return take(line, size, count, context);
  char *whole = malloc(length + 1);
  if (!whole) return 0;
  memcpy(whole, line, length - 1);
  memcpy(whole + length - 1, "\r\n", 2);
  size_t taken = take(whole, 1, length + 1, context);
  free(whole);
  return taken == length + 1 ? length : 0;
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
  if (option == OPTION_HEADERFUNCTION && value) {
    atomic_store(&session_header, (take_header *)value);
    return set(easy, option, header);
  }
  return set(easy, option, value);
}

// Begins a transfer, whose options are complete now.
int curl_multi_add_handle(void *multi, void *easy) {
  static _Atomic(add_handle *) known;
  add_handle *add = atomic_load(&known);
  if (!add) atomic_store(&known, add = (add_handle *)next("curl_multi_add_handle"));
  curl_easy_setopt(easy, OPTION_HTTP_TRANSFER_DECODING, 0L);
  curl_easy_setopt(easy, OPTION_HTTP_CONTENT_DECODING, 0L);
  if (atomic_load(&accepts_any)) {
    curl_easy_setopt(easy, OPTION_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, OPTION_SSL_VERIFYHOST, 0L);
  }
  return add(multi, easy);
}
