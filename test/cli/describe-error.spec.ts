import { expect } from "chai";
import { describeError } from "../../src/cli/describe-error.ts";
import { EXIT, exitStatusOf } from "../../src/cli/exit-status.ts";
import { InterruptedError } from "../../src/cli/interrupted-error.ts";
import { InvariantError, UnavailableError, UsageError } from "../../src/errors.ts";
import { parseActorId } from "../../src/formats/actor-id.ts";
import { IntegrityCheckError } from "../../src/migration/integrity/errors.ts";
import { StoreError } from "../../src/store/errors.ts";

describe("errors on the command line", () => {
  const cases: readonly [string, unknown, number, RegExp][] = [
    ["a usage error", new UsageError("Write something else."), EXIT.usage, /^Write something else\.$/],
    [
      "a usage error with what it is about",
      new UsageError("a store is named so", { details: { url: "x:y" } }),
      EXIT.usage,
      /^A store is named so \(url: x:y\)\.$/,
    ],
    [
      "a usage error that names what it is about",
      new UsageError("x:y names no store.", { details: { url: "x:y" } }),
      EXIT.usage,
      /^X:y names no store\.$/,
    ],
    ["an actor id", thrownBy(() => parseActorId("abc")), EXIT.usage, /^An actor id has 30 characters/],
    [
      "a store that is not there",
      new UnavailableError("store_unavailable", "there is no store", { details: { path: "/x" } }),
      EXIT.unavailable,
      /^There is no store \(path: \/x\)\. Check --store/,
    ],
    [
      "a Redis that is not there, without its details",
      new UnavailableError("redis_unreachable", "Redis does not answer.", { details: { redis: "r" } }),
      EXIT.unavailable,
      /^Redis does not answer\.$/,
    ],
    [
      "a check without room for its file, which is no bug",
      new IntegrityCheckError("integrity_directory", "There is no room.", { details: { directory: "/x" } }),
      EXIT.unavailable,
      /^There is no room \(directory: \/x\)\.$/,
    ],
    [
      "a busy store",
      new StoreError("timed_out", "it did not commit"),
      EXIT.unavailable,
      /^It did not commit\. .*again/,
    ],
    ["a full disk", new StoreError("disk_full", "no room"), EXIT.unavailable, /^No room\. Make room/],
    ["a limit of the store", new StoreError("too_large", "too much"), EXIT.bug, /^Too much\.$/],
    ["a broken invariant", new InvariantError("It cannot be."), EXIT.bug, /^This is a bug in Ferry.*It cannot be\./],
    ["anything else", new TypeError("x is not a function"), EXIT.bug, /^This is a bug in Ferry.*x is not a function\./],
    ["an interruption", new InterruptedError("SIGINT"), 130, /^Interrupted\.$/],
    ["a termination", new InterruptedError("SIGTERM"), 143, /^Interrupted\.$/],
  ];
  for (const [title, error, status, message] of cases) {
    it(`are a sentence and a status: ${title}`, () => {
      expect(describeError(error)).to.match(message).and.not.to.include("\n");
      expect(exitStatusOf(error)).to.equal(status);
    });
  }

  it("never show a password", () => {
    expect(describeError(new Error("cannot reach redis://ferry:hunter2@host:1"))).not.to.include("hunter2");
  });

  function thrownBy(action: () => unknown): unknown {
    try {
      return action();
    } catch (error) {
      return error;
    }
  }
});
