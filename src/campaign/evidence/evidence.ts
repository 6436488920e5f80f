import { createHash } from "node:crypto";
import { actorKvSubspace, decodeRowKey } from "../../formats/actor-kv.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import { toHex } from "../../formats/bytes.ts";
import { assertFormatError } from "../../formats/format-error.ts";
import { decodeV1Key, FILE_TAG } from "../../formats/v1-file.ts";
import { readActorState } from "../../migration/read-actor-state.ts";
import { storeRows } from "../../migration/rows.ts";
import { inspectDepot } from "../../migration/targets/depot/depot-inspection.ts";
import { inspectStorage } from "../../migration/targets/storage/storage-inspection.ts";
import { v1Range } from "../../migration/v1/v1-keys.ts";
import type { KeyValue, Store } from "../../store/store.ts";
import { ledger, readHistory } from "../ledger/ledger.ts";
import { fingerprintOf } from "../rejects/fingerprint.ts";
import { readWaivers } from "../rejects/waive.ts";
import { bigintAsText } from "../row-texts.ts";
import { EvidenceFacts } from "./evidence-facts.ts";
import {
  DIGEST_BEGIN,
  EVIDENCE_FORMAT,
  EVIDENCE_VERSION,
  HEAD_BEGIN,
  ROWS_BEGIN,
  ROWS_END,
  TAIL_BEGIN,
  type EvidenceHead,
  type EvidenceRow,
} from "./evidence-format.ts";

/** File metadata is 10 bytes; what is longer may be anything. */
const METADATA_BYTES = 64;

/** What a bundle is made with. */
export interface EvidenceOptions {
  readonly includePages: boolean;
  /** Ferry's, Node's and so on, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** When it is taken. */
  readonly nowMs: number;
  readonly signal: AbortSignal;
}

/**
 * The lines of an actor's evidence bundle, without line breaks. Reads v1 over as many transactions as it takes and holds a mebibyte: of
 * an actor that runs meanwhile it is not one moment.
 */
export async function* collectEvidence(
  store: Store,
  id: ActorId,
  options: EvidenceOptions,
): AsyncGenerator<string, void, undefined> {
  const digest = createHash("sha256");
  const hashed = (line: string): string => {
    digest.update(`${line}\n`);
    return line;
  };
  yield hashed(`${HEAD_BEGIN}${JSON.stringify(await readHead(store, id, options), bigintAsText)},`);
  yield hashed(ROWS_BEGIN);
  const facts = new EvidenceFacts();
  const subspace = actorKvSubspace(id);
  let held: string | undefined;
  for await (const batch of storeRows(store, options.signal).getRange(v1Range(id))) {
    for (const stored of batch) {
      if (held !== undefined) {
        yield hashed(`${held},`);
      }
      const row = describeRow(subspace, stored, options.includePages);
      facts.add(row, stored.value);
      held = JSON.stringify(row);
    }
  }
  if (held !== undefined) {
    yield hashed(held);
  }
  yield hashed(ROWS_END);
  yield hashed(`${TAIL_BEGIN}${JSON.stringify(facts.tail())},`);
  yield `${DIGEST_BEGIN}"${digest.digest("hex")}"}`;
}

async function readHead(store: Store, id: ActorId, options: EvidenceOptions): Promise<EvidenceHead> {
  const { outcome, asleep } = await store.transact(
    async (tx) => ({ outcome: await ledger.read(tx, id), asleep: (await readActorState(tx, id)).asleep }),
    { label: "evidence", signal: options.signal },
  );
  const v2 = await inspectStorage(storeRows(store, options.signal), id).catch((error: unknown) => {
    assertFormatError(error);
    return error.message;
  });
  const depot = await inspectDepot(store, id, { options: { now: () => options.nowMs } }, options.signal);
  return {
    format: EVIDENCE_FORMAT,
    version: EVIDENCE_VERSION,
    actorId: id,
    takenAt: new Date(options.nowMs).toISOString(),
    versions: options.versions,
    pagesIncluded: options.includePages,
    asleep,
    ...(outcome === undefined ? {} : { fingerprint: fingerprintOf(outcome), outcome }),
    history: await readHistory(store, id),
    waivers: (await readWaivers(store, id)).events,
    ...(v2 === undefined ? {} : { v2 }),
    ...(depot === undefined ? {} : { depot }),
  };
}

function describeRow(subspace: Uint8Array, { key, value }: KeyValue, includePages: boolean): EvidenceRow {
  const named = nameRow(subspace, key);
  const isFileMetadata = named.kind === "file_metadata" && value.length <= METADATA_BYTES;
  return {
    key: toHex(key.subarray(subspace.length)),
    ...named,
    bytes: value.length,
    sha256: createHash("sha256").update(value).digest("hex"),
    ...(includePages || isFileMetadata ? { value: Buffer.from(value).toString("base64") } : {}),
  };
}

function nameRow(
  subspace: Uint8Array,
  rowKey: Uint8Array,
): Pick<EvidenceRow, "file" | "kind" | "part" | "index" | "piece"> {
  try {
    const row = decodeRowKey(subspace, rowKey);
    const key = decodeV1Key(row.key);
    const part = row.kind === "metadata" ? "metadata" : "value";
    const piece = row.kind === "chunk" && row.index > 0 ? { piece: row.index } : {};
    if (key.kind === "other") {
      return { kind: "other", part, ...piece };
    }
    const file = Object.entries(FILE_TAG).find(([, tag]) => tag === key.tag)?.[0] ?? `tag ${key.tag}`;
    return key.kind === "metadata"
      ? { file, kind: "file_metadata", part, ...piece }
      : { file, kind: "chunk", part, index: key.index, ...piece };
  } catch (error) {
    assertFormatError(error);
    return { kind: "other", part: "other" };
  }
}
