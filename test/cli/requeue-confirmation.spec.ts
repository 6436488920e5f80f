import { PassThrough } from "node:stream";
import { expect } from "chai";
import { Notes } from "../../src/cli/notes.ts";
import { confirmMany, UNASKED } from "../../src/cli/requeue/confirm-many.ts";
import type { Run } from "../../src/cli/run.ts";
import { UsageError } from "../../src/errors.ts";

describe("agreeing to requeue many actors", () => {
  const run = { stdin: new PassThrough(), notes: new Notes(new PassThrough().resume()) } as unknown as Run;
  const refusal = (actors: number, yes: boolean): Promise<unknown> =>
    confirmMany(run, actors, yes).catch((error: unknown) => error);

  it("is asked for above 100 only, and given with --yes where nobody can be asked", async () => {
    expect(await refusal(UNASKED, false)).to.equal(undefined);
    expect(await refusal(UNASKED + 1, false))
      .to.be.instanceOf(UsageError)
      .with.property("message")
      .that.matches(/^101 actors would be requeued, nothing was/);
    expect(await refusal(UNASKED + 1, true)).to.equal(undefined);
  });
});
