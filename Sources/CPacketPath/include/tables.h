/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The tables as the daemon sees them. Nothing of this exists in the kernel program.
 */
#pragma once
#include "access.h"

#ifndef SKEIN_KERNEL

/* Where each table is: in maps that are in this process's memory, or in an allocation. */
struct skein_tables {
#define TABLE(name, record, count) record *_Nonnull name;
  SKEIN_TABLES(TABLE, TABLE, TABLE, TABLE)
#undef TABLE
};

/* What must be known of a map to find or make its memory: `here`, which has several tables, or a table of its own. */
struct skein_map {
  const char *_Nonnull name;
  size_t octets;  /* of one entry; a multiple of 8 */
  size_t entries; /* one, one for each processor, or as many as a size says */
};

enum {
#define HERE(name, record, count)
#define MAP(name, record, count) + 1
  skein_map_count = 1 SKEIN_TABLES(HERE, MAP, MAP, MAP),
#undef HERE
#undef MAP
};

/* Of a machine without virtual servers. */
SKEIN_INLINE struct skein_sizes skein_least_sizes(uint32_t processors) {
  struct skein_sizes sizes = {processors, 1, 1, 1};
  return sizes;
}

/* One of `skein_map_count`, where the tables have these sizes. */
struct skein_map skein_map_number(int index, struct skein_sizes sizes);
/* The tables in maps, of which `memory` has the addresses, in the order of their numbers. */
struct skein_tables skein_tables_at(void *_Nonnull const *_Nonnull memory);
/* The name of the program of one of `skein_stage_count` stages. */
const char *_Nonnull skein_stage_program(int index);

#endif
