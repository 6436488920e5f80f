import { expect } from "chai";
import { actorStateKey, actorStatePrefix, decodeActorState, runsOnV1 } from "../../src/formats/actor-state.ts";
import { concatBytes, startsWith, toHex } from "../../src/formats/bytes.ts";
import { lifeFieldRow } from "../support/depot-world.ts";
import { lifeKey, lifeRow, testActor, type LifeWord } from "../support/v1-actors.ts";

const ACTOR = testActor(3);
const WORDS: readonly LifeWord[] = ["CONNECTABLE", "RUNNER_ID", "ENVOY_KEY", "SLEEP_TS", "DESTROY_TS"];

describe("an actor's state", () => {
  it("lies under the engine's keys", () => {
    for (const word of WORDS) {
      expect(toHex(actorStateKey(ACTOR.id, word)), word).to.equal(toHex(lifeKey(ACTOR, word)));
      expect(startsWith(lifeKey(ACTOR, word), actorStatePrefix(ACTOR.id))).to.equal(true);
    }
  });

  it("is asleep without rows", () => {
    expect(decodeActorState(ACTOR.id, [])).to.include({
      known: false,
      asleep: true,
      sleepTs: undefined,
      provable: true,
    });
  });

  it("is asleep with SLEEP_TS and DESTROY_TS only, and tells SLEEP_TS", () => {
    const sleep = lifeRow(ACTOR, "SLEEP_TS", 77n);
    const state = decodeActorState(ACTOR.id, [sleep, lifeRow(ACTOR, "DESTROY_TS")]);
    expect(state).to.include({ asleep: true, sleepTs: sleep.value, provable: true, destroyed: true });
  });

  it("is awake with any one of CONNECTABLE, RUNNER_ID and ENVOY_KEY, whatever they hold", () => {
    for (const word of ["CONNECTABLE", "RUNNER_ID", "ENVOY_KEY"] as const) {
      const row = { ...lifeRow(ACTOR, word), value: new Uint8Array(0) };
      expect(decodeActorState(ACTOR.id, [row, lifeRow(ACTOR, "SLEEP_TS")]).asleep, word).to.equal(false);
    }
  });

  it("is awake with rows below those keys, which more tuple items make", () => {
    const row = { key: concatBytes(lifeKey(ACTOR, "RUNNER_ID"), Uint8Array.of(0x15, 1)), value: new Uint8Array(0) };
    expect(decodeActorState(ACTOR.id, [row]).asleep).to.equal(false);
  });

  it("without SLEEP_TS proves nothing of an actor that the engine knows", () => {
    for (const rows of [
      [lifeRow(ACTOR, "DESTROY_TS")],
      [{ key: actorStatePrefix(ACTOR.id), value: new Uint8Array(0) }],
    ]) {
      expect(decodeActorState(ACTOR.id, rows)).to.include({ asleep: true, sleepTs: undefined, provable: false });
    }
    expect(decodeActorState(ACTOR.id, [lifeRow(testActor(4), "DESTROY_TS")]).provable).to.equal(true);
  });

  it("is on v1 while it is awake and VERSION is not actor2's", () => {
    const awake = lifeRow(ACTOR, "RUNNER_ID");
    const version = (...value: number[]) => lifeFieldRow(ACTOR, "VERSION", Uint8Array.from(value));
    for (const [rows, expected] of [
      [[], false],
      [[lifeRow(ACTOR, "SLEEP_TS"), version(0, 0, 0, 1)], false],
      [[awake], true],
      [[awake, version(0, 0, 0, 1)], true],
      [[awake, version(0, 0, 0, 2)], false],
      [[awake, version(1)], false],
    ] as const) {
      expect(runsOnV1(decodeActorState(ACTOR.id, rows)), JSON.stringify(rows)).to.equal(expected);
    }
  });

  it("is not told by other actors' rows or by other words", () => {
    const foreign = lifeRow(testActor(4), "CONNECTABLE");
    const other = { key: concatBytes(actorStatePrefix(ACTOR.id), Uint8Array.of(0x15, 41)), value: new Uint8Array(1) };
    const below = {
      key: concatBytes(lifeKey(ACTOR, "SLEEP_TS"), Uint8Array.of(0x14)),
      value: Uint8Array.of(1),
    };
    expect(decodeActorState(ACTOR.id, [foreign, other, below])).to.include({ asleep: true, sleepTs: undefined });
  });
});
