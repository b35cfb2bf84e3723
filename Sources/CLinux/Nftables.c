/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * libnftables is loaded when a guard is first installed: a machine whose network card runs XDP does without it.
 */
#define _GNU_SOURCE 1
#include "CLinux.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

struct nft_ctx;

static struct {
  struct nft_ctx *(*new_context)(uint32_t flags);
  void (*free_context)(struct nft_ctx *);
  int (*buffer_output)(struct nft_ctx *);
  int (*buffer_error)(struct nft_ctx *);
  const char *(*get_error)(struct nft_ctx *);
  int (*run)(struct nft_ctx *, const char *);
} library;
static int is_loaded;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* libnftables is not thread safe while it parses */

static int load(void) {
  if (is_loaded) return 1;
  void *handle = dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!handle) return 0;
  *(void **)&library.new_context = dlsym(handle, "nft_ctx_new");
  *(void **)&library.free_context = dlsym(handle, "nft_ctx_free");
  *(void **)&library.buffer_output = dlsym(handle, "nft_ctx_buffer_output");
  *(void **)&library.buffer_error = dlsym(handle, "nft_ctx_buffer_error");
  *(void **)&library.get_error = dlsym(handle, "nft_ctx_get_error_buffer");
  *(void **)&library.run = dlsym(handle, "nft_run_cmd_from_buffer");
  is_loaded = library.new_context && library.free_context && library.buffer_output && library.buffer_error && library.get_error &&
              library.run;
  return is_loaded;
}

static int run(const char *commands, char *error, size_t capacity) {
  if (!load()) return -ENOENT;
  struct nft_ctx *context = library.new_context(0);
  if (!context) return -ENOMEM;
  int failed = library.buffer_output(context) || library.buffer_error(context) || library.run(context, commands);
  if (failed) snprintf(error, capacity, "%s", library.get_error(context) ?: "");
  library.free_context(context);
  return failed ? -EINVAL : 0;
}

int skein_nftables_run(const char *commands, char *error, size_t capacity) {
  if (capacity) error[0] = 0;
  pthread_mutex_lock(&lock);
  int result = run(commands, error, capacity);
  pthread_mutex_unlock(&lock);
  return result;
}
