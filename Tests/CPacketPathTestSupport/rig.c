/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#define _GNU_SOURCE
#include "CPacketPathTestSupport.h"
#include "tables.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct skein_rig {
  struct bpf_object *object;
  struct ring_buffer *ring;
  struct skein_upcall *waiting;
  int has_upcall;
};

static __thread char *log_text;
static __thread size_t log_room;

static int keep_log(enum libbpf_print_level level, const char *format, va_list values) {
  if (level != LIBBPF_WARN || log_text == NULL) return 0;
  int written = vsnprintf(log_text, log_room, format, values);
  if (written > 0) {
    size_t step = (size_t)written < log_room ? (size_t)written : log_room - 1;
    log_text += step;
    log_room -= step;
  }
  return written;
}

static int take_upcall(void *context, void *data, size_t size) {
  struct skein_rig *rig = context;
  memcpy(rig->waiting, data, size < sizeof *rig->waiting ? size : sizeof *rig->waiting);
  rig->has_upcall = 1;
  return -1; /* stop: one at a time */
}

int skein_rig_is_permitted(void) {
  struct bpf_insn nothing[] = {{.code = 0xb7, .imm = 2}, {.code = 0x95}}; /* r0 = XDP_PASS; exit */
  int program = bpf_prog_load(BPF_PROG_TYPE_XDP, "permitted", "GPL", nothing, 2, NULL);
  if (program >= 0) close(program);
  return program >= 0;
}

/* A table is an array map, or a global in a section that is called after it. */
static struct bpf_map *find(struct bpf_object *object, const char *name) {
  char section[64];
  snprintf(section, sizeof section, ".data.%s", name);
  struct bpf_map *map = bpf_object__find_map_by_name(object, section);
  return map != NULL ? map : bpf_object__find_map_by_name(object, name);
}

static int resize(struct bpf_object *object, struct skein_sizes sizes) {
  for (int index = 0; index < skein_map_count; index++) {
    struct skein_map table = skein_map_number(index, sizes);
    if (table.entries != 1 && bpf_map__set_max_entries(find(object, table.name), (uint32_t)table.entries) != 0) return -1;
  }
  return 0;
}

static int link_stages(struct bpf_object *object) {
  int stages = bpf_object__find_map_fd_by_name(object, "stages");
  for (uint32_t index = 0; index < skein_stage_count; index++) {
    int program = bpf_program__fd(bpf_object__find_program_by_name(object, skein_stage_program((int)index)));
    if (bpf_map_update_elem(stages, &index, &program, 0) != 0) return -1;
  }
  return 0;
}

struct skein_rig *skein_rig_open(const void *object, size_t length, struct skein_sizes sizes, char *log, size_t log_length) {
  log[0] = 0;
  log_text = log;
  log_room = log_length;
  libbpf_set_print(keep_log);
  struct skein_rig *rig = calloc(1, sizeof *rig);
  rig->waiting = calloc(1, sizeof *rig->waiting);
  rig->object = bpf_object__open_mem(object, length, NULL);
  int ok = rig->object != NULL && resize(rig->object, sizes) == 0 && bpf_object__load(rig->object) == 0 && link_stages(rig->object) == 0;
  if (ok) {
    rig->ring = ring_buffer__new(bpf_object__find_map_fd_by_name(rig->object, "upcalls"), take_upcall, rig, NULL);
    ok = rig->ring != NULL;
  }
  log_text = NULL;
  if (ok) return rig;
  skein_rig_close(rig);
  return NULL;
}

void skein_rig_close(struct skein_rig *rig) {
  ring_buffer__free(rig->ring);
  bpf_object__close(rig->object);
  free(rig->waiting);
  free(rig);
}

void *skein_rig_map(struct skein_rig *rig, const char *name) {
  struct bpf_map *map = find(rig->object, name);
  if (map == NULL) return NULL;
  size_t octets = (size_t)bpf_map__value_size(map) * bpf_map__max_entries(map);
  void *memory = mmap(NULL, (octets + 4095) / 4096 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(map), 0);
  return memory == MAP_FAILED ? NULL : memory;
}

int skein_rig_processor_count(void) { return libbpf_num_possible_cpus(); }

uint64_t skein_rig_boot_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct skein_rig_result skein_rig_run(
    struct skein_rig *rig, const char *program, const void *frame, size_t length, void *result, size_t capacity, uint32_t repetitions,
    uint32_t interface) {
  struct xdp_md context = {.data_end = (uint32_t)length, .ingress_ifindex = interface};
  LIBBPF_OPTS(
      bpf_test_run_opts, options, .data_in = frame, .data_size_in = (uint32_t)length, .data_out = result, .data_size_out = (uint32_t)capacity,
      .repeat = (int)repetitions, .ctx_in = interface ? &context : NULL, .ctx_size_in = interface ? sizeof context : 0);
  struct bpf_program *found = bpf_object__find_program_by_name(rig->object, program);
  int error = found == NULL ? -1 : bpf_prog_test_run_opts(bpf_program__fd(found), &options);
  return (struct skein_rig_result){error, options.retval, options.data_size_out, options.duration};
}

int skein_rig_attach(struct skein_rig *rig, const char *program, uint32_t interface) {
  struct bpf_program *found = bpf_object__find_program_by_name(rig->object, program);
  return found == NULL ? -1 : bpf_xdp_attach((int)interface, bpf_program__fd(found), 1 << 1 /* XDP_FLAGS_SKB_MODE */, NULL);
}

int skein_rig_enter(const char *path) {
  int namespace = open(path, O_RDONLY | O_CLOEXEC);
  if (namespace < 0) return -errno;
  int error = setns(namespace, CLONE_NEWNET) == 0 ? 0 : -errno;
  close(namespace);
  return error;
}

int skein_rig_next_upcall(struct skein_rig *rig, struct skein_upcall *upcall) {
  rig->has_upcall = 0;
  ring_buffer__consume(rig->ring);
  if (rig->has_upcall) *upcall = *rig->waiting;
  return rig->has_upcall;
}
