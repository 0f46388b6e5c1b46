/* options_usage.h: what --help prints. */
#ifndef OPTIONS_USAGE_H
#define OPTIONS_USAGE_H

extern const char options_usage[];

#endif
