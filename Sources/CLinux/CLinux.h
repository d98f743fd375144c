// Linux calls that Swift's Glibc module leaves out, because it is built without _GNU_SOURCE.
// Do not define _GNU_SOURCE here: release builds pass with it, debug builds do not.
#ifndef CLINUX_H
#define CLINUX_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <netdb.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
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

#endif
