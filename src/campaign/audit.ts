import { viewOf } from "../formats/bytes.ts";
import type { Store } from "../store/store.ts";
import { allRows } from "./all-rows.ts";
import type { CampaignActor } from "./campaign.ts";
import { readCounts, placeOf } from "./campaign-counts.ts";
import { actorPrefix, todoPrefix } from "./campaign-keys.ts";
import { readCampaign } from "./campaign-store.ts";
import { decodeJson } from "./json-row.ts";

/** A place where the kept count and the recount differ. */
export interface Difference {
  readonly state: string;
  readonly reason: string;
  readonly kind: "actors" | "bytes";
  readonly kept: number;
  readonly counted: number;
}

/** A recount of a campaign. `moving`: actors changed place while it was made, so that differences prove nothing. */
export interface Audit {
  readonly actors: number;
  readonly moving: boolean;
  readonly differences: readonly Difference[];
}

/** Recounts a campaign from its actors' rows and compares with the counts that were kept. Bounded memory, many transactions. */
export async function auditCampaign(store: Store, name: string): Promise<Audit> {
  const before = await readKept(store, name);
  const counted = new Map<string, number>();
  const add = (state: string, reason: string, bytes: number): void => {
    for (const [kind, amount] of [["actors", 1] as const, ["bytes", bytes] as const]) {
      const place = `${kind}/${state}/${reason}`;
      counted.set(place, (counted.get(place) ?? 0) + amount);
    }
  };
  let actors = 0;
  for await (const row of allRows(store, todoPrefix(name))) {
    add("todo", "", Number(viewOf(row.value).getBigUint64(0)));
    actors += 1;
  }
  for await (const row of allRows(store, actorPrefix(name))) {
    const actor = decodeJson(row.value) as CampaignActor;
    // Those waiting to be fed again are in the list already counted.
    if (actor.standing !== "todo") {
      const { state, reason } = placeOf(actor);
      add(state, reason, actor.bytes);
      actors += 1;
    }
  }
  const after = await readKept(store, name);
  const moving = JSON.stringify([...before]) !== JSON.stringify([...after]);
  const places = new Set([...after.keys(), ...counted.keys()]);
  const differences = [...places].flatMap((place): Difference[] => {
    const [kind = "", state = "", reason = ""] = place.split("/");
    const [kept, recount] = [after.get(place) ?? 0, counted.get(place) ?? 0];
    return kept === recount
      ? []
      : [{ state, reason, kind: kind === "bytes" ? "bytes" : "actors", kept, counted: recount }];
  });
  return { actors, moving, differences };
}

async function readKept(store: Store, name: string): Promise<Map<string, number>> {
  return store.transact(
    async (tx) => {
      await readCampaign(tx, name);
      const counts = await readCounts(tx, name);
      const kept = new Map<string, number>();
      const set = (state: string, reason: string, tally: { actors: number; bytes: number }): void => {
        kept.set(`actors/${state}/${reason}`, tally.actors);
        kept.set(`bytes/${state}/${reason}`, tally.bytes);
      };
      set("todo", "", counts.todo);
      set("open", "", counts.open);
      set("later", "", counts.later);
      for (const { state, reason, tally } of counts.byReason) {
        set(state, reason, tally);
      }
      return kept;
    },
    { label: "campaign" },
  );
}
