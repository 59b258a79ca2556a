/* Which file a host's connection works on. */
#ifndef KNOCKER_IDENTITY_H
#define KNOCKER_IDENTITY_H

#include <stdint.h>

#include "driver.h"

/* The path of the main database as SQLite opened it; "" or NULL where it is in
 * memory or temporary. */
const char *knocker_main_path(knocker_connection *c);

/* Writes the file's device, inode and time of birth in nanoseconds (0 where the
 * file system knows none). The answer is 0, or -1 where there is no such file. */
int knocker_file_identity(const char *path, uint64_t out[3]);

#endif
