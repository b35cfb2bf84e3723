/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The maps' declarations and the licence: all the C that the kernel program has. libbpf reads them from BTF; the field names are its language.
 * The loader sets max_entries of the tables whose number of entries is known only there, and fills `stages`.
 */
#include "records.h"

#define MAP __attribute__((section(".maps"), used))
enum { array_type = 2, program_array_type = 3, ring_type = 27, mappable = 1 << 10 };

__attribute__((section(".data.here"), used)) struct skein_here here = {};
#define HERE(name, record, count)
#define ARRAY(name, record, count) \
  struct { \
    int (*type)[array_type]; \
    uint32_t *key; \
    struct { record records[count]; } *value; \
    int (*max_entries)[1]; \
    int (*map_flags)[mappable]; \
  } name MAP;
#define SIZED(name, record, size) ARRAY(name, record, 1)
SKEIN_TABLES(HERE, ARRAY, ARRAY, SIZED)

struct {
  int (*type)[program_array_type];
  int (*key_size)[4];
  int (*value_size)[4];
  int (*max_entries)[skein_stage_count];
} stages MAP;
struct {
  int (*type)[ring_type];
  int (*max_entries)[skein_ring_size];
} upcalls MAP;

__attribute__((section("license"), used)) char skein_license[] = "Dual MIT/GPL";
