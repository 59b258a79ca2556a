#ifndef KNOCKER_NODE_LATER_H
#define KNOCKER_NODE_LATER_H

#include "environment.h"
#include "values.h"

/* Makes a call on another thread, of its own or one of a few; answers a
 * promise of the reply. The arguments are copied. */
napi_value later_perform(napi_env env, struct environment *environment, const struct arguments *arguments, int own);

#endif
