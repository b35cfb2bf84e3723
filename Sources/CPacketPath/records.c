/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The sizes that the maps, the mapped memory and the stores rely on.
 */
#include "access.h"

_Static_assert(sizeof(struct skein_unit) == 8, "a unit is replaced by one store");
_Static_assert(sizeof(struct skein_member) == 8, "a member is replaced by one store");
_Static_assert(sizeof(struct skein_lease) == 64, "the lease is alone in its cache line");
_Static_assert(sizeof(struct skein_fragment) == 64, "a fragment is one cache line");
_Static_assert(sizeof(struct skein_settings) % 8 == 0, "mapped maps hold multiples of 8 octets");
_Static_assert(offsetof(struct skein_settings, virtual_addresses) % 8 == 0, "addresses are read in halves");
_Static_assert(offsetof(struct skein_settings, cluster_addresses) % 8 == 0, "addresses are read in halves");
_Static_assert(sizeof(struct skein_traffic) == 16, "two counters");
_Static_assert(sizeof(struct skein_upcall) == 16 + skein_frame_limit, "a header, then the frame");
