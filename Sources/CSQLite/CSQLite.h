// SQLite 3, as the system provides it.
#ifndef CSQLITE_H
#define CSQLITE_H
#include <sqlite3.h>
#endif
