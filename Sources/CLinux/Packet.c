/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * Whole frames: AF_PACKET, and TAP devices. Both carry virtio_net_hdr before the frame, so that a checksum the sender left to its network
 * card and a segmented giant survive the way through user space.
 */
#define _GNU_SOURCE 1
#include "CLinux.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static int set(int fd, int level, int name, int value) { return setsockopt(fd, level, name, &value, sizeof value); }

static int bind_packet(int fd, uint32_t interface, uint16_t protocol) {
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = (int)interface};
  return bind(fd, (struct sockaddr *)&address, sizeof address);
}

static int configure(int fd, uint32_t interface, int receives, int receive_buffer, const char **step) {
  *step = "set the options of";
  if (set(fd, SOL_PACKET, PACKET_VNET_HDR, 1) < 0) return -errno;
  if (receives) {
    if (set(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1) < 0 || set(fd, SOL_PACKET, PACKET_AUXDATA, 1) < 0) return -errno;
    if (set(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer) < 0 && set(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer) < 0) return -errno;
  }
  /* Only the bind names a protocol: nothing of other interfaces arrives before it. */
  *step = "bind";
  return bind_packet(fd, interface, receives ? ETH_P_ALL : 0) < 0 ? -errno : 0;
}

int skein_packet_open(uint32_t interface, int receives, int receive_buffer, const char **step) {
  *step = "open";
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int result = configure(fd, interface, receives, receive_buffer, step);
  if (result == 0) return fd;
  close(fd);
  return result;
}

int64_t skein_packet_receive(int fd, void *buffer, size_t capacity, struct skein_packet_arrival *arrival) {
  union { char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))]; struct cmsghdr align; } ancillary;
  memset(arrival, 0, sizeof *arrival);
  struct iovec vectors[2] = {{&arrival->offload, sizeof arrival->offload}, {buffer, capacity}};
  struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
  ssize_t count = recvmsg(fd, &message, 0);
  if (count < 0) return -errno;
  arrival->is_truncated = (message.msg_flags & MSG_TRUNC) != 0;
  for (struct cmsghdr *each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_PACKET || each->cmsg_type != PACKET_AUXDATA) continue;
    struct tpacket_auxdata data;
    memcpy(&data, CMSG_DATA(each), sizeof data);
    arrival->has_vlan_tag = (data.tp_status & TP_STATUS_VLAN_VALID) != 0;
    arrival->vlan_tag = data.tp_vlan_tci;
  }
  return count - (ssize_t)sizeof arrival->offload;
}

int64_t skein_packet_send(int fd, const void *frame, size_t count, const struct virtio_net_hdr *offload) {
  struct iovec vectors[2] = {{(void *)offload, sizeof *offload}, {(void *)frame, count}};
  struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 2};
  ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

int skein_packet_membership(int fd, int joins, uint32_t interface, uint16_t kind, const uint8_t *address) {
  struct packet_mreq request = {.mr_ifindex = (int)interface, .mr_type = kind};
  if (address) {
    request.mr_alen = ETH_ALEN;
    memcpy(request.mr_address, address, ETH_ALEN);
  }
  int name = joins ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP;
  return setsockopt(fd, SOL_PACKET, name, &request, sizeof request) < 0 ? -errno : 0;
}

int skein_packet_statistics(int fd, uint32_t *received, uint32_t *dropped) {
  struct tpacket_stats statistics = {0};
  socklen_t size = sizeof statistics;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &statistics, &size) < 0) return -errno;
  *received = statistics.tp_packets;
  *dropped = statistics.tp_drops;
  return 0;
}

int skein_tap_open(const char *name) {
  struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
  if (strlen(name) >= sizeof request.ifr_name) return -EINVAL;
  strcpy(request.ifr_name, name);
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return -errno;
  int header = sizeof(struct virtio_net_hdr);
  int result = ioctl(fd, TUNSETIFF, &request) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &header) < 0 ? -errno : fd;
  if (result < 0) close(fd);
  return result;
}

int64_t skein_tap_receive(int fd, void *buffer, size_t capacity, struct skein_packet_arrival *arrival) {
  memset(arrival, 0, sizeof *arrival);
  struct iovec vectors[2] = {{&arrival->offload, sizeof arrival->offload}, {buffer, capacity}};
  ssize_t count = readv(fd, vectors, 2);
  return count < 0 ? -errno : count - (ssize_t)sizeof arrival->offload;
}

int64_t skein_tap_send(int fd, const void *frame, size_t count, const struct virtio_net_hdr *offload) {
  struct iovec vectors[2] = {{(void *)offload, sizeof *offload}, {(void *)frame, count}};
  ssize_t sent = writev(fd, vectors, 2);
  return sent < 0 ? -errno : sent;
}
