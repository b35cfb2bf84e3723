/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The records that the packet path and the daemon share. Declared here and nowhere else: Swift (kernel and native) imports this header,
 * maps.bpf.c sizes its maps by it. Multiples of 8 octets; what is published is published by one aligned 8-octet store.
 */
#pragma once
#include <stdint.h>

enum {
  skein_unit_count = 1024,      /* WO 00/31945: a work unit number between 0 and 1023 */
  skein_member_count = 256,
  skein_address_count = 16,     /* cluster addresses */
  skein_own_address_count = 32, /* the machine's own addresses */
  skein_source_only_count = 16, /* protocols and ports that are hashed by their source alone */
  skein_counter_count = 256,    /* counters a CPU: whole cache lines */
  skein_counter_rows = 64,      /* one for each CPU, the last for all that have none of their own */
  skein_fragment_count = 4096,
  /* Forwarders of the virtual gateway: the last octet of a virtual MAC address. Forwarder f is work unit f; 0 is none. */
  skein_forwarder_count = 256,
  /* Rows of `traffic` a CPU: the work units, then what was forwarded for each forwarder. */
  skein_traffic_count = skein_unit_count + skein_forwarder_count,
  /* Routes remembered a CPU: 512 KiB, which its second-level cache holds. */
  skein_route_memo_count = 4096,
  skein_virtual_address_count = 2, /* the gateway's IPv4 and IPv6 address */
  skein_fast_interface_count = 16,
  /* Places for addresses, in each of the two halves of `roles`: ten for each address that there may be, so that a key is soon found
     under which no two share a place. */
  skein_role_bits = 9,
  skein_role_count = 1 << skein_role_bits,
  skein_virtual_server_count = 256,
  skein_server_count = 1024, /* real servers, of all virtual servers together */
  /* Addresses with a port that are a virtual server's or a real server's: buckets of four, twice, as with `roles`. */
  skein_endpoint_slot_count = 4,
  skein_endpoint_bits = 11,
  skein_endpoint_bucket_count = 1 << skein_endpoint_bits,
  skein_choice_count = 512,      /* slots in a block of choices; a virtual server has a power of two of blocks */
  skein_flow_slot_count = 8,     /* slots in a bucket of the index of flows */
  skein_spare_count = 1 << 14,   /* lines that are ready for a processor's new flows */
  skein_no_member = 0xffff,
  skein_no_unit = 0xffff,
  skein_no_server = 0xffff,
};

/* One work unit: 8 octets, replaced by one store. */
struct skein_unit {
  uint16_t owner;      /* index into members, skein_no_member when unassigned */
  uint8_t acknowledged; /* the owner has acknowledged: it processes */
  uint8_t mine;        /* skein_mine: this machine owns it (acknowledged, state in); skein_mine_moving; skein_not_mine */
  uint32_t padding;
};

enum {
  skein_not_mine = 0,
  skein_mine = 1,
  /* On its way to or from this machine: its packets go up and are held, on every member, until the next owner has them all. */
  skein_mine_moving = 2,
};

/* One member, by its index in this daemon's own table. */
struct skein_member {
  uint8_t ethernet_address[6];
  uint16_t in_use;
};

/* What the daemon stores again and again, each by one store; read together. */
struct skein_lease {
  uint64_t deadline; /* CLOCK_BOOTTIME nanoseconds; at or after it this machine processes nothing and announces nothing */
  /* CLOCK_BOOTTIME nanoseconds of the last change of the kernel's routes, rules, neighbours or interfaces, or of when it was heard of: what
     was learnt of them before is void. 0: nobody watches them, and nothing is remembered. */
  uint64_t routes_changed;
  uint64_t padding[6];
};

struct skein_address {
  _Alignas(8) uint32_t words[4]; /* network byte order as in the packet; IPv4 in words[3] with words[2] = htonl(0xffff) */
};

/* What an address is to the packet path. Each address has a place of its own under the key in force, so one look tells. */
enum skein_role {
  skein_role_cluster = 1, /* one of the cluster's */
  skein_role_own = 2,     /* one of this machine's */
  skein_role_virtual = 4, /* one of the gateway's */
};
struct skein_known_address {
  struct skein_address address;
  uint32_t roles;         /* a sum of enum skein_role; 0: the place is free */
  uint32_t padding[3];
};

/* What is hashed by the source address alone, so that all of a client's flows meet on one member. */
struct skein_source_only {
  uint8_t protocol; /* IP protocol number */
  uint8_t in_use;
  uint16_t port;    /* network byte order; 0 for every port or a protocol without */
  uint32_t padding;
};

enum skein_flags {
  /* What the first program asks about a plain packet lies in one octet: of most members, `enabled` and nothing else. */
  skein_flag_enabled = 1,    /* off: everything passes to the stack */
  skein_flag_master = 2,     /* answers ARP and neighbour solicitations, holds what is unassigned */
  skein_flag_source_only = 4, /* there is something that is hashed by its source alone */
  skein_flag_l2tp_ids = 8,   /* tunnel and session id enter the hash */
  skein_flag_virtual_servers = 16, /* there are virtual servers at the cluster's addresses */
  skein_flags_of_plain = 255,
  skein_flag_forwarding = 256, /* delivery: forwarding (the master forwards by MAC) */
  skein_flag_routing = 512,    /* frames for neither the cluster nor this machine are router work */
  skein_flag_hold = 1024,      /* unassigned and unacknowledged packets go up; off: dropped and counted */
  skein_flag_gateway = 2048,   /* frames to the group's virtual MAC addresses are routed */
  skein_flag_answers = 4096,   /* this machine answers questions for the virtual addresses: they go up */
  skein_flag_fast_routing = 8192, /* routed here by the kernel's FIB; off: the kernel routes, with all its rules and filters */
  skein_flag_replay = 16384,      /* only where held packets are decided anew: another's forwarder has not seen this one */
};

/* Everything else the packet path is told. Written by the daemon while the program runs: each field is valid by itself at every moment. */
struct skein_settings {
  uint64_t flags;
  uint64_t hash_keys[8];        /* drawn from the cluster's hash seed */
  uint64_t hash_base_v4;        /* what is the same in the sum over every IPv4 address, under those keys */
  /* Where in `roles` an address is: a multiplier, whose lowest bit says in which half. Replaced by one store, when the other half is full. */
  uint64_t role_key;
  uint32_t main_address;        /* the cluster's first IPv4 address, as in the packet, which most packets are to; 0: it has none */
  uint32_t padding;
  /* Where in `endpoints` an address with a port is; as `role_key`. */
  uint64_t endpoint_key;
  /* What CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC, nanoseconds: flows are timed by the latter's tick, which costs hardly anything. */
  uint64_t suspended;
  /* Under which flows are found: of this machine's table alone, so they never change while it has any. */
  uint64_t flow_keys[6];
  uint32_t flow_bucket_mask;    /* buckets of the index of flows, a power of two, less one */
  uint32_t padding3;
  /* Hardware addresses: six octets, then two of zero, so that one load has the whole. */
  _Alignas(8) uint8_t own_mac[6];
  _Alignas(8) uint8_t shared_mac[6];  /* equals own_mac in forwarding mode */
  _Alignas(8) uint8_t virtual_mac[6]; /* of the gateway's group, with forwarder 0: 00:07:b4, group, 0 */
  _Alignas(8) uint16_t own_member;    /* index into members */
  uint16_t source_only_count;
  uint16_t fast_interface_count;
  uint16_t padding2;
  /* ifindex of the Ethernet interfaces that fast routing may send out of; by others the kernel sends. */
  uint32_t fast_interfaces[skein_fast_interface_count];
  struct skein_source_only source_only[skein_source_only_count];
};

/* An address and port that a virtual server or a real server has. */
enum { skein_endpoint_none = 0, skein_endpoint_virtual = 1, skein_endpoint_server = 2 };
struct skein_service_endpoint {
  struct skein_address address;
  uint16_t port;      /* network byte order; 0: every port */
  uint8_t protocol;   /* IP protocol number */
  uint8_t kind;       /* skein_endpoint_virtual and so on */
  uint16_t index;     /* among `virtual_servers` or `servers` */
  uint16_t padding[5];
};
struct skein_service_bucket { struct skein_service_endpoint slots[skein_endpoint_slot_count]; };

/* A virtual server: what the control segment has told of it (US 7,343,413; specification 3, ADD_VS). One cache line. */
struct skein_virtual_server {
  /* Where its choices are: the number of the first block, and above it the number of slots less one; replaced by one store. 0: no server. */
  uint64_t choices;
  struct skein_address address;
  uint16_t port;        /* network byte order; 0: every port */
  uint8_t protocol;     /* IP protocol number */
  uint8_t forwarding;   /* skein_forwarding_nat */
  uint32_t flags;
  /* How long a flow lives without a packet, in `skein_flow_time`s: established, half open, closing. */
  uint32_t established, half_open, closing;
  uint32_t padding[5];
};
enum { skein_forwarding_nat = 0 };

/* A real server. One cache line. */
struct skein_server {
  struct skein_address address;
  uint16_t port;            /* network byte order; 0: the client's stays */
  uint16_t virtual_server;  /* that it stands behind */
  uint32_t padding;
  _Alignas(8) uint8_t ethernet_address[6]; /* of it, or of the router on the way; zero: the kernel's stack must find out */
  uint8_t padding2[34];
};

/* Which server a flow goes to, by its hash: a block of the slots of a virtual server. */
struct skein_choices { uint16_t servers[skein_choice_count]; };

/* Where flows are. A slot is 0, or holds the number of the flow's line plus one, and above it 32 bits of the key's hash. A cache line. */
struct skein_flow_bucket { uint64_t slots[skein_flow_slot_count]; };

/* A flow's life. Lines are taken into use by whoever has a packet of a new flow, and back by the daemon alone. */
enum {
  skein_flow_spare = 0,
  skein_flow_claimed = 1,   /* its server is being chosen */
  skein_flow_live = 2,
  skein_flow_dying = 3,     /* its time is up; any packet brings it back */
  skein_flow_withdrawn = 4, /* nobody finds it any more */
  skein_flow_unlinked = 5,  /* nothing leads to it any more */
};
/* What was seen of a TCP connection, a sum. */
enum {
  skein_flow_tcp_answered = 1,      /* by the server */
  skein_flow_tcp_established = 2,   /* the client has gone on after that */
  skein_flow_tcp_client_closed = 4, /* a FIN of the client's */
  skein_flow_tcp_server_closed = 8,
  skein_flow_tcp_client_reset = 16, /* a RST that the client sent, if it was the client */
  skein_flow_tcp_server_reset = 32,
};
/* What is essential of a flow, replaced as a whole and by compare-and-swap alone. */
struct skein_flow_word {
  uint8_t state;    /* skein_flow_spare and so on */
  uint8_t tcp;      /* a sum of skein_flow_tcp_… */
  uint16_t server;  /* among `servers` */
  uint32_t version; /* goes up with each use of the line, and with each change of what is essential */
};
/* Times of flows are CLOCK_BOOTTIME, by the tick, in units of about 16.8 ms, of which 32 bits are kept. */
enum { skein_flow_time_shift = 24 };

/* A flow, one cache line. What is counted is added to without a lock: it may miss some where one direction's packets come by several CPUs. */
struct skein_flow {
  struct skein_flow_word word;
  struct skein_address client;
  uint16_t client_port;    /* network byte order */
  uint16_t virtual_server;
  uint32_t deadline;       /* when its time is up; put off at most once a second */
  uint32_t packets[2];     /* from the client; from the server */
  uint64_t octets[2];
  uint8_t last_hop[6];     /* the hardware address that the client's packets come from */
  uint16_t padding;
};

/* Lines that are ready for one processor's new flows: the daemon puts in, the packet path takes out. Counts that only grow. */
struct skein_spares {
  uint64_t taken, padding[7];
  uint64_t filled, padding2[7];
  uint32_t lines[skein_spare_count];
};

/* The work unit of a fragmented datagram, remembered from its first fragment. 64 octets: one cache line. */
struct skein_fragment {
  uint64_t deadline;            /* CLOCK_BOOTTIME nanoseconds; 0 = free */
  uint32_t source[4];
  uint32_t destination[4];
  uint32_t identification;
  uint16_t unit;
  uint8_t protocol;
  uint8_t forwarding;
  uint64_t padding[2];
};

/* What the kernel's routes are asked: fields as they lie in the packet, but `length` and `interface`, which are numbers. */
struct skein_route_question {
  struct skein_address source, destination;
  uint32_t traffic_class; /* IPv4: type of service; IPv6: the header's first word without its version */
  uint32_t interface;     /* ifindex it came in by */
  uint16_t source_port, destination_port;
  uint16_t length;        /* octets of the IP packet */
  uint8_t is_ipv6;
  uint8_t protocol;
};

/* An answer of theirs, remembered: two cache lines, the first of which says whether it is the one that is sought. */
struct skein_route_memo {
  uint64_t learnt;          /* CLOCK_BOOTTIME nanoseconds, from before the question was asked; 0 = free */
  uint64_t padding;
  struct skein_route_question question; /* its `length`: of the largest packet that the answer holds for */
  uint64_t source, destination;         /* hardware addresses, as skein_mac_load has them */
  uint32_t interface;       /* ifindex it goes out of */
  uint32_t padding2[11];
};

/* What the packet path counted of one unit, on one CPU. */
struct skein_traffic {
  uint64_t packets;
  uint64_t octets;
};

/* A packet that goes up to the daemon: this header, then the frame, cut at skein_frame_limit. A record in the ring is as long as one of two
 * limits, since a verifier wants a constant: questions and other small frames are many, and would fill the ring with nothing. */
enum { skein_frame_limit = 2048, skein_small_frame_limit = 128 };
/* The ring's octets; what belongs to no unit, such as questions to everybody, which anybody may send in any number, gets half of it, so
 * that packets which wait for an owner and the questions of hosts that have a gateway find room. */
enum { skein_ring_size = 1 << 20, skein_ring_share = skein_ring_size / 2 };
struct skein_upcall {
  uint32_t interface;   /* ifindex it came in by */
  uint16_t unit;
  uint16_t reason;      /* one of enum skein_upcall_reason */
  uint32_t frame_length; /* octets of the whole frame */
  uint32_t copied_length;
  uint8_t frame[skein_frame_limit];
};
enum skein_upcall_reason {
  skein_upcall_unassigned = 1,
  skein_upcall_unacknowledged = 2,
  skein_upcall_fragment = 3,
  /* ARP or a neighbour solicitation for a virtual address. `unit`: the forwarder whose virtual MAC it came to, skein_no_unit if none. */
  skein_upcall_question = 4,
  /* A stranger says that a virtual address is its own. */
  skein_upcall_conflict = 5,
};

/* Every table of the packet path. Maps, their accessors, the memory of a native packet path and the daemon's view are made from this list.
 *   HERE(name, record, count)   one for the machine, all of them in one map whose address the program holds: no lookup, and no check
 *   ARRAY(name, record, count)  one for the machine, looked up
 *   EACH(name, record, count)   one for every possible processor, looked up
 *   SIZED(name, record, size)   as many records as that field of struct skein_sizes says, each looked up by its number
 * A table that changes its meaning changes its name: a daemon takes over the tables of an older build that agree in name and size. */
#define SKEIN_TABLES(HERE, ARRAY, EACH, SIZED) \
  HERE(settings, struct skein_settings, 1) \
  HERE(lease, struct skein_lease, 1) \
  HERE(units, struct skein_unit, skein_unit_count) \
  HERE(members, struct skein_member, skein_member_count) \
  HERE(counters, uint64_t, skein_counter_rows * skein_counter_count) \
  HERE(roles, struct skein_known_address, 2 * skein_role_count) \
  HERE(virtual_servers, struct skein_virtual_server, skein_virtual_server_count) \
  HERE(servers, struct skein_server, skein_server_count) \
  ARRAY(fragments, struct skein_fragment, skein_fragment_count) \
  ARRAY(endpoints, struct skein_service_bucket, 2 * skein_endpoint_bucket_count) \
  EACH(traffic, struct skein_traffic, skein_traffic_count) \
  EACH(routes, struct skein_route_memo, skein_route_memo_count) \
  EACH(spares, struct skein_spares, 1) \
  SIZED(choices, struct skein_choices, choice_blocks) \
  SIZED(flow_buckets, struct skein_flow_bucket, flow_buckets) \
  SIZED(flows, struct skein_flow, flows)

/* How many records the tables have that are not of one size: at least one, as maps must. */
struct skein_sizes {
  uint32_t processors;   /* that there may ever be */
  uint32_t choice_blocks;
  uint32_t flow_buckets; /* a power of two */
  uint32_t flows;
};

/* The tables that need no lookup, as they lie in their map: what every packet needs, first. */
struct skein_here {
#define HERE(name, record, count) _Alignas(64) record name[count];
#define OTHER(name, record, count)
  SKEIN_TABLES(HERE, OTHER, OTHER, OTHER)
#undef HERE
#undef OTHER
};

/* Programs that another goes on with: its index in the map `stages`, and the program's name. */
#define SKEIN_STAGES(STAGE) \
  STAGE(skein_stage_whole, skein_whole) \
  STAGE(skein_stage_forwarder, skein_forwarder) \
  STAGE(skein_stage_virtual_server, skein_virtual)
enum {
#define STAGE(index, program) index,
  SKEIN_STAGES(STAGE)
#undef STAGE
  skein_stage_count,
};
