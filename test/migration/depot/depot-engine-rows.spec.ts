import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect } from "chai";
import { parseActorId } from "../../../src/formats/actor-id.ts";
import { toHex } from "../../../src/formats/bytes.ts";
import {
  decodeBranchPointer,
  decodeBucketBranch,
  decodeCatalogFact,
  decodeDatabaseBranch,
  encodeBranchPointer,
  encodeCatalogFact,
  encodeRootBucketBranch,
  encodeRootDatabaseBranch,
} from "../../../src/formats/depot-branch.ts";
import {
  decodeDepotCommit,
  decodeDepotHead,
  encodeDepotCommit,
  encodeDepotHead,
} from "../../../src/formats/depot-head.ts";
import { formatErrorOf } from "../../../src/formats/format-error.ts";
import { parseNamespaceId } from "../../../src/formats/namespace-id.ts";
import { inflated } from "../../../src/migration/pages.ts";
import { memoryRows } from "../../../src/migration/rows.ts";
import { makeDepotTarget } from "../../../src/migration/targets/depot/depot-target.ts";
import type { Target } from "../../../src/migration/targets/target.ts";
import { attempt, World } from "../../support/depot-attempt.ts";
import { NAMESPACE_ID, putRows } from "../../support/depot-world.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { testActor, v1Rows, type Row } from "../../support/v1-actors.ts";

/* Rows that the engine's own code wrote; docs/interop.md says how they were made. */
interface Vector {
  readonly namespace: string;
  readonly actor: string;
  readonly pages: number;
  readonly sha256: string;
  readonly rows: readonly { readonly k: string; readonly v: string }[];
}

function vector(name: string): Vector & { readonly found: Row[] } {
  const url = new URL(`../../vectors/depot/${name}.json`, import.meta.url);
  const read = JSON.parse(readFileSync(url, "utf8")) as Vector;
  const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));
  return { ...read, found: read.rows.map(({ k, v }) => ({ key: bytes(k), value: bytes(v) })) };
}

const NAMES = ["engine-empty", "engine-grown", "engine-shrunk", "engine-after-ferry", "engine-compacted"];

/** Read and written again, by the key they lie at; undefined for rows that are not records. */
function recoded({ key, value }: Row): Uint8Array | undefined {
  const suffix = Buffer.from(key).toString("latin1");
  if (suffix.endsWith("/refcount")) {
    return undefined;
  }
  switch (key[1] ?? 0) {
    case 0x10:
    case 0x11:
      return encodeBranchPointer(decodeBranchPointer(value));
    case 0x20:
      return encodeRootDatabaseBranch(decodeDatabaseBranch(value));
    case 0x21:
      return encodeRootBucketBranch(decodeBucketBranch(value));
    case 0x73:
      return encodeCatalogFact(decodeCatalogFact(value));
    case 0x30:
      if (suffix.endsWith("/META/head")) {
        return encodeDepotHead(decodeDepotHead(value));
      }
      return suffix.includes("/COMMITS/") ? encodeDepotCommit(decodeDepotCommit(value)) : undefined;
    default:
      return undefined;
  }
}

describe("rows that the engine wrote", () => {
  const target = (namespace: string): Target =>
    makeDepotTarget({ now: () => 0, namespace: parseNamespaceId(namespace) });

  for (const name of NAMES) {
    it(`are read, and their records written the same: ${name}`, () => {
      const records = vector(name).found.filter((row) => recoded(row) !== undefined);
      expect(records.length).to.be.at.least(7);
      for (const row of records) {
        expect(toHex(recoded(row) ?? new Uint8Array(0)), toHex(row.key)).to.equal(toHex(row.value));
      }
    });

    it(`give the image that the engine reads: ${name}`, async () => {
      const { found, namespace, actor, pages, sha256 } = vector(name);
      const rows = memoryRows(found);
      const id = parseActorId(actor);
      expect(await target(namespace).readPageCount(rows, id)).to.equal(pages);
      const hash = createHash("sha256");
      for await (const batch of inflated(target(namespace).readBlocks(rows, id, pages))) {
        batch.pages.forEach((page) => hash.update(page));
      }
      expect(hash.digest("hex")).to.equal(sha256);
    });

    it(`count as migrated: ${name}`, async () => {
      const { found, namespace, actor } = vector(name);
      const store = new MemoryStore();
      store.load(found);
      const state = await store.transact(async (tx) => target(namespace).readState(tx, parseActorId(actor)));
      expect(state).to.deep.equal({ kind: "migrated" });
    });
  }

  it("count as migrated where the engine went back to a restore point: a fork, which Ferry does not read", async () => {
    const { found, namespace, actor } = vector("engine-restored");
    const store = new MemoryStore();
    store.load(found);
    const id = parseActorId(actor);
    const state = await store.transact(async (tx) => target(namespace).readState(tx, id));
    expect(state).to.deep.equal({ kind: "migrated" });
    const read = await target(namespace).readPageCount(memoryRows(found), id).catch(formatErrorOf);
    expect(read).to.include({ code: "depot_fork_unsupported" });
  });

  it("are those that Ferry writes, but for ids, times and stamps: an empty database, all of it", async () => {
    const store = new MemoryStore();
    const actor = testActor(1);
    await putRows(store, v1Rows(actor, new Uint8Array(0)));
    await attempt(store, new World(), actor, { depot: { namespace: NAMESPACE_ID } });
    const ferry = store.dump().filter(({ key }) => key[0] === 2 && key[1] !== 0x66);
    expect(shapes(ferry, actor.id)).to.deep.equal(shapes(vector("engine-empty").found, vector("engine-empty").actor));
  });
});

/** Rows with what differs from run to run put out: uuids and stamps by their place, the actor's id, times. */
function shapes(rows: readonly Row[], actor: string): string[] {
  const pointers = rows.filter(({ key }) => key[1] === 0x10 || key[1] === 0x11);
  let texts = rows.map(({ key, value }) => `${toHex(key)}=${toHex(value)}`);
  const put = (hex: string, name: string): void => {
    texts = texts.map((text) => text.replaceAll(hex, name));
  };
  put(Buffer.from(actor).toString("hex"), "<actor>");
  for (const { key, value } of pointers) {
    put(toHex(value.subarray(3, 19)), key[1] === 0x10 ? "<branch>" : "<bucket branch>");
    put(toHex(value.subarray(19)), "<time>");
  }
  const commit = rows.find(({ key }) => Buffer.from(key).includes("/COMMITS/"));
  const bucket = rows.find(({ key, value }) => key[1] === 0x21 && value.length === 48);
  for (const stamp of [commit?.value.subarray(10, 26), bucket?.value.subarray(21, 37)]) {
    put(toHex(stamp ?? new Uint8Array(0)), "<stamp>");
  }
  const accessBucket = rows.find(({ key }) => Buffer.from(key).includes("last_access_bucket"));
  put(toHex(accessBucket?.value ?? new Uint8Array(0)), "<bucket of time>");
  const time = rows.find(({ key }) => Buffer.from(key).includes("/DELTA/"))?.value.subarray(32, 40);
  put(toHex(time ?? new Uint8Array(0)), "<time, big-endian>");
  return texts.sort();
}
