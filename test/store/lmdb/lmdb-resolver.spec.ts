import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { decodeVersion } from "../../../src/store/lmdb/commit-log.ts";
import { type LmdbEnvironment, openEnvironment } from "../../../src/store/lmdb/lmdb-environment.ts";
import { type CommitRequest, LmdbResolver } from "../../../src/store/lmdb/lmdb-resolver.ts";
import { toKeyString } from "../../../src/store/lmdb/key-string.ts";
import { ReadSet } from "../../../src/store/lmdb/read-set.ts";
import { ReadVersions } from "../../../src/store/lmdb/read-versions.ts";
import { bytes } from "../contract/harness.ts";
import { ManualClock } from "../manual-clock.ts";

describe("the resolver of one of several processes", () => {
  let directory: string;
  let environment: LmdbEnvironment;
  let clock: ManualClock;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "ferry-resolver-"));
    environment = openEnvironment(directory);
    clock = new ManualClock();
  });

  afterEach(async () => {
    await environment.root.close();
    await rm(directory, { recursive: true });
  });

  /** What a process has of its own: the versions it reads at, and what it knows of commits. */
  const process = (): { reads: ReadVersions; resolver: LmdbResolver } => {
    const reads = new ReadVersions();
    return { reads, resolver: new LmdbResolver(environment, clock, reads) };
  };
  const commit = (resolver: LmdbResolver, request: CommitRequest): string | undefined => {
    const { record, errors } = environment.root.transactionSync(() => resolver.resolve([request]));
    if (record !== undefined) {
      resolver.remember(record);
    }
    return errors[0]?.kind;
  };
  const writing = (key: string, read?: { key: string; version: bigint }): CommitRequest => {
    const reads = new ReadSet();
    if (read !== undefined) {
      reads.addKey(toKeyString(bytes(read.key)));
    }
    return {
      reads,
      readVersion: read?.version,
      mutations: [{ type: "set", key: bytes(key), value: bytes("1") }],
      affectedBytes: 1,
    };
  };

  it("judges a transaction by what others committed since it read, however much its own process did meanwhile", () => {
    const [ours, theirs] = [process(), process()];
    commit(ours.resolver, writing("a"));
    const hold = ours.reads.hold(1n);
    commit(theirs.resolver, writing("b"));
    commit(ours.resolver, writing("c"));
    commit(theirs.resolver, writing("d"));
    expect(commit(ours.resolver, writing("x", { key: "a", version: hold.version }))).to.equal(undefined);
    for (const key of ["b", "c", "d"]) {
      expect(commit(ours.resolver, writing("x", { key, version: hold.version }))).to.equal("conflict");
    }
  });

  it("judges a transaction by those before it in its batch", () => {
    const { reads, resolver } = process();
    const { version } = reads.hold(0n);
    const batch = [writing("a"), writing("b", { key: "a", version }), writing("c", { key: "b", version })];
    const { errors } = environment.root.transactionSync(() => resolver.resolve(batch));
    // What reads `b` commits: the one that would have written it does not.
    expect(errors.map((error) => error?.kind)).to.deep.equal([undefined, "conflict", undefined]);
  });

  it("knows of commits only what a transaction under way can be judged by", () => {
    const [ours, theirs] = [process(), process()];
    commit(ours.resolver, writing("a"));
    const old = ours.reads.hold(1n);
    commit(theirs.resolver, writing("b"));
    const young = ours.reads.hold(2n);
    commit(ours.resolver, writing("c"));
    ours.reads.release(old);
    commit(ours.resolver, writing("d"));
    expect(commit(ours.resolver, writing("x", { key: "c", version: young.version }))).to.equal("conflict");
    expect(commit(ours.resolver, writing("x", { key: "x", version: old.version }))).to.equal("too_old");
    ours.reads.release(young);
    commit(theirs.resolver, writing("e"));
    commit(ours.resolver, writing("f"));
    expect(commit(ours.resolver, writing("x", { key: "x", version: young.version }))).to.equal("too_old");
  });

  it("keeps commits in the log for as long as any process can ask for them, whoever made them", () => {
    const [ours, theirs] = [process(), process()];
    const logged = (): bigint[] => [...environment.log.getKeys()].map(decodeVersion);
    for (const { resolver } of [theirs, theirs, ours]) {
      commit(resolver, writing("a"));
    }
    clock.advance(9_000);
    commit(ours.resolver, writing("a"));
    expect(logged()).to.deep.equal([1n, 2n, 3n, 4n]);
    clock.advance(1_001);
    commit(ours.resolver, writing("a"));
    expect(logged()).to.deep.equal([4n, 5n]);
  });
});
