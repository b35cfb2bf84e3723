/* Signals as octets in a pipe. A signal descriptor would need the signals blocked on every thread, and runtimes start theirs before main. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include "CLinux.h"

static int writer = -1;

static void note(int signal) {
  int kept = errno;
  unsigned char octet = (unsigned char)signal;
  /* A full pipe has signals enough. */
  ssize_t written = write(writer, &octet, 1);
  (void)written;
  errno = kept;
}

int skein_signal_pipe(void) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) return -1;
  int old = writer;
  writer = ends[1];
  if (old >= 0) close(old);
  return ends[0];
}

int skein_signal_note(int signal) {
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  return sigaction(signal, &action, NULL);
}
