// Options of libcurl, which Foundation's URLSession is built on and has no setting for.
//
// URLSession decodes chunks and compressed bodies without a limit of its own, hides which lengths a server has sent, ends
// the process over a trailer ("Transfer completed, but there's no response"), and refuses headers whose lines end with LF
// alone, which RFC 9112 allows. So libcurl hands over bodies as they arrive, and the crawl decodes them as it does without
// TLS; and lines of headers get the end that URLSession expects.
//
// The functions of this file stand in front of libcurl's functions of the same names. They are C because libcurl's function
// for options has variable arguments, which Swift can neither call nor define.
#ifndef CCURLOPTIONS_H
#define CCURLOPTIONS_H

// From now on, no certificate of this process's transfers is checked. Call it before the first transfer.
void ccurloptions_accept_any_certificate(void);

#endif
