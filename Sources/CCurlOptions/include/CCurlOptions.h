// What Foundation's URLSession, which is built on libcurl, has no setting for.
//
// URLSession decodes chunks and compressed bodies without a limit of its own and hides what a server has sent. Headers end
// the process: a trailer, a length near 2^63, or a status line behind which the server closes ("Transfer completed, but
// there's no response"). So libcurl hands over bodies as they arrive, URLSession sees no header, and the crawl
// reads headers and bodies itself, as it does without TLS.
//
// The functions of this file stand in front of libcurl's functions of the same names. They are C because libcurl's function
// for options has variable arguments, which Swift can neither call nor define.
//
// They keep the headers of one transfer at a time, the one that was begun last.
#ifndef CCURLOPTIONS_H
#define CCURLOPTIONS_H

#include <stddef.h>

// From now on, no certificate of this process's transfers is checked. Call it before the first transfer.
void ccurloptions_accept_any_certificate(void);

// The next transfer asks for this address as it is. URLSession writes some addresses anew: `%zz` as `%25zz`.
void ccurloptions_set_address(const char *text);

// More than the crawl's reader takes, which refuses what is longer.
enum { CCURLOPTIONS_MOST_HEADERS = 128 << 10 };

// Copies the headers of the last transfer as they have arrived: status line, fields and empty line, with those of interim
// responses. Returns how many bytes there are, of which `room` are copied.
size_t ccurloptions_copy_headers(char *bytes, size_t room);

#endif
