/* Finds the connection that somebody else's code opens. */
#ifndef KNOCKER_OPENED_H
#define KNOCKER_OPENED_H

/* From now on, until knocker_opened, this thread's first new connection is
 * noted. The answer is SQLite's result code. */
int knocker_note_opened(const void *api);
/* That connection, or NULL where none was opened. */
void *knocker_opened(void);

#endif
