import { expect } from "chai";
import { FormatError } from "../../../../src/formats/format-error.ts";
import { memoryRows } from "../../../../src/migration/rows.ts";
import { assertHistory } from "../../../../src/migration/targets/depot/depot-history.ts";
import { u32 } from "../../../support/reference.ts";
import { bytesOf, type Row } from "../../../support/v1-actors.ts";

const BRANCH = new Uint8Array(16).fill(7);
const BASE = bytesOf(0x02, 0x30, "/", BRANCH);
const PAGES = 150;

/** The stamp of a commit, by a number that rises with them. */
function stamp(at: number): Uint8Array {
  return bytesOf(new Uint8Array(7), at, new Uint8Array(8));
}

function u64(value: number): Uint8Array {
  return bytesOf(new Uint8Array(4), u32(value));
}

function commit(txid: number, { at = txid, pages = PAGES } = {}): Row {
  const value = bytesOf(1, 0, new Uint8Array(8), stamp(at), u32(pages).toReversed(), new Uint8Array(8));
  return { key: bytesOf(BASE, "/COMMITS/", u64(txid)), value };
}

function vtx(txid: number, at = txid): Row {
  return { key: bytesOf(BASE, "/VTX/", stamp(at)), value: u64(txid) };
}

const THREE = [1, 2, 3];
/** Three commits, the last of which makes the database as large as the head says. */
const COMMITS = [commit(1, { pages: 63 }), commit(2, { pages: 127 }), commit(3)];
const VTX = THREE.map((txid) => vtx(txid));

async function said(rows: readonly Row[]): Promise<string> {
  try {
    await assertHistory(memoryRows(rows), { branch: BRANCH, pageCount: PAGES, headTxid: 3n });
    return "right";
  } catch (error) {
    return error instanceof FormatError ? `${error.code}: ${error.message}` : String(error);
  }
}

describe("the history of a Depot branch", () => {
  it("is right with a commit and a VTX row for each txid up to the head, in one order", async () => {
    expect(await said([...COMMITS, ...VTX])).to.equal("right");
  });

  const wrong: readonly [string, readonly Row[]][] = [
    ["a commit is missing", [...COMMITS.slice(0, 1), ...COMMITS.slice(2), ...VTX]],
    ["the first commit is missing, and its VTX row", [...COMMITS.slice(1), ...VTX.slice(1)]],
    ["a commit is missing, and its VTX row", [...COMMITS.slice(0, 1), ...COMMITS.slice(2), vtx(1), vtx(3)]],
    ["the last commit is missing, and its VTX row", [commit(1), commit(2), ...VTX.slice(0, 2)]],
    ["there is a later commit than the head's", [...COMMITS, commit(4), ...VTX, vtx(4)]],
    ["a commit lies under another txid than its VTX row says", [...COMMITS.slice(0, 2), commit(4, { at: 3 }), ...VTX]],
    ["a VTX row is missing", [...COMMITS, ...VTX.slice(0, 2)]],
    ["a txid has a second VTX row", [...COMMITS, ...VTX, vtx(3, 4)]],
    ["a txid has a second VTX row before its own", [...COMMITS, ...VTX, vtx(1, 0)]],
    ["a VTX row is of another txid", [...COMMITS, vtx(1), vtx(3, 2), vtx(2, 3)]],
    ["a VTX row has another stamp than its commit", [...COMMITS, vtx(1), vtx(2), vtx(3, 4)]],
    ["stamps fall", [commit(1, { at: 2 }), commit(2, { at: 1 }), commit(3), vtx(1, 2), vtx(2, 1), vtx(3)]],
    ["two commits have one stamp", [commit(1), commit(2, { at: 1 }), commit(3), vtx(1), vtx(3)]],
    ["the last commit is of another size than the head", [commit(1), commit(2), commit(3, { pages: 149 }), ...VTX]],
    ["there is none", []],
  ];
  for (const [title, rows] of wrong) {
    it(`is wrong where ${title}`, async () => {
      expect(await said(rows)).to.match(/^depot_history_invalid: /);
    });
  }
});
