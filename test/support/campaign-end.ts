import { expect } from "chai";
import { allRows } from "../../src/campaign/all-rows.ts";
import { listOutcomes, readHistory } from "../../src/campaign/ledger/ledger.ts";
import { V2_SUBSPACE } from "../../src/formats/v2-keys.ts";
import type { Outcome } from "../../src/migration/outcome.ts";
import type { Store } from "../../src/store/store.ts";
import type { CampaignCluster } from "./campaign-chaos.ts";
import { isDepotKey, readDepot } from "./depot-reference.ts";
import { NAMESPACE } from "./depot-world.ts";
import { readV2, sha256 } from "./reference.ts";
import { type Row, type TestActor } from "./v1-actors.ts";

/* What a campaign must have come to, whatever befell it. */

/** Every actor is migrated and counted; what was counted along is what a recount finds. */
export async function expectAccountedFor(
  cluster: CampaignCluster,
  campaign: string,
  tally: { readonly actors: number; readonly bytes: number },
): Promise<void> {
  const { todo, open, later, byReason } = await cluster.counts(campaign);
  const none = { actors: 0, bytes: 0 };
  expect({ todo, open, later }).to.deep.equal({ todo: none, open: none, later: none });
  expect(byReason).to.deep.equal([{ state: "migrated", reason: "", tally }]);
  const audit = await cluster.ferry(["campaign", "audit", campaign, "--json"]);
  const agreement = { agrees: true, actors: tally.actors, moving: false, differences: [] };
  expect(JSON.parse(audit.stdout)).to.deep.include(agreement);
}

/** Every actor has one outcome, was migrated by one attempt, and no worker claims what another did. */
export async function expectMigratedOnce(
  cluster: CampaignCluster,
  campaign: string,
  actors: readonly TestActor[],
  facts: Partial<Outcome> = {},
): Promise<void> {
  const outcomes = new Map<string, Outcome>();
  for await (const outcome of listOutcomes(cluster.store)) {
    outcomes.set(outcome.actorId, outcome);
  }
  for (const { id } of actors) {
    expect(outcomes.get(id)).to.include({ state: "migrated", campaign, ...facts });
    // An outcome that a second migration replaced would be in its history.
    expect(await readHistory(cluster.store, id)).to.deep.equal([]);
  }
  expect(cluster.heard.migrated.size, "actors that workers said they migrated").to.be.above(0);
  const twice = [...cluster.heard.migrated].filter(([, times]) => times > 1);
  expect(twice, "workers that said they migrated the same actor").to.deep.equal([]);
}

/** The images of `--target storage`, and not a row of any other actor's. */
export async function expectStorageImages(
  store: Store,
  actors: readonly TestActor[],
  imageOf: (n: number) => Uint8Array,
): Promise<void> {
  const rowsOf = new Map<string, Row[]>();
  for await (const row of allRows(store, V2_SUBSPACE)) {
    // A logical key begins with 2 and the actor's id; a piece's with a 3 before that.
    const at = V2_SUBSPACE.length + (row.key[V2_SUBSPACE.length] === 3 ? 2 : 1);
    addTo(rowsOf, Buffer.from(row.key.subarray(at, at + 30)).toString("latin1"), row);
  }
  expect(rowsOf.size).to.equal(actors.length);
  actors.forEach((actor, n) => {
    expectSame(readV2(actor, rowsOf.get(actor.id) ?? []).image, imageOf(n), actor);
  });
}

/** The databases of `--target depot`, and no branch that nobody points to. */
export async function expectDepotImages(
  store: Store,
  actors: readonly TestActor[],
  imageOf: (n: number) => Uint8Array,
): Promise<void> {
  const branches = new Map<string, Row[]>();
  const shared: Row[] = [];
  for await (const row of allRows(store, Uint8Array.of(2))) {
    if (row.key[1] === 0x30) {
      addTo(branches, Buffer.from(row.key.subarray(3, 19)).toString("hex"), row);
    } else if (isDepotKey(row.key)) {
      shared.push(row);
    }
  }
  expect(branches.size, "branches").to.equal(actors.length);
  actors.forEach((actor, n) => {
    const id = Buffer.from(actor.id);
    const pointer = shared.find(({ key }) => key[1] === 0x10 && Buffer.from(key).includes(id));
    const branch = Buffer.from(pointer?.value.subarray(3, 19) ?? []);
    const own = shared.filter(
      ({ key }) => key === pointer?.key || key[1] === 0x11 || key[1] === 0x21 || key[1] === 0x74,
    );
    const ofBranch = shared.filter(({ key }) => Buffer.from(key).includes(branch));
    const rows = [...own, ...ofBranch, ...(branches.get(branch.toString("hex")) ?? [])];
    expectSame(readDepot(rows, actor, NAMESPACE).image, imageOf(n), actor);
  });
}

function expectSame(found: Uint8Array, expected: Uint8Array, actor: TestActor): void {
  expect(sha256(found), actor.id).to.equal(sha256(expected));
}

function addTo(map: Map<string, Row[]>, name: string, row: Row): void {
  const rows = map.get(name);
  if (rows === undefined) {
    map.set(name, [row]);
  } else {
    rows.push(row);
  }
}
