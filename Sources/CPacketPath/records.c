/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The sizes that the maps, the mapped memory and the stores rely on.
 */
#include "tables.h"

_Static_assert(sizeof(struct skein_unit) == 8, "a unit is replaced by one store");
_Static_assert(sizeof(struct skein_member) == 8, "a member is replaced by one store");
_Static_assert(sizeof(struct skein_lease) == 64, "the lease is alone in its cache line");
_Static_assert(sizeof(struct skein_fragment) == 64, "a fragment is one cache line");
_Static_assert(sizeof(struct skein_known_address) == 32, "two of them are a cache line");
_Static_assert(skein_counter_count * sizeof(uint64_t) % 64 == 0, "no two processors share a cache line of counters");
_Static_assert(offsetof(struct skein_settings, shared_mac) == offsetof(struct skein_settings, own_mac) + 8, "two zeros before an address");
_Static_assert(sizeof(struct skein_traffic) == 16, "two counters");
_Static_assert(sizeof(struct skein_service_bucket) == 128, "a bucket of endpoints is two cache lines");
_Static_assert(sizeof(struct skein_virtual_server) == 64, "a virtual server is one cache line");
_Static_assert(sizeof(struct skein_server) == 64, "a server is one cache line");
_Static_assert(sizeof(struct skein_flow_bucket) == 64, "a bucket of flows is one cache line");
_Static_assert(sizeof(struct skein_flow) == 64, "a flow is one cache line");
_Static_assert(sizeof(struct skein_upcall) == 16 + skein_frame_limit, "a header, then the frame");

#define ONE(name, record, count) _Static_assert(sizeof(record) * (count) % 8 == 0, "mapped maps hold multiples of 8 octets");
#define SIZED(name, record, size) _Static_assert(sizeof(record) % 8 == 0, "mapped maps hold multiples of 8 octets");
SKEIN_TABLES(ONE, ONE, ONE, SIZED)
#undef SIZED
#undef ONE
#define HERE(name, record, count) _Static_assert(((count) & ((count)-1)) == 0, "a mask keeps an index within it");
#define OTHER(name, record, count)
SKEIN_TABLES(HERE, OTHER, OTHER, OTHER)
#undef HERE
#undef OTHER

struct skein_map skein_map_number(int index, struct skein_sizes sizes) {
  const struct skein_map maps[] = {
      {"here", sizeof(struct skein_here), 1},
#define HERE(name, record, count)
#define ARRAY(name, record, count) {#name, sizeof(record) * (count), 1},
#define EACH(name, record, count) {#name, sizeof(record) * (count), sizes.processors},
#define SIZED(name, record, size) {#name, sizeof(record), sizes.size},
      SKEIN_TABLES(HERE, ARRAY, EACH, SIZED)
#undef HERE
#undef ARRAY
#undef EACH
#undef SIZED
  };
  return maps[index];
}

struct skein_tables skein_tables_at(void *_Nonnull const *_Nonnull memory) {
  struct skein_here *here = *memory++;
  struct skein_tables tables;
#define HERE(name, record, count) tables.name = here->name;
#define MAP(name, record, count) tables.name = *memory++;
  SKEIN_TABLES(HERE, MAP, MAP, MAP)
#undef HERE
#undef MAP
  return tables;
}

const char *_Nonnull skein_stage_program(int index) {
  static const char *const programs[] = {
#define STAGE(index, program) #program,
      SKEIN_STAGES(STAGE)
#undef STAGE
  };
  return programs[index];
}
