/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The kernel program under test: loaded by libbpf, its maps mapped, run on one frame at a time by BPF_PROG_TEST_RUN.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "records.h"

struct skein_rig;

/* Whether this process may load XDP programs at all; says nothing of ours. */
int skein_rig_is_permitted(void);

/* NULL when the kernel refuses; `log`, of `log_length` octets, then says why. */
struct skein_rig *_Nullable skein_rig_open(const void *_Nonnull object, size_t length, struct skein_sizes sizes, char *_Nonnull log, size_t log_length);
void skein_rig_close(struct skein_rig *_Nonnull rig);

/* A map's memory; NULL when there is none of that name. */
void *_Nullable skein_rig_map(struct skein_rig *_Nonnull rig, const char *_Nonnull name);
int skein_rig_processor_count(void);
uint64_t skein_rig_boot_time(void);

struct skein_rig_result {
  int error;             /* 0, or a negative errno */
  uint32_t verdict;
  uint32_t length;       /* octets of the frame that came out */
  uint32_t nanoseconds;  /* for one run, when repeated */
};
/* Runs the program `repetitions` times on the frame, which seems to come in by `interface` of this thread's namespace unless that is 0; what comes out of the last is in `result`, which has room for `capacity` octets. */
struct skein_rig_result skein_rig_run(
    struct skein_rig *_Nonnull rig, const char *_Nonnull program, const void *_Nonnull frame, size_t length, void *_Nonnull result,
    size_t capacity, uint32_t repetitions, uint32_t interface);

/* Generic mode; 0 or a negative errno. It stays until the interface is gone. */
int skein_rig_attach(struct skein_rig *_Nonnull rig, const char *_Nonnull program, uint32_t interface);
/* This thread, into the network namespace of that file; 0 or a negative errno. */
int skein_rig_enter(const char *_Nonnull path);

/* The oldest packet that went up; 0 when there is none. */
int skein_rig_next_upcall(struct skein_rig *_Nonnull rig, struct skein_upcall *_Nonnull upcall);
