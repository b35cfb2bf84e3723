/* SPDX-License-Identifier: Apache-2.0
 * What the lab needs and the Glibc module does not show to Swift: epoll, and a system call that is behind _GNU_SOURCE.
 */
#pragma once

#include <sys/epoll.h>

/* setns(2) with CLONE_NEWNET: the calling thread, and nothing else, enters the network namespace. 0, or -1 with errno. */
int skein_lab_enter_network_namespace(int descriptor);
