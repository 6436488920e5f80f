import { isDeepStrictEqual } from "node:util";
import { UsageError } from "../errors.ts";
import { prefixRange } from "../formats/bytes.ts";
import { readRows } from "../store/read-rows.ts";
import type { ReadOptions, Store, Transaction } from "../store/store.ts";
import {
  assertCampaignName,
  type Campaign,
  type CampaignSettings,
  type CampaignSpec,
  type CampaignState,
} from "./campaign.ts";
import { campaignKey, CAMPAIGNS, historyKey, historyPrefix } from "./campaign-keys.ts";
import { decodeJson, encodeJson } from "./json-row.ts";

/** Who asks for a change, and why. */
export interface Author {
  readonly who: string;
  readonly reason?: string;
}

/** One line of a campaign's history. */
export interface HistoryEntry {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
  readonly reason?: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Reads a campaign, or undefined; serializably unless asked otherwise. */
export async function findCampaign(
  tx: Transaction,
  name: string,
  options?: ReadOptions,
): Promise<Campaign | undefined> {
  const row = await tx.get(campaignKey(name), options);
  return row === undefined ? undefined : (decodeJson(row) as Campaign);
}

/** Reads a campaign again; undefined where it was deleted meanwhile, also where another has its name now. */
export async function findAgain(
  tx: Transaction,
  { name, createdAtMs }: Pick<Campaign, "name" | "createdAtMs">,
  options?: ReadOptions,
): Promise<Campaign | undefined> {
  const current = await findCampaign(tx, name, options);
  return current?.createdAtMs === createdAtMs ? current : undefined;
}

/** @throws UsageError when there is none of this name. */
export async function readCampaign(tx: Transaction, name: string): Promise<Campaign> {
  const campaign = await findCampaign(tx, name);
  if (campaign === undefined) {
    throw new UsageError(`There is no campaign "${name}"; ferry campaign list shows those there are.`);
  }
  return campaign;
}

export function writeCampaign(tx: Transaction, campaign: Campaign): void {
  tx.set(campaignKey(campaign.name), encodeJson(campaign));
}

export async function listCampaigns(store: Store): Promise<Campaign[]> {
  return store.transact(readCampaigns, { label: "campaign" });
}

/** All campaigns, by name. */
export async function readCampaigns(tx: Transaction): Promise<Campaign[]> {
  const rows = await readRows(tx, prefixRange(CAMPAIGNS), { snapshot: true });
  return rows.map(({ value }) => decodeJson(value) as Campaign);
}

/** What came of creating a campaign: `already`: it was there, with the very same specification, and stays as it is. */
export interface Creation {
  readonly result: "created" | "already";
  readonly campaign: Campaign;
}

/**
 * Creates a campaign in state `created`. Asked again for the same it finds it: who was stopped half way may repeat the command.
 * @throws UsageError when the name is malformed, or another specification has it.
 */
export async function createCampaign(
  store: Store,
  campaign: { name: string; spec: CampaignSpec; settings: CampaignSettings },
  author: Author,
  nowMs: number,
): Promise<Creation> {
  const { name, spec, settings } = campaign;
  assertCampaignName(name);
  return store.transact(
    async (tx) => {
      const existing = await findCampaign(tx, name);
      if (existing !== undefined && !isDeepStrictEqual(existing.spec, spec)) {
        throw new UsageError(
          `A campaign "${name}" exists already, ${existing.state}, with another specification; choose another name.`,
        );
      }
      if (existing !== undefined) {
        // A commit whose result was unknown did happen, if it is of this moment.
        return { result: existing.createdAtMs === nowMs ? "created" : "already", campaign: existing };
      }
      const created: Campaign = {
        name,
        spec,
        settings,
        state: "created",
        stateSinceMs: nowMs,
        createdAtMs: nowMs,
        createdBy: author.who,
        // A list is complete once its ids were added, which `create` does itself.
        scanFinished: false,
        breakerBase: { finished: 0, bad: 0 },
      };
      writeCampaign(tx, created);
      addHistory(tx, name, { atMs: nowMs, what: "create", after: { spec, settings }, ...author });
      return { result: "created", campaign: created };
    },
    { label: "campaign" },
  );
}

/** Changes a campaign's state in this transaction, and says so in its history. */
export function setState(
  tx: Transaction,
  campaign: Campaign,
  change: { state: CampaignState; what: string; nowMs: number; patch?: Partial<Campaign> },
  author: Author,
): Campaign {
  const { stateReason: _, breakerTripped: __, ...rest } = campaign;
  const changed: Campaign = {
    ...rest,
    ...change.patch,
    state: change.state,
    stateSinceMs: change.nowMs,
    ...(author.reason === undefined ? {} : { stateReason: author.reason }),
  };
  writeCampaign(tx, changed);
  addHistory(tx, campaign.name, {
    atMs: change.nowMs,
    what: change.what,
    before: campaign.state,
    after: change.state,
    ...author,
  });
  return changed;
}

export function addHistory(tx: Transaction, name: string, entry: HistoryEntry, place = historyPlace()): void {
  tx.set(historyKey(name, entry.atMs, place), encodeJson(entry));
}

/**
 * The same in a body that finds, after a commit whose result was unknown, the change made, and would tell of one that changed nothing: the entry
 * that is there stays. `place`: the same each time that the body runs.
 */
export async function addHistoryOnce(tx: Transaction, name: string, entry: HistoryEntry, place: number): Promise<void> {
  if ((await tx.get(historyKey(name, entry.atMs, place))) === undefined) {
    addHistory(tx, name, entry, place);
  }
}

/** Two changes in one millisecond are two rows: the number only keeps them apart. */
export function historyPlace(): number {
  return Math.floor(Math.random() * 1_000_000);
}

/** Adds what changes nothing of the campaign itself to its history; nothing where it was deleted meanwhile. */
export async function noteInHistory(
  store: Store,
  campaign: Pick<Campaign, "name" | "createdAtMs">,
  entry: HistoryEntry,
): Promise<void> {
  // The same each time that the body runs: a commit whose result was unknown must not become two entries.
  const place = historyPlace();
  await store.transact(
    async (tx) => {
      if ((await findAgain(tx, campaign)) !== undefined) {
        addHistory(tx, campaign.name, entry, place);
      }
    },
    { label: "campaign" },
  );
}

export async function readCampaignHistory(store: Store, name: string): Promise<HistoryEntry[]> {
  return store.transact(
    async (tx) => {
      await readCampaign(tx, name);
      const rows = await readRows(tx, prefixRange(historyPrefix(name)), { snapshot: true });
      return rows.map(({ value }) => decodeJson(value) as HistoryEntry);
    },
    { label: "campaign" },
  );
}
