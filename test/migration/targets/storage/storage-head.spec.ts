import { expect } from "chai";
import { LAYOUTS } from "../../../../src/migration/outcome.ts";
import { finalMetaRow, stagingMetaRow } from "../../../../src/migration/targets/storage/storage-head.ts";
import { referenceHead } from "../../../support/reference.ts";

const SPEC = { pageCount: 9, creationTsMs: 1_700_000_000_000 };
/** The value behind the marker of one that is not split. */
const headOf = (row: Uint8Array): ReturnType<typeof referenceHead> => {
  expect(row[0]).to.equal(0);
  return referenceHead(row.subarray(1));
};

describe("META of v2", () => {
  for (const layout of LAYOUTS) {
    it(`says of a stage that txid 1 is handed out and nothing is there yet (${layout})`, () => {
      const random = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
      expect(headOf(stagingMetaRow({ ...SPEC, layout }, random))).to.include({
        ...{ generation: 0x0102030405060708n, headTxid: 0n, nextTxid: 2n, materializedTxid: 0n, pages: 0 },
        ...{ creationTsMs: 1_700_000_000_000n, origin: 2 },
      });
    });

    it(`says of a whole image what the engine's own migration does, and what is compacted (${layout})`, () => {
      expect(headOf(finalMetaRow({ ...SPEC, layout }, 4_321))).to.include({
        ...{ generation: 1n, headTxid: 1n, nextTxid: 2n, materializedTxid: layout === "shards" ? 1n : 0n, pages: 9 },
        ...{ creationTsMs: 1_700_000_000_000n, origin: 1 },
      });
    });
  }
});
