import { ledger } from "../../campaign/ledger.ts";
import { migratedActors } from "../../campaign/migrated-actors.ts";
import { randomBytes } from "node:crypto";
import { UsageError } from "../../errors.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import { inlineCodec } from "../../migration/codec/inline-codec.ts";
import type { MigrationContext } from "../../migration/context.ts";
import type { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import type { Store } from "../../store/store.ts";
import { ask, canBeAsked } from "../ask.ts";
import { parseIdArgument } from "../ids.ts";
import type { Run } from "../run.ts";
import { targetOfCampaign } from "../targets.ts";
import { targetOfActors } from "../targets-of-actors.ts";

/** Which actors a command is about: given ones, or those that a campaign migrated. */
export interface Selection {
  readonly ids: readonly string[];
  readonly campaign?: string | undefined;
}

/** @throws UsageError unless ids or a campaign are given, and not both. */
export function selectActors(store: Store, { ids, campaign }: Selection): AsyncIterable<ActorId> | ActorId[] {
  if (ids.length > 0 === (campaign !== undefined)) {
    throw new UsageError("Say which actors: their ids, or --campaign NAME, and not both.");
  }
  return campaign === undefined ? ids.map(parseIdArgument) : migratedActors(store, campaign);
}

/** What work on migrated actors needs, outside of a queue; of the actors' own target. @throws UsageError */
export async function commandContext(
  run: Run,
  store: Store,
  { ids, campaign }: Selection,
  checker: IntegrityChecker,
): Promise<MigrationContext> {
  return {
    store,
    target:
      campaign === undefined
        ? await targetOfActors(run.config, store, ids.map(parseIdArgument))
        : await targetOfCampaign(run.config, store, campaign),
    codec: inlineCodec,
    ledger,
    now: Date.now,
    randomBytes,
    observer: { enter: () => undefined },
    checkIntegrity: (image, mode, signal) => checker.check(image, mode, signal),
  };
}

/**
 * Has an operator confirm what cannot be undone by typing a name: at the terminal, or with `--confirm NAME` elsewhere.
 * @throws UsageError when the name is not given.
 */
export async function confirmName(run: Run, name: string, given: string | undefined, question: string): Promise<void> {
  const asked = given ?? (canBeAsked(run) ? await ask(run, `${question} Type ${name} to go on: `) : undefined);
  if (asked === undefined) {
    throw new UsageError(`${question} Confirm with --confirm ${name}.`);
  }
  if (asked.trim() !== name) {
    throw new UsageError(`That is not "${name}": nothing was done.`);
  }
}
