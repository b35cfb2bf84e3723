/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * What Swift cannot say about Linux: macros, unions, ancillary data, variadic calls, one atomic store.
 * Everything else it calls directly, through the headers included here. Functions that can fail return a negative errno.
 */
#pragma once
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/timerfd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

static inline int skein_errno(void) { return errno; }
/* NULL for a number without a name. */
const char *skein_errno_name(int code);
const char *skein_errno_text(int code);

/* --- UDP ------------------------------------------------------------------------------------------------------------------------ */

/* As Wire.InternetAddress: host byte order, IPv4 as ::ffff:a.b.c.d. */
struct skein_internet_address {
  uint64_t high;
  uint64_t low;
};

struct skein_endpoint {
  struct skein_internet_address address;
  uint32_t interface; /* scope of a link-local address; 0: none */
  uint16_t port;
};

/* What came with a datagram. */
struct skein_arrival {
  struct skein_endpoint source;
  struct skein_internet_address destination;
  uint32_t drops; /* datagrams that the socket lost so far; only when has_drops */
  uint8_t hop_limit;
  uint8_t is_truncated;
  uint8_t has_drops;
};

struct skein_datagram_options {
  struct skein_internet_address local;
  struct skein_internet_address group; /* all zero: none */
  const char *interface_name;
  uint32_t interface;
  int receive_buffer;
  uint16_t port;
  uint8_t hop_limit;
};

/* A socket made to the options, or a negative errno with *step naming what failed. */
int skein_datagram_open(const struct skein_datagram_options *options, const char **step);
int64_t skein_datagram_receive(int fd, void *buffer, size_t capacity, struct skein_arrival *arrival);
int64_t skein_datagram_send(int fd, const void *bytes, size_t count, const struct skein_endpoint *to, const struct skein_datagram_options *from);

/* A socket that holds IPv6 group memberships and does nothing else. */
int skein_membership_open(void);
int skein_membership_join(int fd, const struct skein_internet_address *group, uint32_t interface);

/* Text of an address into `text` (at least 46 octets). */
void skein_address_text(const struct skein_internet_address *address, char *text);

/* --- AF_PACKET and TAP ---------------------------------------------------------------------------------------------------------- */

struct skein_packet_arrival {
  struct virtio_net_hdr offload;
  uint16_t vlan_tag;
  uint8_t has_vlan_tag;
  uint8_t is_truncated;
};

int skein_packet_open(uint32_t interface, int receives, int receive_buffer, const char **step);
int64_t skein_packet_receive(int fd, void *buffer, size_t capacity, struct skein_packet_arrival *arrival);
int64_t skein_packet_send(int fd, const void *frame, size_t count, const struct virtio_net_hdr *offload);
/* kind: PACKET_MR_…; address: six octets or NULL. */
int skein_packet_membership(int fd, int joins, uint32_t interface, uint16_t kind, const uint8_t *address);
int skein_packet_statistics(int fd, uint32_t *received, uint32_t *dropped);
enum skein_packet_kind { skein_packet_multicast = 0, skein_packet_promiscuous = 1, skein_packet_all_multicast = 2, skein_packet_unicast = 3 };

int skein_tap_open(const char *name);
int64_t skein_tap_receive(int fd, void *buffer, size_t capacity, struct skein_packet_arrival *arrival);
int64_t skein_tap_send(int fd, const void *frame, size_t count, const struct virtio_net_hdr *offload);

/* --- netlink -------------------------------------------------------------------------------------------------------------------- */

/* protocol: NETLINK_…; groups: bit n - 1 for group n; is_blocking waits at most two seconds for an answer. */
int skein_netlink_open(int protocol, uint32_t groups, int is_blocking);

/* --- nftables (libnftables, loaded when first needed) --------------------------------------------------------------------------- */

/* 0, -ENOENT when the library is not installed, or -EINVAL with nftables' words in `error`. */
int skein_nftables_run(const char *commands, char *error, size_t capacity);

/* --- ethtool -------------------------------------------------------------------------------------------------------------------- */

int skein_ethtool_get(const char *interface, uint32_t command, uint32_t *value);
int skein_ethtool_set(const char *interface, uint32_t command, uint32_t value);
int skein_ethtool_driver(const char *interface, char *name, size_t capacity);

/* --- process -------------------------------------------------------------------------------------------------------------------- */

/* To the service manager's socket; 0 also when there is none. */
int skein_notify(const char *text);
/* The calling thread into the network namespace at `path`. */
int skein_enter_network_namespace(const char *path);
/* The calling thread into a new, empty network namespace, which ends with the last that is in it. */
int skein_new_network_namespace(void);
int skein_open(const char *path, int flags, uint32_t mode);
int skein_mount_bpf(const char *path);
int skein_is_bpf_mount(const char *path);
int skein_round_robin(int priority);
int skein_lock_memory(void);
/* The reading end of a pipe that gets an octet, the signal's number, for each signal noted; one pipe a process. */
int skein_signal_pipe(void);
int skein_signal_note(int signal);
/* Whether the system clock is synchronised: 1 or 0; its largest error in microseconds as the kernel estimates it. */
int skein_clock_state(int64_t *largest_error);
/* /dev/null in place of a standard descriptor that is closed; done before main by itself. */
void skein_hold_standard_descriptors(void);
/* The calling thread's name, cut at 15 octets. */
void skein_name_thread(const char *name);
/* A pipe that no other program inherits: the end to read and the end to write. 0, or a negative errno. */
int skein_pipe(int ends[2]);
/* A program in a process group of its own, with ordinary signals, nothing to read, `output` as its standard output and nothing else open.
 * Returns a descriptor that becomes readable when it ends, or a negative errno. */
int skein_spawn(const char *path, char *const arguments[], char *const environment[], int output, int32_t *process);
/* 1 and the exit status, or the signal negated, of a child that has ended; 0 while it has not; or a negative errno. */
int skein_reap(int32_t process, int *status);

/* --- libbpf --------------------------------------------------------------------------------------------------------------------- */

/* From now on what libbpf says on this thread is kept, not printed: the last skein_capture_limit octets of it. */
enum { skein_capture_limit = 8192 };
void skein_capture_begin(void);
const char *skein_capture_text(void);
