// Instructions of the processor that Swift has no words for. Nothing here calls the system.
#ifndef CPROCESSOR_H
#define CPROCESSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// Begins to fetch cache lines of 64 bytes; harmless for any address.
static inline void cprocessor_prefetch(const void *address, int lines) {
  for (int line = 0; line < lines; line++) __builtin_prefetch((const char *)address + 64 * line);
}

// Tells the processor that this is a spin loop.
static inline void cprocessor_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("isb");
#endif
}

// CRC-32C, eight bytes an instruction: SSE 4.2 on x86-64, and on ARM where the build may use it.
#if defined(__x86_64__)

#define CPROCESSOR_CRC32C __attribute__((target("sse4.2")))
#define CPROCESSOR_CRC32C_8(crc, bytes) ((uint32_t)__builtin_ia32_crc32di(crc, bytes))
#define CPROCESSOR_CRC32C_1(crc, byte) __builtin_ia32_crc32qi(crc, byte)

static inline bool cprocessor_has_crc32c(void) {
  uint32_t a = 1, b, c = 0, d;
  __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return c >> 20 & 1;
}

#elif defined(__aarch64__) && defined(__ARM_FEATURE_CRC32)

#define CPROCESSOR_CRC32C
#define CPROCESSOR_CRC32C_8(crc, bytes) __builtin_arm_crc32cd(crc, bytes)
#define CPROCESSOR_CRC32C_1(crc, byte) __builtin_arm_crc32cb(crc, byte)

static inline bool cprocessor_has_crc32c(void) { return true; }

#else

static inline bool cprocessor_has_crc32c(void) { return false; }

#endif

// The remainder after `count` more bytes. To be called only where `cprocessor_has_crc32c`.
#ifdef CPROCESSOR_CRC32C
CPROCESSOR_CRC32C
static inline uint32_t cprocessor_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  while (count >= 8) {
    uint64_t eight;
    memcpy(&eight, bytes, 8);
    crc = CPROCESSOR_CRC32C_8(crc, eight);
    bytes += 8;
    count -= 8;
  }
  while (count > 0) {
    crc = CPROCESSOR_CRC32C_1(crc, *bytes);
    bytes += 1;
    count -= 1;
  }
  return crc;
}
#else
static inline uint32_t cprocessor_crc32c(uint32_t crc, const uint8_t *bytes, size_t count) {
  (void)bytes, (void)count;
  return crc;
}
#endif

#endif
