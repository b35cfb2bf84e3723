/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * What Swift cannot say about the records: loads and stores that must stay whole, elements of C arrays, compare-and-swap.
 * The same functions serve the kernel program and the daemon.
 */
#pragma once
#include <stddef.h>
#include "records.h"

#define SKEIN_INLINE static inline __attribute__((always_inline))

/* Aliasing types: a MAC address is read as four and two octets. The cast asserts the alignment, without which BPF loads octet by octet. */
typedef uint64_t __attribute__((may_alias)) skein_octets8;
typedef uint32_t __attribute__((may_alias)) skein_octets4;
typedef uint16_t __attribute__((may_alias)) skein_octets2;

/* The same value, but the optimiser no longer knows where it came from. The verifier knows a packet pointer's bound only in the register
 * that was compared; computed twice, the second copy is unchecked. */
SKEIN_INLINE uintptr_t skein_opaque(uintptr_t value) {
  __asm__ volatile("" : "+r"(value));
  return value;
}

/* The same value below 65,536, but the verifier no longer knows which: it follows each way through the program for each value that it knows,
 * and ways that differ in nothing else become one. The two loads are of the same octets. The result is opaque, so that a mask stays behind
 * the XOR: Linux 6.1's verifier forgets the bounds of what went into a 64-bit XOR, and the optimiser would mask first. */
SKEIN_INLINE uintptr_t skein_forget(uintptr_t value, uintptr_t somewhere) {
  const volatile skein_octets2 *octets = (const volatile skein_octets2 *)somewhere;
  uint16_t once = *octets, again = *octets;
  return skein_opaque(value ^ (uintptr_t)(once ^ again));
}

/* An address as a pointer. Swift's own way makes an optional on the way, and a comparison with nil is one that the verifier does not follow. */
SKEIN_INLINE void *_Nonnull skein_pointer(uintptr_t address) { return (void *)address; }

/* One whole load: a unit never shows half of an update. */
SKEIN_INLINE struct skein_unit skein_unit_load(const struct skein_unit *_Nonnull unit) {
  union { uint64_t whole; struct skein_unit parts; } value = { .whole = *(const volatile skein_octets8 *)unit };
  return value.parts;
}

SKEIN_INLINE uint8_t skein_unit_mine(const struct skein_unit *_Nonnull unit) { return *(const volatile uint8_t *)&unit->mine; }

/* One whole store, after everything stored before it. */
SKEIN_INLINE void skein_unit_store(struct skein_unit *_Nonnull unit, struct skein_unit parts) {
  union { struct skein_unit parts; uint64_t whole; } value = { .parts = parts };
  __atomic_store_n((skein_octets8 *)unit, value.whole, __ATOMIC_RELEASE);
}

SKEIN_INLINE uint64_t skein_word_load(const uint64_t *_Nonnull word) { return *(const volatile uint64_t *)word; }

SKEIN_INLINE void skein_word_store(uint64_t *_Nonnull word, uint64_t value) { __atomic_store_n(word, value, __ATOMIC_RELEASE); }

/* The value that was there; a full barrier, in BPF too. */
SKEIN_INLINE uint64_t skein_word_exchange_if(uint64_t *_Nonnull word, uint64_t expected, uint64_t value) {
  return __sync_val_compare_and_swap(word, expected, value);
}

SKEIN_INLINE uint64_t skein_mac_load(const uint8_t *_Nonnull octets) {
  return (uint64_t)*(const skein_octets4 *)octets | (uint64_t)*(const skein_octets2 *)(octets + 4) << 32;
}

/* One load: the two octets behind a setting's six are zero. */
SKEIN_INLINE uint64_t skein_mac_word(const uint8_t *_Nonnull octets) { return *(const skein_octets8 *)octets; }

/* The same, shifted above two octets of zero: those that lie before it. */
SKEIN_INLINE uint64_t skein_own_mac_shifted(const struct skein_settings *_Nonnull settings) { return skein_mac_word(settings->own_mac - 2); }
SKEIN_INLINE uint64_t skein_shared_mac_shifted(const struct skein_settings *_Nonnull settings) { return skein_mac_word(settings->shared_mac - 2); }

SKEIN_INLINE uint64_t skein_own_mac(const struct skein_settings *_Nonnull settings) { return skein_mac_word(settings->own_mac); }
SKEIN_INLINE uint64_t skein_shared_mac(const struct skein_settings *_Nonnull settings) { return skein_mac_word(settings->shared_mac); }
SKEIN_INLINE uint64_t skein_virtual_mac(const struct skein_settings *_Nonnull settings) { return skein_mac_word(settings->virtual_mac); }
SKEIN_INLINE uint64_t skein_member_mac(const struct skein_member *_Nonnull member) { return skein_mac_load(member->ethernet_address); }

/* What the kernel's routes answer (bpf.h, BPF_FIB_LKUP_RET). Below 0: the question was not understood. */
enum {
  skein_route_found = 0,
  skein_route_blackhole = 1,
  skein_route_unreachable = 2,
  skein_route_prohibited = 3,
  skein_route_not_forwarded = 4,
  skein_route_switched_off = 5,
  skein_route_encapsulated = 6,
  skein_route_no_neighbour = 7,
  skein_route_too_big = 8,
  skein_route_no_source = 9,
};
struct skein_route {
  int32_t answer;
  uint32_t interface;              /* ifindex it goes out of, when found */
  uint64_t source, destination;    /* hardware addresses, as skein_mac_load has them */
  uint64_t length_limit;           /* octets of the largest IP packet that goes this way, when found */
};

/* Half an address, as two words lie in memory. */
SKEIN_INLINE uint64_t skein_address_half(const struct skein_address *_Nonnull address, uint32_t half) {
  return ((const skein_octets8 *)address->words)[half & 1];
}

SKEIN_INLINE uint32_t skein_fast_interface(const struct skein_settings *_Nonnull settings, uint32_t index) {
  return settings->fast_interfaces[index % skein_fast_interface_count];
}
SKEIN_INLINE const struct skein_source_only *_Nonnull skein_source_only_at(const struct skein_settings *_Nonnull settings, uint32_t index) {
  return &settings->source_only[index % skein_source_only_count];
}
SKEIN_INLINE uint64_t skein_flow_key(const struct skein_settings *_Nonnull settings, uint32_t index) {
  return settings->flow_keys[index < 6 ? index : 0];
}

SKEIN_INLINE struct skein_service_endpoint *_Nonnull skein_endpoint_at(struct skein_service_bucket *_Nonnull bucket, uint32_t index) {
  return &bucket->slots[index % skein_endpoint_slot_count];
}
SKEIN_INLINE uint16_t skein_choice(const struct skein_choices *_Nonnull choices, uint32_t index) {
  return *(const volatile uint16_t *)&choices->servers[index % skein_choice_count];
}
SKEIN_INLINE void skein_set_choice(struct skein_choices *_Nonnull choices, uint32_t index, uint16_t server) {
  *(volatile uint16_t *)&choices->servers[index % skein_choice_count] = server;
}
/* One store: nobody sees half of each address. */
SKEIN_INLINE void skein_server_set_mac(struct skein_server *_Nonnull server, uint64_t address) {
  *(volatile skein_octets8 *)server->ethernet_address = address;
}
SKEIN_INLINE uint64_t skein_server_mac(const struct skein_server *_Nonnull server) { return skein_mac_word(server->ethernet_address); }

SKEIN_INLINE uint64_t *_Nonnull skein_flow_slot(struct skein_flow_bucket *_Nonnull bucket, uint32_t index) {
  return &bucket->slots[index % skein_flow_slot_count];
}
union skein_flow_words { struct skein_flow_word parts; uint64_t whole; };
SKEIN_INLINE struct skein_flow_word skein_flow_load(const struct skein_flow *_Nonnull flow) {
  union skein_flow_words value = { .whole = *(const volatile skein_octets8 *)&flow->word };
  return value.parts;
}
/* Whether it was `expected`, and now is `value`. */
SKEIN_INLINE int skein_flow_exchange_if(
    struct skein_flow *_Nonnull flow, struct skein_flow_word expected, struct skein_flow_word value) {
  union skein_flow_words old = { .parts = expected }, new = { .parts = value };
  return __sync_val_compare_and_swap((skein_octets8 *)&flow->word, old.whole, new.whole) == old.whole;
}
SKEIN_INLINE uint64_t skein_flow_last_hop(const struct skein_flow *_Nonnull flow) { return skein_mac_load(flow->last_hop); }
SKEIN_INLINE void skein_flow_set_last_hop(struct skein_flow *_Nonnull flow, uint64_t address) {
  *(skein_octets4 *)flow->last_hop = (uint32_t)address;
  *(skein_octets2 *)(flow->last_hop + 4) = (uint16_t)(address >> 32);
}
/* `direction`: 0 from the client, 1 from the server. */
SKEIN_INLINE void skein_flow_count(struct skein_flow *_Nonnull flow, uint32_t direction, uint64_t octets) {
  flow->packets[direction & 1] += 1;
  flow->octets[direction & 1] += octets;
}
SKEIN_INLINE uint32_t skein_flow_deadline(const struct skein_flow *_Nonnull flow) { return *(const volatile uint32_t *)&flow->deadline; }
SKEIN_INLINE void skein_flow_set_deadline(struct skein_flow *_Nonnull flow, uint32_t deadline) {
  *(volatile uint32_t *)&flow->deadline = deadline;
}
/* A line for a new flow, or -1: several may take, on this processor and (the daemon) elsewhere. */
SKEIN_INLINE int64_t skein_spare_take(struct skein_spares *_Nonnull spares) {
  for (int attempt = 0; attempt < 4; attempt++) {
    uint64_t taken = skein_word_load(&spares->taken);
    if (taken == skein_word_load(&spares->filled)) return -1;
    uint32_t line = *(const volatile uint32_t *)&spares->lines[taken & (skein_spare_count - 1)];
    if (skein_word_exchange_if(&spares->taken, taken, taken + 1) == taken) return line;
  }
  return -1;
}
SKEIN_INLINE uint32_t skein_spare_at(const struct skein_spares *_Nonnull spares, uint64_t number) {
  return spares->lines[number & (skein_spare_count - 1)];
}
/* False when it is full. */
SKEIN_INLINE int skein_spare_put(struct skein_spares *_Nonnull spares, uint32_t line) {
  uint64_t filled = spares->filled;
  if (filled - skein_word_load(&spares->taken) >= skein_spare_count) return 0;
  *(volatile uint32_t *)&spares->lines[filled & (skein_spare_count - 1)] = line;
  skein_word_store(&spares->filled, filled + 1);
  return 1;
}

/* The octet of the flags that the first program asks. */
SKEIN_INLINE uint8_t skein_plain_flags(const struct skein_settings *_Nonnull settings) { return *(const volatile uint8_t *)&settings->flags; }
SKEIN_INLINE uint64_t skein_hash_key(const struct skein_settings *_Nonnull settings, uint32_t index) {
  return settings->hash_keys[index & 7];
}
