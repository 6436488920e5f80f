import { expect } from "chai";
import { parseActorId } from "../../src/formats/actor-id.ts";
import { actorStateKey, actorStatePrefix, decodeActorState } from "../../src/formats/actor-state.ts";
import { toHex } from "../../src/formats/bytes.ts";
import * as keys from "../../src/formats/depot-keys.ts";
import { bucketOfNamespace, parseNamespaceId, encodeNamespaceId } from "../../src/formats/namespace-id.ts";
import { poolProtocolKey } from "../../src/formats/runner-pool-keys.ts";
import { formatUuid, isNilUuid, makeUuid, NIL_UUID } from "../../src/formats/uuid.ts";
import { formatErrorCode } from "../support/reference-properties.ts";
import { hex } from "./vectors.ts";

/* DEPOT §1.2 and §2.5: ids of its worked examples, and keys spelled out from its table. */
const NAMESPACE = parseNamespaceId("5jxlv5boumuljx2d2nvyat0o2edl00");
const ACTOR = parseActorId("hke1f9gkob5w4n44f18yknprvzal00");
const BB = "11111111111141118111111111111111";
const BR = "22222222222242228222222222222222";
const BK = "00112233445566778899aabbccddeeff";
const [bb, br] = [hex(BB), hex(BR)];
const ascii = (text: string): string => Buffer.from(text, "latin1").toString("hex");

describe("Depot's keys", () => {
  const bk = bucketOfNamespace(NAMESPACE);
  const table: [string, Uint8Array, string, number][] = [
    ["K1", keys.bucketPointerKey(bk), `02112f${BK}${ascii("/cur")}`, 23],
    ["K2", keys.bucketBranchKey(bb), `0221${ascii("/list/")}${BB}`, 24],
    ["K3", keys.refcountKey(keys.bucketBranchKey(bb)), `0221${ascii("/list/")}${BB}${ascii("/refcount")}`, 33],
    [
      "K4",
      keys.databaseTombstoneKey(bb, ACTOR),
      `0221${ascii("/list/")}${BB}${ascii(`/database_tombstones/${ACTOR}`)}`,
      75,
    ],
    ["K5", keys.databasePointerKey(bb, ACTOR), `02102f${BB}2f${ascii(`${ACTOR}/cur`)}`, 54],
    ["K6", keys.branchKey(br), `0220${ascii("/list/")}${BR}`, 24],
    ["K7", keys.refcountKey(keys.branchKey(br)), `0220${ascii("/list/")}${BR}${ascii("/refcount")}`, 33],
    ["K9", keys.bucketCatalogKey(bb, br), `02122f${BB}2f${BR}`, 36],
    ["K10", keys.catalogByDatabaseKey(br, bb), `02732f${BR}2f${BB}`, 36],
    ["K11", keys.proofEpochKey(bb), `02742f${BB}`, 19],
    ["K12", keys.headKey(br), `02302f${BR}${ascii("/META/head")}`, 29],
    ["K13", keys.headAtForkKey(br), `02302f${BR}${ascii("/META/head_at_fork")}`, 37],
    ["K14", keys.quotaKey(br), `02302f${BR}${ascii("/META/quota")}`, 30],
    ["K15", keys.lastAccessTsKey(br), `02302f${BR}${ascii("/META/manifest/last_access_ts_ms")}`, 51],
    ["K16", keys.lastAccessBucketKey(br), `02302f${BR}${ascii("/META/manifest/last_access_bucket")}`, 52],
    ["K17", keys.commitKey(br, 258n), `02302f${BR}${ascii("/COMMITS/")}0000000000000102`, 36],
    [
      "K18",
      keys.vtxKey(br, hex("00000102030405060007000000000000")),
      `02302f${BR}2f5654582f00000102030405060007000000000000`,
      40,
    ],
    ["K19", keys.pageKey(br, 258), `02302f${BR}${ascii("/PIDX/")}00000102`, 29],
    ["K20", keys.deltaChunkKey(br, 258n, 3), `02302f${BR}${ascii("/DELTA/")}00000000000001022f00000003`, 39],
    ["K22", keys.compactionRootKey(br), `02302f${BR}${ascii("/CMP/root")}`, 28],
    ["K23", keys.dirtyKey(br), `02752f${BR}`, 19],
    ["K24", keys.legacyHeadKey(ACTOR), `02${ascii(`${ACTOR}/META/head`)}`, 41],
  ];

  for (const [name, key, expected, length] of table) {
    it(`has ${name} as the table says`, () => {
      expect(toHex(key)).to.equal(expected);
      expect(key).to.have.lengthOf(length);
    });
  }

  it("of a bucket's forks begin as the engine's do", () => {
    expect(toHex(keys.bucketChildrenPrefix(bb))).to.equal(`02722f${BB}2f`);
  });

  it("put the versionstamp of a VTX key where the operation is told it is", () => {
    expect(keys.vtxPrefix(br)).to.have.lengthOf(0x18);
  });

  it("of pages one after the other are those of each", () => {
    const pgnos = [254, 255, 256, 257];
    expect(keys.pageKeys(br, 254, 258)).to.deep.equal(pgnos.map((pgno) => keys.pageKey(br, pgno)));
    expect(keys.pageKeys(br, 5, 5)).to.deep.equal([]);
  });

  it("lie together where a cluster's databases are looked for", () => {
    const within = (key: Uint8Array): boolean =>
      Buffer.compare(key, keys.DEPOT_RANGE.begin) >= 0 && Buffer.compare(key, keys.DEPOT_RANGE.end) < 0;
    expect([keys.bucketPointerKey(bk), keys.headKey(br), keys.branchKey(br)].every(within)).to.equal(true);
    // Ferry's own rows begin with the same byte.
    expect(within(hex("02666572727900"))).to.equal(false);
  });
});

describe("a namespace id", () => {
  it("is read as an actor's is, and gives its uuid as the bucket", () => {
    expect(toHex(encodeNamespaceId(NAMESPACE))).to.equal(`01${BK}0001`);
    expect(toHex(bucketOfNamespace(NAMESPACE))).to.equal(BK);
    expect(formatErrorCode(() => parseNamespaceId("short"))).to.equal("namespace_id_invalid");
  });
});

describe("a uuid", () => {
  it("is a v4, and never starts with ff", () => {
    const uuid = makeUuid(new Uint8Array(16).fill(0xff));
    expect(toHex(uuid)).to.equal("7fffffffffff4fffbfffffffffffffff");
    expect(formatUuid(hex(BR))).to.equal("22222222-2222-4222-8222-222222222222");
    expect(isNilUuid(NIL_UUID) && !isNilUuid(uuid)).to.equal(true);
  });
});

describe("an actor's life", () => {
  it("lies under the keys of DEPOT §7.2", () => {
    const prefix = "141503152015044001333333333333433383333333333333330001";
    expect(toHex(actorStateKey(ACTOR, "VERSION"))).to.equal(`${prefix}153b`);
    expect(toHex(actorStateKey(ACTOR, "ENVOY_KEY"))).to.equal(`${prefix}1574`);
    expect(toHex(poolProtocolKey(NAMESPACE, Buffer.from("pool")))).to.equal(
      `141527152e155a15044001${BK}000102${ascii("pool")}00156a`,
    );
  });

  it("is that of version 1 without a VERSION row, and of none that is known with one that cannot be read", () => {
    const row = (value: string): { key: Uint8Array; value: Uint8Array }[] => [
      { key: actorStateKey(ACTOR, "VERSION"), value: hex(value) },
    ];
    expect(decodeActorState(ACTOR, []).version).to.equal(1);
    expect(decodeActorState(ACTOR, row("00000002")).version).to.equal(2);
    expect(decodeActorState(ACTOR, row("02")).version).to.be.greaterThan(2);
  });

  it("has an unknown row when there is one that no engine up to the source of 2026-08-20 writes", () => {
    const row = (word: string): { key: Uint8Array; value: Uint8Array } => ({
      key: Uint8Array.from([...actorStatePrefix(ACTOR), ...hex(word)]),
      value: hex("00000141"),
    });
    // CREATE_TS, NAME, WORKFLOW_ID, VERSION, KEY, GENERATION
    const known = ["150f", "1513", "1514", "153b", "154e", "1582"].map(row);
    expect(decodeActorState(ACTOR, known).hasUnknownRow).to.equal(false);
    for (const word of ["1584", "1585", "160101", "02666f6f00"]) {
      expect(decodeActorState(ACTOR, [...known, row(word)]).hasUnknownRow, word).to.equal(true);
    }
  });

  it("takes the pool of actor2 before that of v1", () => {
    const rows = [
      { key: actorStateKey(ACTOR, "RUNNER_NAME_SELECTOR"), value: Buffer.from("old") },
      { key: actorStateKey(ACTOR, "POOL_NAME"), value: Buffer.from("new") },
    ];
    expect(Buffer.from(decodeActorState(ACTOR, rows).poolName ?? []).toString()).to.equal("new");
  });
});
