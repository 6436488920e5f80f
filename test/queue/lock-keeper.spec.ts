import { expect } from "chai";

import { LockKeeper } from "../../src/queue/lock-keeper.ts";
import { withMockIntervals } from "../support/mock-intervals.ts";
import { gate } from "./eventually.ts";

const LOCK_MS = 60_000_000; // The real timer never fires; tests call tick().

describe("queue/lock keeper", () => {
  let nowMs = 0;
  let asked: { jobIds: string[]; tokens: string[] }[] = [];
  let answer: () => Promise<string[]> = () => Promise.resolve([]);
  const errors: unknown[] = [];
  let keeper: LockKeeper;
  let releases: (() => void)[] = [];
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  beforeEach(() => {
    nowMs = 0;
    asked = [];
    errors.length = 0;
    releases = [];
    answer = () => Promise.resolve([]);
    keeper = new LockKeeper({
      lockMs: LOCK_MS,
      nowMs: () => nowMs,
      onError: (error) => errors.push(error),
      extend: (jobIds, tokens) => {
        asked.push({ jobIds, tokens });
        return answer();
      },
    });
  });
  afterEach(() => {
    releases.forEach((release) => {
      release();
    });
  });

  function hold(jobId: string, token: string, ageMs = 0): { lost: number } {
    const state = { lost: 0 };
    releases.push(
      keeper.hold(jobId, token, ageMs, () => {
        state.lost += 1;
      }),
    );
    return state;
  }

  it("renews a lock when a third of its time has passed, not before", async () => {
    const lock = hold("j", "t");
    nowMs = LOCK_MS / 3 - 1;
    keeper.tick();
    expect(asked).to.deep.equal([]);
    nowMs = LOCK_MS / 3;
    keeper.tick();
    await settled();
    expect(asked).to.deep.equal([{ jobIds: ["j"], tokens: ["t"] }]);
    nowMs = LOCK_MS + 1;
    keeper.tick();
    expect(lock.lost).to.equal(0);
  });

  it("gives up a lock that Redis refuses, once, and keeps the others", async () => {
    const [mine, others] = [hold("mine", "a"), hold("others", "b")];
    answer = () => Promise.resolve(["others"]);
    nowMs = LOCK_MS / 2;
    keeper.tick();
    await settled();
    keeper.tick();
    await settled();
    expect([mine.lost, others.lost]).to.deep.equal([0, 1]);
  });

  it("gives up a lock whose time has passed without an answer, and asks only once meanwhile", async () => {
    const lock = hold("j", "t");
    const reply = gate();
    answer = async () => {
      await reply.opened;
      return [];
    };
    nowMs = LOCK_MS / 2;
    keeper.tick();
    nowMs = (LOCK_MS * 3) / 4;
    keeper.tick();
    expect(asked).to.have.length(1);
    nowMs = LOCK_MS;
    keeper.tick();
    expect(lock.lost).to.equal(1);
    reply.open();
    await settled();
    expect(lock.lost).to.equal(1);
  });

  it("does not trust an answer that came when the time had passed: it counts from when it asked", async () => {
    const lock = hold("j", "t");
    const reply = gate();
    answer = async () => {
      await reply.opened;
      return [];
    };
    nowMs = LOCK_MS / 2;
    keeper.tick();
    nowMs = LOCK_MS / 2 + LOCK_MS;
    reply.open();
    await settled();
    expect(lock.lost).to.equal(1);
  });

  it("reports a renewal that could not be sent and tries again", async () => {
    const lock = hold("j", "t");
    answer = () => Promise.reject(new Error("away"));
    nowMs = LOCK_MS / 2;
    keeper.tick();
    await settled();
    answer = () => Promise.resolve([]);
    keeper.tick();
    await settled();
    nowMs = LOCK_MS;
    keeper.tick();
    expect(errors).to.have.length(1);
    expect(lock.lost).to.equal(0);
  });

  it("gives up an older lock on a job that Redis gave out anew, and renews the new one", async () => {
    const older = hold("j", "a");
    const newer = hold("j", "b");
    expect([older.lost, newer.lost]).to.deep.equal([1, 0]);
    releases[0]?.();
    nowMs = LOCK_MS / 2;
    keeper.tick();
    await settled();
    expect(asked).to.deep.equal([{ jobIds: ["j"], tokens: ["b"] }]);
  });

  it("knows at once that a lock ran out before its job could start", () => {
    expect(hold("j", "t", LOCK_MS).lost).to.equal(1);
    expect(hold("k", "u", LOCK_MS - 1).lost).to.equal(0);
  });

  it("looks after locks by itself, also after all it had before have ended", async () => {
    await withMockIntervals(async (tick) => {
      hold("j", "t");
      releases[0]?.();
      hold("k", "u");
      nowMs = LOCK_MS / 2;
      tick(LOCK_MS / 6);
      await settled();
      expect(asked).to.deep.equal([{ jobIds: ["k"], tokens: ["u"] }]);
      releases[1]?.();
    });
  });

  it("is silent after release", async () => {
    const lock = hold("j", "t");
    releases[0]?.();
    nowMs = LOCK_MS * 2;
    keeper.tick();
    await settled();
    expect(asked).to.deep.equal([]);
    expect(lock.lost).to.equal(0);
  });
});
