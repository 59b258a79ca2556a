/* A library that answers at once, so that share.py measures Python alone.
 * Build: gcc -O2 -shared -fPIC. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define OK(value) return strdup("{\"ok\":" value "}")
#define ENDPOINT "{\"id\":1,\"name\":\"stripe\",\"path\":\"/webhooks/stripe\",\"provider\":\"stripe\",\"enabled\":true,\"created_at\":1}"
#define RESULT                                                                                        \
    "{\"delivery_id\":12345,\"event_id\":12345,\"event_ids\":[12345],\"duplicate\":false,"            \
    "\"status_code\":204,\"response\":{\"status_code\":204,\"headers\":{},\"body\":null},"            \
    "\"reason\":null,\"handshake_secret\":null}"

uint32_t knocker_abi_version(void) { return 1; }
char *knocker_open_json(void) { OK("{\"db\":1,\"path\":\"/\",\"version\":\"0\",\"sqlite_version\":\"0\",\"schema_version\":1}"); }
char *knocker_close_json(void) { OK("{}"); }
char *knocker_call_json(void) { OK(ENDPOINT); }
char *knocker_receive_json(void) { OK(RESULT); }
char *knocker_receive_start_json(void) { OK("{}"); }
char *knocker_receive_poll_json(void) { OK("{}"); }
char *knocker_receive_cancel_json(void) { OK("{}"); }
char *knocker_worker_open_json(void) { OK("{}"); }
char *knocker_worker_step(void) { OK("{}"); }
char *knocker_worker_stop_json(void) { OK("{}"); }
char *knocker_worker_close_json(void) { OK("{}"); }
char *knocker_tx_json(void) { OK("{}"); }
void knocker_release(void) {}
void knocker_free(void *reply) { free(reply); }
