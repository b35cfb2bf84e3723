/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#define _GNU_SOURCE 1
#include "CLinux.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int set(int fd, int name, int value) { return setsockopt(fd, SOL_NETLINK, name, &value, sizeof value); }

int skein_netlink_open(int protocol, uint32_t groups, int is_blocking) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | (is_blocking ? 0 : SOCK_NONBLOCK), protocol);
  if (fd < 0) return -errno;
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
  struct timeval limit = {.tv_sec = 2};
  int result = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || set(fd, NETLINK_EXT_ACK, 1) < 0 ||
                       set(fd, NETLINK_CAP_ACK, 1) < 0 || set(fd, NETLINK_GET_STRICT_CHK, 1) < 0 ||
                       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0
                   ? -errno
                   : fd;
  if (result < 0) close(fd);
  return result;
}
