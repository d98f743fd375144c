// Linux calls that Swift's Glibc module leaves out, because it is built without _GNU_SOURCE,
// and the few that C offers only as macros or with a variable argument list.
// Do not define _GNU_SOURCE here: release builds pass with it, debug builds do not.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>

int accept4(int, struct sockaddr *, socklen_t *, int);
int pipe2(int[2], int);
int fallocate(int, int, off_t, off_t);
int pthread_setname_np(pthread_t, const char *);
int sched_getaffinity(pid_t, size_t, cpu_set_t *);
int malloc_trim(size_t);

#ifndef SOCK_NONBLOCK
#define SOCK_NONBLOCK 04000
#define SOCK_CLOEXEC 02000000
#endif

// syscall(2) and open(2) take variable arguments, which Swift cannot call.

// Sleeps while *word is `expected`, at most for `timeout` (null: for ever). 0 or an errno.
static inline int clinux_futex_wait(
    void *word, uint32_t expected, const struct timespec *timeout) {
  int saved = errno;
  long result = syscall(SYS_futex, word, 128 /* FUTEX_WAIT_PRIVATE */, expected, timeout, 0, 0);
  int code = result == 0 ? 0 : errno;
  errno = saved;
  return code;
}

// Wakes at most `count` of the threads that sleep on `word`.
static inline void clinux_futex_wake(void *word, int count) {
  int saved = errno;
  syscall(SYS_futex, word, 129 /* FUTEX_WAKE_PRIVATE */, count, 0, 0, 0);
  errno = saved;
}

// recv(2) and send(2) of glibc are places where a thread can be cancelled, and pay for that in a
// process of several threads. Ours are never cancelled.
static inline long clinux_receive(int socket, void *bytes, size_t count, int flags) {
  return syscall(SYS_recvfrom, socket, bytes, count, flags, 0, 0);
}

static inline long clinux_send(int socket, const void *bytes, size_t count) {
  return syscall(SYS_sendto, socket, bytes, count, MSG_NOSIGNAL, 0, 0);
}

// The thread-safe XSI strerror_r, whichever of the two the headers declare.
int __xpg_strerror_r(int, char *, size_t);

static inline int clinux_open_at(int folder, const char *path, int flags, mode_t mode) {
  return openat(folder, path, flags, mode);
}

static inline int clinux_get_flags(int file) { return fcntl(file, F_GETFL); }
static inline int clinux_set_flags(int file, int flags) { return fcntl(file, F_SETFL, flags); }

static inline int clinux_duplicate(int file) { return fcntl(file, F_DUPFD_CLOEXEC, 0); }

// prctl(2) takes variable arguments.
static inline int clinux_set_dumpable(int yes) { return prctl(PR_SET_DUMPABLE, yes, 0, 0, 0); }

// A variable that Swift does not let several threads read.
extern char **environ;
static inline char **clinux_environment(void) { return environ; }

// There only in a process that was built with AddressSanitizer.
extern void __lsan_do_leak_check(void) __attribute__((weak));

// It reads the memory of all threads, as a debugger does; where it finds leaks it ends the process.
static inline void clinux_check_leaks(void) {
  if (!__lsan_do_leak_check) return;
  clinux_set_dumpable(1);
  __lsan_do_leak_check();
}

#endif
