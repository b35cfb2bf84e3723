/* SPDX-License-Identifier: Apache-2.0
 * The one system call that the lab needs and that the Glibc module does not show to Swift (it is behind _GNU_SOURCE).
 */
#pragma once

/* setns(2) with CLONE_NEWNET: the calling thread, and nothing else, enters the network namespace. 0, or -1 with errno. */
int skein_lab_enter_network_namespace(int descriptor);
