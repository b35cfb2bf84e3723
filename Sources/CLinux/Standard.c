/* Standard input, output and error, before anything else is opened: whoever starts a program with one of them closed would else have it write
 * its log into the first socket or map that gets the number. */
#include <fcntl.h>
#include <unistd.h>

#include "CLinux.h"

/* The lowest free number is the one that is missing. */
__attribute__((constructor)) static void hold_standard_descriptors(void) { skein_hold_standard_descriptors(); }

void skein_hold_standard_descriptors(void) {
  for (int number = 0; number <= 2; number++)
    if (fcntl(number, F_GETFD) < 0 && open("/dev/null", number ? O_WRONLY : O_RDONLY) < 0) return;
}
