/**
 * What runs on a thread of its own: calls that wait. A Worker has no module of
 * this package but this function's source, so that bundles and compiled programs
 * need no second file: it may use nothing from outside itself.
 */

/** A call to make. `blocks`: wait for this descriptor first. */
export interface ThreadCall {
  id: number;
  function: "step" | "stop" | "close" | "call" | "tx" | "receive" | "poll";
  handle: number;
  method: string;
  request: string;
  body?: Uint8Array;
  descriptor?: number;
}

export interface ThreadAnswer {
  id: number;
  reply?: string;
  failure?: string;
}

export async function thread(libraryPath: string, libc: string): Promise<void> {
  const { CString, dlopen } = await import("bun:ffi");
  const { symbols } = dlopen(libraryPath, {
    knocker_close_json: { args: ["u64"], returns: "ptr" },
    knocker_call_json: { args: ["u64", "ptr", "ptr", "u64"], returns: "ptr" },
    knocker_receive_json: { args: ["u64", "ptr", "u64", "ptr", "u64"], returns: "ptr" },
    knocker_receive_poll_json: { args: ["u64", "ptr", "u64"], returns: "ptr" },
    knocker_worker_step: { args: ["u64", "ptr", "u64"], returns: "ptr" },
    knocker_worker_stop_json: { args: ["u64", "ptr", "u64"], returns: "ptr" },
    knocker_tx_json: { args: ["u64", "ptr", "u64", "ptr", "ptr", "u64"], returns: "ptr" },
    knocker_free: { args: ["ptr"], returns: "void" },
  });
  const encoder = new TextEncoder();
  const nothing = new Uint8Array(1);
  let readable: ((descriptor: number) => void) | undefined;

  /** Waits until a descriptor is readable, a second at most. */
  const wait = (descriptor: number): void => {
    if (readable === undefined) {
      const { poll } = dlopen(libc, { poll: { args: ["ptr", "u64", "i32"], returns: "i32" } }).symbols;
      const entry = new Int32Array(2);
      readable = (fd) => {
        entry[0] = fd;
        entry[1] = 1; // POLLIN, and no events yet
        poll(entry, 1, 1000);
      };
    }
    readable(descriptor);
  };

  const perform = (call: ThreadCall): ReturnType<typeof symbols.knocker_call_json> => {
    const request = encoder.encode(call.request + "\0");
    const size = request.length - 1;
    const body = call.body !== undefined && call.body.byteLength > 0 ? call.body : nothing;
    switch (call.function) {
      case "step":
        return symbols.knocker_worker_step(call.handle, request, size);
      case "stop":
        return symbols.knocker_worker_stop_json(call.handle, request, size);
      case "close":
        return symbols.knocker_close_json(call.handle);
      case "call":
        return symbols.knocker_call_json(call.handle, encoder.encode(call.method + "\0"), request, size);
      case "tx":
        return symbols.knocker_tx_json(call.handle, request, size, null, null, 0);
      case "receive":
        return symbols.knocker_receive_json(call.handle, request, size, body, call.body?.byteLength ?? 0);
      case "poll":
        wait(call.descriptor ?? -1);
        return symbols.knocker_receive_poll_json(call.handle, request, size);
    }
  };

  const self = globalThis as unknown as { onmessage: (message: MessageEvent<ThreadCall>) => void };
  self.onmessage = (message) => {
    const call = message.data;
    const answer: ThreadAnswer = { id: call.id };
    try {
      const document = perform(call);
      if (document === null) {
        answer.failure = "knocker: there is no memory for a reply of the library";
      } else {
        answer.reply = new CString(document).toString();
        symbols.knocker_free(document);
      }
    } catch (error) {
      answer.failure = String(error);
    }
    postMessage(answer);
  };
  postMessage({ id: 0 });
}
