/** All that holds on every host. */

import { handlers } from "./cases-handlers.mjs";
import { loading } from "./cases-loading.mjs";
import { processes } from "./cases-processes.mjs";
import { waiting } from "./cases-waiting.mjs";
import { Setting } from "./setting.mjs";

/** Defines the tests with the runtime's own `test(name, run)`; `more`: those of this host alone. */
export function define(test, host, more) {
  const inSetting = (name, run) =>
    test(name, async () => {
      const setting = new Setting(host);
      try {
        await run(setting);
      } finally {
        setting.end();
      }
    });
  for (const part of [loading, handlers, waiting, processes, ...more]) part(inSetting, host);
}
