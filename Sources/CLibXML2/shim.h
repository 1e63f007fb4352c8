// The headers of libxml2's HTML parser, as pkg-config finds them. Without its ICU part: that would pull in the
// system's ICU headers, which clash with those of Foundation's own ICU. Nothing used here depends on it.
#include <libxml/xmlversion.h>
#undef LIBXML_ICU_ENABLED
#include <libxml/HTMLparser.h>
