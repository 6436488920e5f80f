import { parseNamespaceId } from "../../src/formats/namespace-id.ts";
import type { Store } from "../../src/store/store.ts";
import { u32 } from "./depot-reference.ts";
import { encodeReferenceLtx } from "./reference.ts";
import { bytesOf, idText, type Row, type TestActor } from "./v1-actors.ts";

/*
 * The engine around a Depot database, written straight from DEPOT with literal bytes: namespaces, pools, actors' lives, and what the
 * engine itself does to an actor: it creates the bucket, commits the database, takes the actor over, wakes it.
 */

export const NAMESPACE = Uint8Array.from(Buffer.from(`0100112233445566778899aabbccddeeff0001`, "hex"));
export const NAMESPACE_ID = parseNamespaceId(idText(NAMESPACE));
export const BUCKET = NAMESPACE.slice(1, 17);
export const POOL = "default-pool";
export const NOW_MS = 1_700_000_000_000;
export const NOW_LE = "0068e5cf8b010000";

export const LIFE_FIELD = {
  WORKFLOW_ID: 20,
  CONNECTABLE: 42,
  SLEEP_TS: 43,
  RUNNER_ID: 51,
  NAMESPACE_ID: 52,
  VERSION: 59,
  DESTROY_TS: 69,
  RUNNER_NAME_SELECTOR: 109,
  ENVOY_KEY: 116,
  POOL_NAME: 117,
} as const;

export function lifeFieldKey(actor: TestActor, field: keyof typeof LIFE_FIELD): Uint8Array {
  return lifeWordKey(actor, LIFE_FIELD[field]);
}

/** Where the engine has any row about an actor, by the number of its word. */
export function lifeWordKey(actor: TestActor, word: number): Uint8Array {
  return bytesOf(0x14, 0x15, 3, 0x15, 32, 0x15, 4, 0x40, actor.idBytes, 0x15, word);
}

export function lifeFieldRow(actor: TestActor, field: keyof typeof LIFE_FIELD, value: Uint8Array): Row {
  return { key: lifeFieldKey(actor, field), value };
}

/** A v1 actor that sleeps, as the engine has it. */
export function sleepingActor(actor: TestActor): Row[] {
  return [
    lifeFieldRow(actor, "WORKFLOW_ID", workflowId(1)),
    lifeFieldRow(actor, "SLEEP_TS", Uint8Array.from(Buffer.from("0000018bcfe56800", "hex"))),
    lifeFieldRow(actor, "NAMESPACE_ID", NAMESPACE),
    lifeFieldRow(actor, "RUNNER_NAME_SELECTOR", Buffer.from(POOL)),
  ];
}

export function workflowId(n: number): Uint8Array {
  return Uint8Array.from([1, ...new Array<number>(16).fill(n), 0, 1]);
}

/** PROTOCOL_VERSION of the pool, DEPOT §7.4. */
export const POOL_KEY = Uint8Array.from(
  Buffer.concat([
    Buffer.from("141527152e155a150440", "hex"),
    NAMESPACE,
    Buffer.from([2]),
    Buffer.from(POOL),
    Buffer.from("00156a", "hex"),
  ]),
);
export const POOL_ROW: Row = { key: POOL_KEY, value: Uint8Array.of(0, 2) };

/** K1, K2, K3 as the engine's first commit in a namespace leaves them. */
export function bucketRows(bucketBranch: Uint8Array, options: { state?: number; parent?: boolean } = {}): Row[] {
  const parent = options.parent === true ? [1, 16, ...bucketBranch, 1, ...new Uint8Array(16)] : [0, 0];
  return [
    { key: bytesOf(0x02, 0x11, "/", BUCKET, "/cur"), value: bytes("0100", 16, bucketBranch, NOW_LE) },
    {
      key: bytesOf(0x02, 0x21, "/list/", bucketBranch),
      value: bytes("0100", 16, bucketBranch, Uint8Array.from(parent), ENGINE_STAMP, 0, NOW_LE, 0, options.state ?? 0),
    },
    { key: bytesOf(0x02, 0x21, "/list/", bucketBranch, "/refcount"), value: bytes("0100000000000000") },
  ];
}

export const BUCKET_BRANCH = Uint8Array.from(Buffer.from("11111111111141118111111111111111", "hex"));
export const ENGINE_BRANCH = Uint8Array.from(Buffer.from("22222222222242228222222222222222", "hex"));
const ENGINE_STAMP = Uint8Array.from(Buffer.from("00000102030405060007000000000000", "hex"));

/** A database of these pages as one engine commit leaves it, under a bucket branch. */
export function engineDatabase(
  actor: TestActor,
  bucketBranch: Uint8Array,
  pages: ReadonlyMap<number, Uint8Array>,
): Row[] {
  return [
    pointerRow(actor, bucketBranch, ENGINE_BRANCH),
    {
      key: bytesOf(0x02, 0x20, "/list/", ENGINE_BRANCH),
      value: bytes(
        "0100",
        16,
        ENGINE_BRANCH,
        16,
        bucketBranch,
        "0000",
        ENGINE_STAMP,
        0,
        NOW_LE,
        "0000",
        new Uint8Array(8),
      ),
    },
    { key: bytesOf(0x02, 0x20, "/list/", ENGINE_BRANCH, "/refcount"), value: bytes("0100000000000000") },
    ...engineCommit({ branch: ENGINE_BRANCH, txid: 1, size: Math.max(0, ...pages.keys()) }, pages),
  ];
}

/** What one commit of the engine's writes under a branch; `size` is the database's, in pages, after it. */
export function engineCommit(
  commit: { readonly branch: Uint8Array; readonly txid: number; readonly size: number },
  pages: ReadonlyMap<number, Uint8Array>,
): Row[] {
  const base = bytesOf(0x02, 0x30, "/", commit.branch);
  const txid = bytesOf(0, 0, 0, 0, u32(commit.txid));
  const stamp = Uint8Array.from(ENGINE_STAMP).fill(commit.txid - 1, 8, 9);
  const sizeLe = u32(commit.size).toReversed();
  const header = { commit: commit.size, txid: BigInt(commit.txid), timestampMs: BigInt(NOW_MS) };
  const blob = encodeReferenceLtx(header, pages);
  const chunks: Row[] = [];
  for (let offset = 0; offset < blob.length; offset += 10_000) {
    const key = bytesOf(base, "/DELTA/", txid, "/", u32(offset / 10_000));
    chunks.push({ key, value: blob.slice(offset, offset + 10_000) });
  }
  return [
    {
      key: bytesOf(base, "/META/head"),
      value: bytes("0100", txid.toReversed(), sizeLe, new Uint8Array(8), 16, commit.branch),
    },
    { key: bytesOf(base, "/COMMITS/", txid), value: bytes("0100", NOW_LE, stamp, sizeLe, new Uint8Array(8)) },
    { key: bytesOf(base, "/VTX/", stamp), value: txid },
    ...[...pages.keys()].map((pgno) => ({ key: bytesOf(base, "/PIDX/", u32(pgno)), value: txid })),
    ...chunks,
  ];
}

export function pointerRow(actor: TestActor, bucketBranch: Uint8Array, branch: Uint8Array): Row {
  return {
    key: bytesOf(0x02, 0x10, "/", bucketBranch, "/", idText(actor.idBytes), "/cur"),
    value: bytes("0100", 16, branch, NOW_LE),
  };
}

/**
 * The row by which engines newer than the releases know their own unfinished import. Its word is not known: 133 is the first that the
 * source of 2026-08-20 does not use.
 */
export function importMarkerRow(actor: TestActor, pages: number): Row {
  return { key: lifeWordKey(actor, 133), value: u32(pages) };
}

/** Bytes from hex strings, numbers of one byte, and bytes. */
export function bytes(...parts: (string | number | Uint8Array)[]): Uint8Array {
  return bytesOf(...parts.map((part) => (typeof part === "string" ? Uint8Array.from(Buffer.from(part, "hex")) : part)));
}

/** Writes rows, some transactions' worth. */
export async function putRows(store: Store, rows: readonly Row[]): Promise<void> {
  for (let at = 0; at < rows.length; at += 200) {
    await store.transact((tx) => {
      for (const row of rows.slice(at, at + 200)) {
        tx.set(row.key, row.value);
      }
      return Promise.resolve();
    });
  }
}

export async function clearKeys(store: Store, keys: readonly Uint8Array[]): Promise<void> {
  await store.transact((tx) => {
    keys.forEach((key) => {
      tx.clear(key);
    });
    return Promise.resolve();
  });
}

/** Every row, in order. */
export async function dumpRows(store: Store): Promise<Row[]> {
  const rows: Row[] = [];
  let begin = new Uint8Array(0);
  for (;;) {
    const part = await store.transact(async (tx) => {
      const found: Row[] = [];
      for await (const batch of tx.getRange({ begin, end: Uint8Array.of(0xff) }, { limit: 5_000, snapshot: true })) {
        found.push(...batch.map(({ key, value }) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) })));
      }
      return found;
    });
    rows.push(...part);
    const last = part.at(-1);
    if (last === undefined || part.length < 5_000) {
      return rows;
    }
    begin = Uint8Array.from([...last.key, 0]);
  }
}

/** The engine wakes an actor of v1's on a runner. */
export function wakeRows(actor: TestActor): { set: Row[]; clear: Uint8Array[] } {
  return {
    set: [lifeFieldRow(actor, "RUNNER_ID", workflowId(9)), lifeFieldRow(actor, "CONNECTABLE", new Uint8Array(0))],
    clear: [lifeFieldKey(actor, "SLEEP_TS")],
  };
}

/** actor2 takes an actor over: VERSION 2 and a workflow of its own. */
export function takeOverRows(actor: TestActor): Row[] {
  return [
    lifeFieldRow(actor, "VERSION", Uint8Array.of(0, 0, 0, 2)),
    lifeFieldRow(actor, "WORKFLOW_ID", workflowId(2)),
    lifeFieldRow(actor, "POOL_NAME", Buffer.from(POOL)),
  ];
}
