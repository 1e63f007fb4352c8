// The headers of libxml2's HTML parser, as pkg-config finds them.
#include <libxml/HTMLparser.h>
