/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * What libbpf says, kept for the error that may follow. The end of a verifier's log is where the reason stands, so the end is kept.
 */
#define _GNU_SOURCE 1
#include "CLinux.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char text[skein_capture_limit + 1];
static _Thread_local size_t length;

static void append(const char *more, size_t count) {
  if (count > skein_capture_limit) {
    more += count - skein_capture_limit;
    count = skein_capture_limit;
  }
  size_t kept = length + count > skein_capture_limit ? skein_capture_limit - count : length;
  memmove(text, text + length - kept, kept);
  memcpy(text + kept, more, count);
  length = kept + count;
  text[length] = 0;
}

static int print(enum libbpf_print_level level, const char *format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char *line = NULL;
  int count = vasprintf(&line, format, arguments);
  if (count < 0) return 0;
  append(line, (size_t)count);
  free(line);
  return count;
}

void skein_capture_begin(void) {
  length = 0;
  text[0] = 0;
  libbpf_set_print(print);
}

const char *skein_capture_text(void) { return text; }
