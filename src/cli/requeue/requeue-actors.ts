import type { Outcome } from "../../migration/outcome.ts";
import type { RequestOccasion, RequestOptions } from "../../queue/migration-request.ts";
import type { Store } from "../../store/store.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { produce, produceAndWait, type Production } from "../produce/produce.ts";
import type { Run } from "../run.ts";
import { CanarySource } from "./canary-source.ts";
import { HeldActors } from "./held-actors.ts";

/** What is asked again, and how. */
export interface RequeueWork {
  readonly store: Store;
  readonly outcomes: AsyncIterable<Outcome>;
  /** Options of these jobs alone. */
  readonly options: RequestOptions;
  /** Options of the job of an actor of which the ledger says `previous`, where `options` does not say them. */
  readonly otherwise: (previous: Outcome | undefined) => Promise<RequestOptions>;
  /** On behalf of these campaigns, where they left the actors: those whose target the jobs have. */
  readonly campaigns: ReadonlySet<string>;
  /** So many go first; the rest only when all of them migrated. 0: no canaries. */
  readonly canary: number;
  readonly wait: boolean;
}

/** Puts the actors on the queue, canaries first, and says which were there already. */
export async function requeueActors(
  run: Run,
  { store, outcomes, options, otherwise, campaigns, canary, wait }: RequeueWork,
): Promise<ExitStatus> {
  const source = new CanarySource(outcomes);
  const held = new HeldActors();
  const production: Omit<Production, "source"> = {
    ...{ store, options, otherwise, force: true, window: run.config.window, wait },
    occasionOf: (previous) => occasionOf(previous, campaigns),
    onAnswers: (results) => {
      held.add(results);
    },
  };
  try {
    if (canary > 0 && !(await canariesMigrate(run, { ...production, source: source.take(canary) }))) {
      return EXIT.rejected;
    }
    return await produce(run, { ...production, source: source.take() });
  } finally {
    held.say(run.notes);
  }
}

function occasionOf(previous: Outcome | undefined, campaigns: ReadonlySet<string>): RequestOccasion {
  const campaign = previous?.campaign;
  return campaign !== undefined && campaigns.has(campaign) ? { onBehalfOf: campaign } : {};
}

/** Sends the canaries, waits for them, and says whether the rest may follow. */
async function canariesMigrate(run: Run, production: Production): Promise<boolean> {
  const { migrated, pending, ...others } = await produceAndWait(run, production);
  const rest = pending + others.skipped + others.rejected + others.deferred + others.failed;
  run.notes.say(
    rest === 0
      ? `${migrated} of ${migrated} canaries migrated; the rest follows.`
      : `${rest} of ${migrated + rest} canaries did not migrate, so the rest was not requeued.`,
  );
  return rest === 0;
}
