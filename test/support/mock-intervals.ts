/* eslint-disable n/no-unsupported-features/node-builtins -- they are there on Node 20, as an experiment */
import { mock } from "node:test";

/** Has intervals that begin meanwhile wait for `tick` instead of time. They have to be ended meanwhile, too. */
export async function withMockIntervals(run: (tick: (ms: number) => void) => Promise<void>): Promise<void> {
  mock.timers.enable({ apis: ["setInterval"] });
  try {
    await run((ms) => {
      mock.timers.tick(ms);
    });
  } finally {
    mock.timers.reset();
  }
}
/* eslint-enable n/no-unsupported-features/node-builtins */
