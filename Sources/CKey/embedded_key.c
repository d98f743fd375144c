// Embeds ../../encryption.key where there is one. `encryption.sh` touches this file, so that a key
// made after a first build is noticed; a key that changes is noticed by the compiler's dependencies.
#include "CKey.h"
#pragma clang diagnostic ignored "-Wc23-extensions"

#if __has_embed("../../encryption.key") == __STDC_EMBED_FOUND__
static const unsigned char key[] = {
#embed "../../encryption.key"
};
const unsigned char *dyna_embedded_key(void) { return key; }
size_t dyna_embedded_key_length(void) { return sizeof key; }
#else
const unsigned char *dyna_embedded_key(void) { return 0; }
size_t dyna_embedded_key_length(void) { return 0; }
#endif
