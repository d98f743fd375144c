// The key that `encryption.sh` made, as it stood beside Package.swift when the binary was built.
#ifndef CKEY_H
#define CKEY_H
#include <stddef.h>
/// The embedded key, or null where the build found no encryption.key.
const unsigned char *dyna_embedded_key(void);
/// Its length in bytes; 0 where there is none.
size_t dyna_embedded_key_length(void);
#endif
