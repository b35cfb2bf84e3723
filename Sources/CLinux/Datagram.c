/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * UDP with everything that travels beside a datagram: its destination, hop limit and the count of lost ones.
 */
#define _GNU_SOURCE 1
#include "CLinux.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int is_ipv4(const struct skein_internet_address *address) { return address->high == 0 && address->low >> 32 == 0xffff; }
static int is_set(const struct skein_internet_address *address) { return (address->high | address->low) != 0; }
static in_addr_t to_ipv4(const struct skein_internet_address *address) { return htonl((uint32_t)address->low); }

static struct in6_addr to_ipv6(const struct skein_internet_address *address) {
  uint64_t halves[2] = {htobe64(address->high), htobe64(address->low)};
  struct in6_addr result;
  memcpy(&result, halves, sizeof result);
  return result;
}

static struct skein_internet_address from_ipv4(in_addr_t address) {
  return (struct skein_internet_address){0, 0xffff00000000u | ntohl(address)};
}

static struct skein_internet_address from_ipv6(const struct in6_addr *address) {
  uint64_t halves[2];
  memcpy(halves, address, sizeof halves);
  return (struct skein_internet_address){be64toh(halves[0]), be64toh(halves[1])};
}

static socklen_t to_socket_address(const struct skein_endpoint *endpoint, struct sockaddr_storage *storage) {
  memset(storage, 0, sizeof *storage);
  if (is_ipv4(&endpoint->address)) {
    struct sockaddr_in *address = (struct sockaddr_in *)storage;
    address->sin_family = AF_INET;
    address->sin_port = htons(endpoint->port);
    address->sin_addr.s_addr = to_ipv4(&endpoint->address);
    return sizeof *address;
  }
  struct sockaddr_in6 *address = (struct sockaddr_in6 *)storage;
  address->sin6_family = AF_INET6;
  address->sin6_port = htons(endpoint->port);
  address->sin6_addr = to_ipv6(&endpoint->address);
  address->sin6_scope_id = endpoint->interface;
  return sizeof *address;
}

void skein_address_text(const struct skein_internet_address *address, char *text) {
  in_addr_t ipv4 = to_ipv4(address);
  struct in6_addr ipv6 = to_ipv6(address);
  if (is_ipv4(address)) inet_ntop(AF_INET, &ipv4, text, INET6_ADDRSTRLEN);
  else inet_ntop(AF_INET6, &ipv6, text, INET6_ADDRSTRLEN);
}

static int set(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value); }

static int join(int fd, const struct skein_internet_address *group, uint32_t interface) {
  struct skein_endpoint endpoint = {.address = *group};
  struct group_req request = {.gr_interface = interface};
  to_socket_address(&endpoint, &request.gr_group);
  int level = is_ipv4(group) ? IPPROTO_IP : IPPROTO_IPV6;
  return setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof request);
}

enum { class_selector_6 = 0xc0 }; /* network control, RFC 2474: before whatever else the queue holds */

static int configure_ipv4(int fd, const struct skein_datagram_options *options) {
  struct ip_mreqn out = {.imr_ifindex = (int)options->interface, .imr_address.s_addr = to_ipv4(&options->local)};
  return set(fd, IPPROTO_IP, IP_PKTINFO, 1) | set(fd, IPPROTO_IP, IP_RECVTTL, 1) | set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) |
         set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) | set(fd, IPPROTO_IP, IP_MULTICAST_TTL, options->hop_limit) |
         set(fd, IPPROTO_IP, IP_TTL, options->hop_limit) | set(fd, IPPROTO_IP, IP_TOS, class_selector_6) |
         setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof out);
}

static int configure_ipv6(int fd, const struct skein_datagram_options *options) {
  return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) | set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) |
         set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) | set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0) |
         set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) | set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, options->hop_limit) |
         set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, options->hop_limit) | set(fd, IPPROTO_IPV6, IPV6_TCLASS, class_selector_6) |
         set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)options->interface);
}

static int configure(int fd, const struct skein_datagram_options *options, const char **step) {
  *step = "bind to the interface";
  if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options->interface_name, strlen(options->interface_name)) < 0) return -errno;
  *step = "set the options of";
  if ((is_ipv4(&options->local) ? configure_ipv4 : configure_ipv6)(fd, options) < 0) return -errno;
  if (set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1) < 0 || set(fd, SOL_SOCKET, SO_PRIORITY, 6) < 0) return -errno;
  if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, options->receive_buffer) < 0 && set(fd, SOL_SOCKET, SO_RCVBUF, options->receive_buffer) < 0)
    return -errno;
  /* A socket bound to the local address would not hear the group. */
  *step = "bind the address of";
  int has_group = is_set(&options->group);
  struct skein_endpoint any = {.address = is_ipv4(&options->local) ? from_ipv4(INADDR_ANY) : (struct skein_internet_address){0, 0}};
  struct skein_endpoint endpoint = {.address = has_group ? any.address : options->local, .port = options->port,
                                    .interface = options->interface};
  struct sockaddr_storage address;
  socklen_t size = to_socket_address(&endpoint, &address);
  if (bind(fd, (struct sockaddr *)&address, size) < 0) return -errno;
  *step = "join the group of";
  if (has_group && join(fd, &options->group, options->interface) < 0) return -errno;
  return 0;
}

int skein_datagram_open(const struct skein_datagram_options *options, const char **step) {
  *step = "open";
  int fd = socket(is_ipv4(&options->local) ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int result = configure(fd, options, step);
  if (result == 0) return fd;
  close(fd);
  return result;
}

static void take_ancillary(const struct cmsghdr *message, struct skein_arrival *arrival) {
  const void *data = CMSG_DATA(message);
  int value = 0;
  if (message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_PKTINFO) {
    struct in_pktinfo info;
    memcpy(&info, data, sizeof info);
    arrival->destination = from_ipv4(info.ipi_addr.s_addr);
  } else if (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_PKTINFO) {
    struct in6_pktinfo info;
    memcpy(&info, data, sizeof info);
    arrival->destination = from_ipv6(&info.ipi6_addr);
  } else if ((message->cmsg_level == IPPROTO_IP && message->cmsg_type == IP_TTL) ||
             (message->cmsg_level == IPPROTO_IPV6 && message->cmsg_type == IPV6_HOPLIMIT)) {
    memcpy(&value, data, sizeof value);
    arrival->hop_limit = (uint8_t)value;
  } else if (message->cmsg_level == SOL_SOCKET && message->cmsg_type == SO_RXQ_OVFL) {
    memcpy(&arrival->drops, data, sizeof arrival->drops);
    arrival->has_drops = 1;
  }
}

int64_t skein_datagram_receive(int fd, void *buffer, size_t capacity, struct skein_arrival *arrival) {
  struct sockaddr_storage from = {0};
  union { char bytes[256]; struct cmsghdr align; } ancillary;
  struct iovec vector = {buffer, capacity};
  struct msghdr message = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &vector, .msg_iovlen = 1,
                           .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
  ssize_t count = recvmsg(fd, &message, 0);
  if (count < 0) return -errno;
  memset(arrival, 0, sizeof *arrival);
  if (from.ss_family == AF_INET) {
    const struct sockaddr_in *source = (const struct sockaddr_in *)&from;
    arrival->source = (struct skein_endpoint){from_ipv4(source->sin_addr.s_addr), 0, ntohs(source->sin_port)};
  } else {
    const struct sockaddr_in6 *source = (const struct sockaddr_in6 *)&from;
    arrival->source = (struct skein_endpoint){from_ipv6(&source->sin6_addr), source->sin6_scope_id, ntohs(source->sin6_port)};
  }
  arrival->is_truncated = (message.msg_flags & MSG_TRUNC) != 0;
  for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) take_ancillary(each, arrival);
  return count;
}

static void put_source(struct msghdr *message, const struct skein_datagram_options *from) {
  struct cmsghdr *header = CMSG_FIRSTHDR(message);
  if (is_ipv4(&from->local)) {
    struct in_pktinfo info = {.ipi_ifindex = (int)from->interface, .ipi_spec_dst.s_addr = to_ipv4(&from->local)};
    *header = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
    memcpy(CMSG_DATA(header), &info, sizeof info);
    message->msg_controllen = CMSG_SPACE(sizeof info);
  } else {
    struct in6_pktinfo info = {.ipi6_ifindex = from->interface, .ipi6_addr = to_ipv6(&from->local)};
    *header = (struct cmsghdr){CMSG_LEN(sizeof info), IPPROTO_IPV6, IPV6_PKTINFO};
    memcpy(CMSG_DATA(header), &info, sizeof info);
    message->msg_controllen = CMSG_SPACE(sizeof info);
  }
}

int64_t skein_datagram_send(int fd, const void *bytes, size_t count, const struct skein_endpoint *to, const struct skein_datagram_options *from) {
  struct sockaddr_storage address;
  union { char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))]; struct cmsghdr align; } ancillary = {0};
  struct iovec vector = {(void *)bytes, count};
  struct msghdr message = {.msg_name = &address, .msg_namelen = to_socket_address(to, &address), .msg_iov = &vector, .msg_iovlen = 1,
                           .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
  put_source(&message, from);
  ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

int skein_membership_open(void) {
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return fd < 0 ? -errno : fd;
}

int skein_membership_join(int fd, const struct skein_internet_address *group, uint32_t interface) {
  return join(fd, group, interface) < 0 ? -errno : 0;
}
