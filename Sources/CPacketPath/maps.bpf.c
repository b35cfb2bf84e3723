/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The maps' declarations and the licence: all the C that the kernel program has. libbpf reads them from BTF; the field names are its language.
 * The loader sets max_entries of three maps before it loads the object, to possible CPUs x skein_counter_count (counters),
 * x skein_traffic_count (traffic) and x skein_route_memo_count (routes). The others are right as they stand.
 */
#include "records.h"

#define MAP __attribute__((section(".maps"), used))
enum { array_type = 2, ring_type = 27, mappable = 1 << 10 };

#define ARRAY(name, record, count) \
  struct { \
    int (*type)[array_type]; \
    uint32_t *key; \
    record *value; \
    int (*max_entries)[count]; \
    int (*map_flags)[mappable]; \
  } name MAP

ARRAY(settings, struct skein_settings, 1);
ARRAY(lease, struct skein_lease, 1);
ARRAY(units, struct skein_unit, skein_unit_count);
ARRAY(members, struct skein_member, skein_member_count);
ARRAY(counters, uint64_t, skein_counter_count);
ARRAY(traffic, struct skein_traffic, skein_traffic_count);
ARRAY(fragments, struct skein_fragment, skein_fragment_count);
ARRAY(routes, struct skein_route_memo, skein_route_memo_count);
struct {
  int (*type)[ring_type];
  int (*max_entries)[skein_ring_size];
} upcalls MAP;

__attribute__((section("license"), used)) char skein_license[] = "Dual MIT/GPL";
