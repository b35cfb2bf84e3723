// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <sched.h>

#include "lab.h"

int skein_lab_enter_network_namespace(int descriptor) { return setns(descriptor, CLONE_NEWNET); }
