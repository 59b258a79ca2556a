#ifndef KNOCKER_NODE_WATCH_H
#define KNOCKER_NODE_WATCH_H

#include "environment.h"

/* Waits for the completed tickets of an inbox on a thread of its own, and
 * gives each reply of knocker_receive_poll_json to callback(reply). Watching
 * ends with the first reply that is an error. The descriptor is duplicated.
 * 0 with a pending exception if it can't be watched. */
int watch_start(napi_env env, struct environment *environment, uint64_t db, int descriptor, napi_value callback);

/* Ends it. Unknown inboxes are ignored. */
void watch_stop(struct environment *environment, uint64_t db);

#endif
