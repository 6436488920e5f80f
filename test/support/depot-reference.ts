import { InvariantViolation, referenceLtx } from "./reference.ts";
import { bytesOf, idText, PAGE, startsWith, type Row, type TestActor } from "./v1-actors.ts";

/*
 * What DEPOT says, written down a second time, as naively as possible and sharing nothing with src/: reads dumped rows, and checks
 * every invariant that a freshly migrated database must keep.
 */

function must(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new InvariantViolation(message);
  }
}

/** What the rows say of one database. */
export interface ReferenceDepot {
  readonly image: Uint8Array;
  readonly branch: Buffer;
  readonly headTxid: bigint;
  readonly pages: number;
  /** Highest page of each txid, in order. */
  readonly txidPages: number[][];
  readonly wallClockMs: bigint;
}

export class Rowset {
  readonly #rows = new Map<string, Buffer>();

  constructor(rows: readonly Row[]) {
    for (const { key, value } of rows) {
      this.#rows.set(Buffer.from(key).toString("hex"), Buffer.from(value));
    }
  }

  get(...parts: (number | string | Uint8Array)[]): Buffer | undefined {
    return this.#rows.get(Buffer.from(bytesOf(...parts)).toString("hex"));
  }

  /** Rows with this prefix, in key order: what follows the prefix, and the value. */
  under(...parts: (number | string | Uint8Array)[]): [rest: Buffer, value: Buffer][] {
    const prefix = Buffer.from(bytesOf(...parts)).toString("hex");
    return [...this.#rows]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]): [Buffer, Buffer] => [Buffer.from(key.slice(prefix.length), "hex"), value])
      .sort(([a], [b]) => Buffer.compare(a, b));
  }
}

/** DEPOT §1.2: what follows the 02 is no letter, which a tuple's string would begin with. */
export function isDepotKey(key: Uint8Array): boolean {
  return key[0] === 2 && [0x10, 0x11, 0x12, 0x20, 0x21, 0x30, 0x73, 0x74].includes(key[1] ?? 0);
}

/** K1 of a namespace id of 19 bytes: the bucket branch, or undefined. */
export function bucketBranchOf(rows: readonly Row[], namespaceId: Uint8Array): Buffer | undefined {
  const all = new Rowset(rows);
  const pointer = all.get(0x02, 0x11, "/", namespaceId.slice(1, 17), "/cur");
  if (pointer === undefined) {
    return undefined;
  }
  must(pointer.length === 27 && pointer.toString("hex", 0, 3) === "010010", "BUCKET_PTR");
  const branch = pointer.subarray(3, 19);
  const record = all.get(0x02, 0x21, "/list/", branch);
  must(record?.length === 48, "BUCKET_BRANCH record");
  must(record.toString("hex", 0, 3) === "010010" && record.subarray(3, 19).equals(branch), "BUCKET_BRANCH id");
  must(record.toString("hex", 19, 21) === "0000", "BUCKET_BRANCH parents");
  must(
    record.subarray(31, 37).every((byte) => byte === 0) && record[37] === 0,
    "BUCKET_BRANCH root stamp's end, depth",
  );
  must(record[46] === 0 && record[47] === 0, "BUCKET_BRANCH restore point, state");
  must(all.get(0x02, 0x21, "/list/", branch, "/refcount")?.readBigInt64LE() === 1n, "BUCKET_BRANCH refcount");
  return branch;
}

/** Whether any K5 points to a database of this actor's. */
export function pointerOf(rows: readonly Row[], actor: TestActor): Buffer | undefined {
  const suffix = Buffer.from(`/${idText(actor.idBytes)}/cur`);
  const found = rows.filter(
    ({ key }) => key[0] === 2 && key[1] === 0x10 && Buffer.from(key).subarray(-suffix.length).equals(suffix),
  );
  must(found.length <= 1, "an actor has two pointers");
  return found[0] === undefined ? undefined : Buffer.from(found[0].value);
}

/** Branches that have any row under K12 to K22. */
export function branchesWithRows(rows: readonly Row[]): string[] {
  const under = rows.filter(({ key }) => key[0] === 2 && key[1] === 0x30);
  return [...new Set(under.map(({ key }) => Buffer.from(key).toString("hex", 3, 19)))];
}

/** Reads an actor's database and checks everything that holds right after Ferry's switch. */
export function readDepot(rows: readonly Row[], actor: TestActor, namespaceId: Uint8Array): ReferenceDepot {
  const all = new Rowset(rows);
  const bucketBranch = bucketBranchOf(rows, namespaceId);
  must(bucketBranch !== undefined, "there is no bucket");
  const pointer = all.get(0x02, 0x10, "/", bucketBranch, "/", idText(actor.idBytes), "/cur");
  must(pointer?.length === 27 && pointer.toString("hex", 0, 3) === "010010", "DBPTR");
  const branch = pointer.subarray(3, 19);
  must(branch[0] !== 0xff && bucketBranch[0] !== 0xff, "an id starts with ff");
  must((branch[6] ?? 0) >> 4 === 4 && (branch[8] ?? 0) >> 6 === 2, "the branch is no UUIDv4");

  const head = all.get(0x02, 0x30, "/", branch, "/META/head");
  must(head?.length === 39 && head.toString("hex", 0, 2) === "0100", "META/head");
  const headTxid = head.readBigUInt64LE(2);
  const pages = head.readUInt32LE(10);
  must(head.readBigUInt64LE(14) === 0n, "META/head checksum");
  must(head[22] === 16 && head.subarray(23).equals(branch), "META/head branch");

  const history = readHistory(all, branch, pages, headTxid);
  checkBranch(all, branch, bucketBranch, history.stamps[0] ?? Buffer.alloc(0));
  const { image, txidPages, rowBytes } = readPages(all, branch, pages, history);
  const quota = all.get(0x02, 0x30, "/", branch, "/META/quota");
  must(quota?.length === 8, "META/quota");
  must(quota.readBigInt64LE() === BigInt(68 + history.rowBytes + rowBytes), "META/quota is not the sum of its rows");
  const access = all.get(0x02, 0x30, "/", branch, "/META/manifest/last_access_ts_ms");
  const bucket = all.get(0x02, 0x30, "/", branch, "/META/manifest/last_access_bucket");
  must(access?.readBigInt64LE() === history.wallClockMs, "last access");
  must(bucket?.readBigInt64LE() === history.wallClockMs / 60_000n, "last access bucket");
  const known = 4 + 2 * history.stamps.length + pages;
  const deltaRows = all.under(0x02, 0x30, "/", branch, "/DELTA/").length;
  must(all.under(0x02, 0x30, "/", branch).length === known + deltaRows, "rows of no known kind under the branch");
  must(all.get(0x02, 0x75, "/", branch) === undefined, "a dirty row");
  return { image, branch, headTxid, pages, txidPages, wallClockMs: history.wallClockMs };
}

function checkBranch(all: Rowset, branch: Buffer, bucketBranch: Buffer, firstStamp: Buffer): void {
  const record = all.get(0x02, 0x20, "/list/", branch);
  must(record?.length === 73 && record.toString("hex", 0, 3) === "010010", "BRANCHES record");
  must(record.subarray(3, 19).equals(branch) && record[19] === 16, "BRANCHES id");
  must(record.subarray(20, 36).equals(bucketBranch), "BRANCHES bucket");
  must(record.toString("hex", 36, 38) === "0000", "BRANCHES parents");
  must(record.subarray(38, 54).equals(firstStamp), "root_versionstamp is not the stamp of txid 1");
  must(record[54] === 0 && record.toString("hex", 63, 65) === "0000", "BRANCHES depth, restore point, state");
  must(record.readBigUInt64LE(65) === 0n, "BRANCHES lifecycle generation");
  must(all.get(0x02, 0x20, "/list/", branch, "/refcount")?.readBigInt64LE() === 1n, "BRANCHES refcount");
  const catalog = all.get(0x02, 0x12, "/", bucketBranch, "/", branch);
  must(catalog?.length === 16 && catalog.subarray(10).every((byte) => byte === 0), "BUCKET_CATALOG");
  const fact = all.get(0x02, 0x73, "/", branch, "/", bucketBranch);
  must(fact?.length === 53 && fact.toString("hex", 0, 3) === "010010", "BUCKET_CATALOG_BY_DB");
  must(fact.subarray(3, 19).equals(branch) && fact[19] === 16, "BUCKET_CATALOG_BY_DB branch");
  must(fact.subarray(20, 36).equals(bucketBranch) && fact[52] === 0, "BUCKET_CATALOG_BY_DB bucket");
  must(fact.subarray(36, 52).equals(catalog), "the two catalogs' stamps differ");
  must(Buffer.compare(firstStamp, catalog) <= 0, "the catalog's stamp is before the first commit's");
  const epoch = all.get(0x02, 0x74, "/", bucketBranch);
  must(epoch?.length === 8 && epoch.readBigInt64LE() >= 1n, "BUCKET_PROOF_EPOCH");
}

interface History {
  readonly stamps: Buffer[];
  readonly sizes: number[];
  readonly wallClockMs: bigint;
  readonly rowBytes: number;
}

function readHistory(all: Rowset, branch: Buffer, pages: number, headTxid: bigint): History {
  const commits = all.under(0x02, 0x30, "/", branch, "/COMMITS/");
  const vtx = all.under(0x02, 0x30, "/", branch, "/VTX/");
  must(BigInt(commits.length) === headTxid && vtx.length === commits.length, "COMMITS or VTX do not match the head");
  const stamps: Buffer[] = [];
  const sizes: number[] = [];
  let wallClockMs: bigint | undefined;
  for (const [index, [rest, value]] of commits.entries()) {
    must(rest.length === 8 && rest.readBigUInt64BE() === BigInt(index + 1), "COMMITS has a gap");
    must(value.length === 38 && value.toString("hex", 0, 2) === "0100", "COMMITS row");
    wallClockMs ??= value.readBigInt64LE(2);
    must(value.readBigInt64LE(2) === wallClockMs, "COMMITS are of different times");
    must(value.readBigUInt64LE(30) === 0n, "COMMITS checksum");
    stamps.push(value.subarray(10, 26));
    sizes.push(value.readUInt32LE(26));
    const [stamp, txid] = vtx[index] ?? [Buffer.alloc(0), Buffer.alloc(8)];
    must(stamp.length === 16 && stamp.equals(value.subarray(10, 26)), "VTX order is not txid order");
    must(txid.length === 8 && txid.readBigUInt64BE() === BigInt(index + 1), "VTX names another txid");
  }
  must(sizes.at(-1) === pages, "the last COMMITS row has another size than the head");
  return { stamps, sizes, wallClockMs: wallClockMs ?? 0n, rowBytes: commits.length * (36 + 38 + 40 + 8) };
}

function readPages(
  all: Rowset,
  branch: Buffer,
  pages: number,
  history: History,
): { image: Uint8Array; txidPages: number[][]; rowBytes: number } {
  const image = new Uint8Array(pages * PAGE);
  const txidPages: number[][] = [];
  let rowBytes = 0;
  let deltaRows = 0;
  for (const [index, size] of history.sizes.entries()) {
    const txid = Buffer.alloc(8);
    txid.writeBigUInt64BE(BigInt(index + 1));
    const chunks = all.under(0x02, 0x30, "/", branch, "/DELTA/", txid, "/");
    must(chunks.length > 0, "a txid has no DELTA");
    for (const [chunk, [rest, value]] of chunks.entries()) {
      must(rest.length === 4 && rest.readUInt32BE() === chunk, "DELTA chunks are not numbered 0, 1, 2 …");
      must(
        chunk === chunks.length - 1 ? value.length <= 10_000 && value.length > 0 : value.length === 10_000,
        "chunk size",
      );
      rowBytes += 39 + value.length;
    }
    deltaRows += chunks.length;
    must(1 + chunks.length + 64 <= 500, "a txid of more keys than the engine's compaction takes");
    const blob = referenceLtx(Buffer.concat(chunks.map(([, value]) => value)));
    must(blob.commit === size && blob.txid === BigInt(index + 1), "LTX header");
    must(blob.timestampMs === history.wallClockMs, "LTX time");
    const numbers = [...blob.pages.keys()];
    must(
      numbers.every((pgno) => Math.floor(pgno / 64) === index),
      "a txid holds pages of another shard",
    );
    must(pages === 0 || numbers.at(-1) === size, "the size after a txid is not its highest page");
    txidPages.push(numbers);
    for (const [pgno, page] of blob.pages) {
      const owner = all.get(0x02, 0x30, "/", branch, "/PIDX/", u32(pgno));
      must(owner?.equals(txid) === true, `PIDX of page ${pgno}`);
      image.set(page, (pgno - 1) * PAGE);
      rowBytes += 37;
    }
  }
  must(deltaRows === all.under(0x02, 0x30, "/", branch, "/DELTA/").length, "DELTA rows of no txid");
  must(txidPages.flat().length === pages, "pages are missing");
  must(all.under(0x02, 0x30, "/", branch, "/PIDX/").length === pages, "PIDX rows of no page");
  return { image, txidPages, rowBytes };
}

/** An image as the engine's reader gives it, of any branch: newest DELTA of PIDX, else newest SHARD. For rows of the engine's own. */
export function readEngineImage(rows: readonly Row[], branch: Uint8Array): Uint8Array {
  const all = new Rowset(rows.filter(({ key }) => startsWith(key, bytesOf(0x02, 0x30, "/", branch))));
  const head = all.get(0x02, 0x30, "/", branch, "/META/head");
  must(head !== undefined, "META/head");
  const image = new Uint8Array(head.readUInt32LE(10) * PAGE);
  const deltas = new Map<string, ReturnType<typeof referenceLtx>>();
  for (const [rest, txid] of all.under(0x02, 0x30, "/", branch, "/PIDX/")) {
    const pgno = rest.readUInt32BE();
    const name = txid.toString("hex");
    let delta = deltas.get(name);
    if (delta === undefined) {
      const chunks = all.under(0x02, 0x30, "/", branch, "/DELTA/", txid, "/").map(([, value]) => value);
      delta = referenceLtx(Buffer.concat(chunks));
      deltas.set(name, delta);
    }
    const page = delta.pages.get(pgno);
    must(page !== undefined, "a page is not in its DELTA");
    if (pgno * PAGE <= image.length) {
      image.set(page, (pgno - 1) * PAGE);
    }
  }
  return image;
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}
