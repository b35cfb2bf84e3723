/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#define _GNU_SOURCE 1
#include "CLinux.h"

const char *skein_errno_name(int code) { return strerrorname_np(code); }

const char *skein_errno_text(int code) {
  const char *text = strerrordesc_np(code);
  return text ? text : "unknown error";
}
