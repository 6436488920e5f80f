import { writeFileSync } from "node:fs";
import mocha from "mocha";

/** Mocha's spec reporter, and its own counts in the file that FERRY_TEST_COUNTS names: what `npm test` and .ci/run end with. */
export default class CountingReporter extends mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once(mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes, failures, pending } = this.stats;
      if (process.env.FERRY_TEST_COUNTS !== undefined) {
        writeFileSync(process.env.FERRY_TEST_COUNTS, `${passes} passed, ${failures} failed, ${pending} skipped\n`);
      }
    });
  }
}
