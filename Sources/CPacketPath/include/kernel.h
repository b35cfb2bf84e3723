/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The maps and the kernel's helpers as the kernel program calls them; nothing of this exists in the native build.
 * A helper's number is its address: bpf.h, enum bpf_func_id.
 */
#pragma once
#include "access.h"

#ifdef SKEIN_KERNEL

struct skein_xdp_context { uint32_t data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex; };

extern char skein_map_upcalls __asm__("upcalls");
extern char skein_map_stages __asm__("stages");

SKEIN_INLINE void *_Nullable skein_map_at(void *_Nonnull map, uint32_t index) {
  return ((void *(*)(void *, const void *))1)(map, &index);
}

SKEIN_INLINE uint64_t skein_kernel_processor(void) { return ((uint64_t (*)(void))8)(); }

/* For each table a function of its name: the address of a record. The index into a table that is here is kept within it by a
 * mask that the optimiser cannot leave out: Linux 6.1 knows nothing of what was joined by OR or XOR. */
extern struct skein_here skein_map_here __asm__("here");
/* In a register: as a constant it would be ten octets of code at each place. */
SKEIN_INLINE struct skein_here *_Nonnull skein_kernel_here(void) { return (struct skein_here *)skein_opaque((uintptr_t)&skein_map_here); }

#define HERE(name, record, count) \
  SKEIN_INLINE record *_Nonnull skein_kernel_##name(struct skein_here *_Nonnull here, uint32_t index) { \
    return &here->name[skein_opaque(index) & ((count)-1)]; \
  }
#define ARRAY(name, record, count) \
  extern char skein_map_##name __asm__(#name); \
  SKEIN_INLINE record *_Nullable skein_kernel_##name(uint32_t index) { \
    record *all = skein_map_at(&skein_map_##name, 0); \
    return all != 0 && index < (count) ? &all[index] : 0; \
  }
#define EACH(name, record, count) \
  extern char skein_map_##name __asm__(#name); \
  SKEIN_INLINE record *_Nullable skein_kernel_##name(uint32_t index) { \
    record *all = skein_map_at(&skein_map_##name, skein_kernel_processor()); \
    return all != 0 && index < (count) ? &all[index] : 0; \
  }
#define SIZED(name, record, size) \
  extern char skein_map_##name __asm__(#name); \
  SKEIN_INLINE record *_Nullable skein_kernel_##name(uint32_t index) { return skein_map_at(&skein_map_##name, index); }
SKEIN_TABLES(HERE, ARRAY, EACH, SIZED)
#undef HERE
#undef ARRAY
#undef EACH
#undef SIZED

/* The tables that are here, so many octets further on: the sum is made in the offset's register, which nobody needs any more. */
SKEIN_INLINE struct skein_here *_Nonnull skein_kernel_further(struct skein_here *_Nonnull here, uintptr_t octets) {
  __asm__("%0 += %1" : "+r"(octets) : "r"(here));
  return (struct skein_here *)octets;
}

/* An index that comes from a shift or a mask: verifiers see its bound, and the optimiser may leave the mask out. */
SKEIN_INLINE struct skein_unit *_Nonnull skein_kernel_unit(struct skein_here *_Nonnull here, uint32_t index) {
  return skein_kernel_further(here, (index & (skein_unit_count - 1)) * sizeof(struct skein_unit))->units;
}

/* Raises a counter in this processor's row. Of the last row there may be several processors, so it is raised as one. */
SKEIN_INLINE void skein_kernel_count(struct skein_here *_Nonnull here, uint32_t counter) {
  uintptr_t processor = skein_opaque(skein_kernel_processor());
  if (processor < skein_counter_rows - 1) {
    skein_kernel_further(here, processor * sizeof(uint64_t) * skein_counter_count)->counters[counter]++;
  } else {
    __sync_fetch_and_add(&here->counters[(skein_counter_rows - 1) * skein_counter_count + counter], 1);
  }
}

/* Another program goes on with the packet; returns only where there is none. */
SKEIN_INLINE void skein_kernel_go_on(const struct skein_xdp_context *_Nonnull context, uint32_t stage) {
  ((void (*)(const void *, void *, uint32_t))12)(context, &skein_map_stages, stage);
}

/* CLOCK_BOOTTIME, precise: the lease is safety, and it must not run late when a virtual machine's tick does, nor stand still in suspend. */
SKEIN_INLINE uint64_t skein_kernel_boot_time(void) { return ((uint64_t (*)(void))125)(); }

/* CLOCK_MONOTONIC as of the last tick: for what may be late by one. */
SKEIN_INLINE uint64_t skein_kernel_tick_time(void) { return ((uint64_t (*)(void))160)(); }

/* Grows or cuts the frame at its end; every packet address is void afterwards. */
SKEIN_INLINE int64_t skein_kernel_adjust_tail(const struct skein_xdp_context *_Nonnull context, int32_t change) {
  return ((int64_t (*)(const void *, int32_t))65)(context, change);
}

/* bpf.h, struct bpf_fib_lookup; the two hardware addresses in pieces that are aligned, as they must be on the stack. */
struct skein_fib_lookup {
  uint8_t family, protocol;
  uint16_t source_port, destination_port, length;
  uint32_t interface, traffic_class;
  uint32_t source[4], destination[4];
  uint32_t vlan;
  uint32_t source_mac;
  uint16_t source_mac_end, destination_mac;
  uint32_t destination_mac_end;
};

/* The kernel's routing table, rules and neighbours; its limits of size too. No filter, no connection tracking, no check of the source. */
SKEIN_INLINE struct skein_route skein_kernel_route(
    const struct skein_xdp_context *_Nonnull context, const struct skein_route_question *_Nonnull question) {
  struct skein_fib_lookup lookup = {
    .family = question->is_ipv6 ? 10 : 2,
    .protocol = question->protocol,
    .source_port = question->source_port,
    .destination_port = question->destination_port,
    .length = question->length,
    .interface = question->interface,
    .traffic_class = question->traffic_class,
  };
  for (int word = 0; word < 4; word++) {
    lookup.source[word] = question->source.words[question->is_ipv6 ? word : 3];
    lookup.destination[word] = question->destination.words[question->is_ipv6 ? word : 3];
  }
  struct skein_route route = { .answer = ((int32_t (*)(const void *, void *, int32_t, uint32_t))69)(context, &lookup, sizeof lookup, 0) };
  route.interface = lookup.interface;
  route.length_limit = lookup.length; /* the kernel's answer, in the same place as the question */
  route.source = lookup.source_mac | (uint64_t)lookup.source_mac_end << 32;
  route.destination = lookup.destination_mac | (uint64_t)lookup.destination_mac_end << 16;
  return route;
}

/* Where the frame goes when the program ends with the verdict that this returns: XDP_REDIRECT. */
SKEIN_INLINE int32_t skein_kernel_redirect(uint32_t interface) { return ((int32_t (*)(uint32_t, uint64_t))23)(interface, 0); }

SKEIN_INLINE struct skein_upcall *_Nullable skein_kernel_reserve(void) {
  return ((void *(*)(void *, uint64_t, uint64_t))131)(&skein_map_upcalls, sizeof(struct skein_upcall), 0);
}
SKEIN_INLINE struct skein_upcall *_Nullable skein_kernel_reserve_small(void) {
  enum { header = sizeof(struct skein_upcall) - skein_frame_limit };
  return ((void *(*)(void *, uint64_t, uint64_t))131)(&skein_map_upcalls, header + skein_small_frame_limit, 0);
}
/* Octets of the ring that wait for the daemon. */
SKEIN_INLINE uint64_t skein_kernel_ring_fill(void) {
  return ((uint64_t (*)(void *, uint64_t))134)(&skein_map_upcalls, 0 /* BPF_RB_AVAIL_DATA */);
}
SKEIN_INLINE void skein_kernel_submit(struct skein_upcall *_Nonnull upcall) { ((void (*)(void *, uint64_t))132)(upcall, 0); }
SKEIN_INLINE void skein_kernel_discard(struct skein_upcall *_Nonnull upcall) { ((void (*)(void *, uint64_t))133)(upcall, 1 /* no wakeup */); }

/* The frame's first octets, into an upcall; `length` is 1 to `limit`, which is a power of two. The mask says so to verifiers that learn nothing from a
 * comparison with zero; of another length the helper finds too little, and refuses. */
SKEIN_INLINE int64_t skein_kernel_copy_frame(
    const struct skein_xdp_context *_Nonnull context, struct skein_upcall *_Nonnull upcall, uint64_t length, uint64_t limit) {
  length = (skein_opaque(length - 1) & (limit - 1)) + 1;
  return ((int64_t (*)(const void *, uint32_t, void *, uint32_t))189)(context, 0, upcall->frame, (uint32_t)length);
}

#endif
