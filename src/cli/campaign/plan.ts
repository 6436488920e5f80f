import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { readCampaign } from "../../campaign/campaign-store.ts";
import {
  rolledBackBy,
  type Campaign,
  type CampaignFilters,
  type CampaignSource,
  type CampaignSpec,
} from "../../campaign/campaign.ts";
import { IdList } from "../../campaign/actors/id-list.ts";
import { ledger } from "../../campaign/ledger/ledger.ts";
import { actorsOfCampaign, actorsOfIds, actorsOfScan } from "../../campaign/plan/plan-actors.ts";
import { savePlan } from "../../campaign/plan/plan-row.ts";
import { durationAt, planCampaign } from "../../campaign/plan/plan.ts";
import { rejectedIds } from "../../campaign/rejects/rejects.ts";
import type { V1Actor } from "../../campaign/actors/v1-actors.ts";
import { UsageError } from "../../errors.ts";
import { inlineCodec } from "../../migration/codec/inline-codec.ts";
import type { MigrationContext } from "../../migration/context.ts";
import { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import type { Target } from "../../migration/targets/target.ts";
import type { Store } from "../../store/store.ts";
import { readIdList } from "../ids.ts";
import { migrationOptions } from "../migration-options.ts";
import type { Run } from "../run.ts";
import { campaignOptions, Targets, targetOfCampaign } from "../targets/targets.ts";
import { readCount, readPercent } from "./flag-values.ts";
import { assertWhole } from "./half-created.ts";
import { planText } from "./plan-text.ts";
import { hasSource, readSource, type SourceFlags } from "./spec-options.ts";

const DEFAULT_SAMPLE_PERCENT = 2;
const SAY_EVERY_MS = 5_000;
/** What a campaign comes to, and not what its first ten seconds do: only its jobs remember when they first saw a pool. */
const AHEAD = { takesPoolsForSettled: true } as const;

/** Flags of `ferry campaign plan`; here `sample` is how much is examined, not who takes part. */
export interface PlanFlags extends SourceFlags {
  readonly full?: boolean;
  readonly workers?: string;
  readonly save?: boolean;
}

/** Predicts what a campaign comes to; writes nothing, through a store that refuses to, except with --save when all is done. */
export async function planOne(run: Run, name: string | undefined, flags: PlanFlags): Promise<undefined> {
  const samplePercent = readSample(flags);
  const workers = flags.workers === undefined ? 1 : readCount("--workers", flags.workers);
  const what = await readWhat(run, name, flags);
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  const subject = await subjectOf(run, store, what);
  const integrity = new IntegrityChecker({ workers: Math.min(run.config.concurrency, availableParallelism()) });
  const context: Omit<MigrationContext, "observer"> = {
    store,
    target: subject.target,
    codec: inlineCodec,
    ledger,
    now: Date.now,
    randomBytes,
    checkIntegrity: (image, mode, signal) => integrity.check(image, mode, signal),
  };
  let saidAtMs = performance.now();
  const plan = await planCampaign(subject.actors, {
    context,
    migration: { ...migrationOptions(run.config, subject.options), ...rolledBackBy(subject.source) },
    samplePercent,
    concurrency: run.config.concurrency,
    signal: run.signal,
    clock: () => performance.now(),
    onProgress: (examined, found) => {
      if (performance.now() - saidAtMs >= SAY_EVERY_MS) {
        saidAtMs = performance.now();
        run.notes.say(`${examined} actors examined, ${found} found so far`);
      }
    },
  }).finally(() => integrity.close());
  const duration = durationAt(plan, workers);
  await run.output.lines(run.json ? [JSON.stringify({ name, ...plan, workers, duration })] : planText(plan, workers));
  if (flags.save === true && name !== undefined) {
    await savePlan(await run.openStore(), name, plan);
    run.notes.say(`Kept with campaign ${name}: its report will compare.`);
  }
}

/** What is planned: a campaign that was created, or one that could be. */
type What =
  | { readonly kind: "campaign"; readonly name: string; readonly save: boolean }
  | {
      readonly kind: "source";
      readonly spec: Pick<CampaignSpec, "source" | "filters">;
      readonly ids: IdList;
    };

async function readWhat(run: Run, name: string | undefined, flags: PlanFlags): Promise<What> {
  if (name !== undefined) {
    const filters = [flags.label, flags.minBytes, flags.maxBytes, flags.reason];
    if (hasSource(flags) || filters.some((filter) => filter !== undefined)) {
      throw new UsageError("A campaign that was created has its source and filters: leave those flags out.");
    }
    return { kind: "campaign", name, save: flags.save === true };
  }
  if (flags.save === true) {
    throw new UsageError("--save keeps a plan with a campaign: name one that was created.");
  }
  const spec = await readSource({ ...flags, sample: undefined });
  const ids = flags.from === undefined ? new IdList() : await readIdList(flags.from, run);
  return { kind: "source", spec, ids };
}

interface Subject {
  readonly source: CampaignSource;
  readonly actors: AsyncIterable<V1Actor>;
  readonly options: Campaign["spec"]["options"];
  readonly target: Target;
}

async function subjectOf(run: Run, store: Store, what: What): Promise<Subject> {
  if (what.kind === "campaign") {
    const campaign = await store.transact(async (tx) => readCampaign(tx, what.name), { label: "campaign" });
    assertPlannable(campaign, what.save);
    const target = await targetOfCampaign(run.config, store, what.name, AHEAD);
    const { source, options } = campaign.spec;
    return { source, actors: actorsOfCampaign(store, campaign), options, target };
  }
  const options = await campaignOptions(run.config, store);
  const target = await new Targets(run.config, store, Date.now, AHEAD).of(options);
  return { source: what.spec.source, actors: actorsOf(store, what.spec, what.ids), options, target };
}

/** A plan is of the actors that wait, so it says something of the whole campaign only before it starts. */
function assertPlannable(campaign: Campaign, save: boolean): void {
  const { name, state, startedAtMs } = campaign;
  if (state === "completed") {
    throw new UsageError(`Campaign "${name}" is completed: nothing is left to plan.`);
  }
  if (state === "cancelled") {
    throw new UsageError(
      `Campaign "${name}" is cancelled: nothing of it will be migrated, and nothing is left to plan.`,
    );
  }
  assertWhole(campaign);
  if (save && startedAtMs !== undefined) {
    throw new UsageError(
      `Campaign "${name}" was started already, and its report could not be compared with a plan of what is left: leave --save out.`,
    );
  }
}

function actorsOf(
  store: Store,
  { source, filters }: { source: CampaignSpec["source"]; filters: CampaignFilters },
  ids: IdList,
): AsyncIterable<V1Actor> {
  switch (source.kind) {
    case "scan":
      return actorsOfScan(store, filters);
    case "list":
      return actorsOfIds(store, ids, filters);
    case "rejected":
      return actorsOfIds(store, rejectedIds(store, source.reason), filters);
  }
}

function readSample({ sample, full }: PlanFlags): number {
  if (full === true && sample !== undefined) {
    throw new UsageError("--full examines every actor: leave --sample out.");
  }
  return full === true ? 100 : sample === undefined ? DEFAULT_SAMPLE_PERCENT : readPercent("--sample", sample);
}
