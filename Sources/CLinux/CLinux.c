/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only */
#define _GNU_SOURCE 1
#include "CLinux.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <unistd.h>

const char *skein_errno_name(int code) { return strerrorname_np(code); }

const char *skein_errno_text(int code) {
  const char *text = strerrordesc_np(code);
  return text ? text : "unknown error";
}

/* --- ethtool --- */

static int ethtool(const char *interface, void *command) {
  struct ifreq request = {0};
  if (strlen(interface) >= sizeof request.ifr_name) return -ENODEV;
  strcpy(request.ifr_name, interface);
  request.ifr_data = command;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  int result = ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
  close(fd);
  return result;
}

int skein_ethtool_get(const char *interface, uint32_t command, uint32_t *value) {
  struct ethtool_value request = {.cmd = command};
  int result = ethtool(interface, &request);
  *value = request.data;
  return result;
}

int skein_ethtool_set(const char *interface, uint32_t command, uint32_t value) {
  struct ethtool_value request = {.cmd = command, .data = value};
  return ethtool(interface, &request);
}

int skein_ethtool_driver(const char *interface, char *name, size_t capacity) {
  struct ethtool_drvinfo request = {.cmd = ETHTOOL_GDRVINFO};
  int result = ethtool(interface, &request);
  if (result == 0) snprintf(name, capacity, "%.*s", (int)sizeof request.driver, request.driver);
  return result;
}

/* --- process --- */

int skein_notify(const char *text) {
  const char *path = getenv("NOTIFY_SOCKET");
  if (!path || !*path) return 0;
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof to.sun_path) return -ENAMETOOLONG;
  memcpy(to.sun_path, path, length);
  if (path[0] == '@') to.sun_path[0] = 0; /* abstract */
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  socklen_t size = offsetof(struct sockaddr_un, sun_path) + length;
  /* A service manager that stands still, its queue full, must not hold up who tells it something. */
  int result = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&to, size) < 0 ? -errno : 0;
  close(fd);
  return result;
}

int skein_enter_network_namespace(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  int result = setns(fd, CLONE_NEWNET) < 0 ? -errno : 0;
  close(fd);
  return result;
}

int skein_new_network_namespace(void) { return unshare(CLONE_NEWNET) < 0 ? -errno : 0; }

int skein_open(const char *path, int flags, uint32_t mode) {
  int fd = open(path, flags | O_CLOEXEC, mode);
  return fd < 0 ? -errno : fd;
}

int skein_is_bpf_mount(const char *path) {
  struct statfs found;
  if (statfs(path, &found) < 0) return -errno;
  return (uint32_t)found.f_type == BPF_FS_MAGIC;
}

int skein_mount_bpf(const char *path) { return mount("bpf", path, "bpf", 0, "mode=0700") < 0 ? -errno : 0; }

int skein_round_robin(int priority) {
  struct sched_param parameter = {.sched_priority = priority};
  return sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameter) < 0 ? -errno : 0;
}

int skein_clock_state(int64_t *largest_error) {
  struct timex state = {.modes = 0};
  int result = adjtimex(&state);
  if (result < 0) return -errno;
  *largest_error = state.maxerror;
  return result != TIME_ERROR && !(state.status & STA_UNSYNC);
}

/* Pages are locked as they are touched: locking every thread's whole stack would cost megabytes for nothing. */
int skein_lock_memory(void) { return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0; }

void skein_name_thread(const char *name) {
  char cut[16];
  snprintf(cut, sizeof cut, "%s", name);
  pthread_setname_np(pthread_self(), cut);
}
