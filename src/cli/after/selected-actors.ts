import { randomBytes } from "node:crypto";
import type { Command } from "commander";
import { IdList } from "../../campaign/actors/id-list.ts";
import { migratedActors } from "../../campaign/actors/migrated-actors.ts";
import { ledger } from "../../campaign/ledger/ledger.ts";
import { UsageError } from "../../errors.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import { inlineCodec } from "../../migration/codec/inline-codec.ts";
import type { MigrationContext } from "../../migration/context.ts";
import type { IntegrityChecker } from "../../migration/integrity/integrity-checker.ts";
import type { Store } from "../../store/store.ts";
import { parseIdArgument, readIdList } from "../ids.ts";
import type { Run } from "../run.ts";
import { targetOfCampaign } from "../targets/targets.ts";
import { targetOfActors } from "../targets/targets-of-actors.ts";

/** Flags that say which actors, beside ids as arguments. */
export interface SelectionFlags {
  readonly campaign?: string;
  readonly from?: string;
  /** The campaign's name once more, for what cannot be undone. */
  readonly confirm?: string;
}

/** Which actors a command is about: given or listed ones, or those that a campaign migrated. */
export type Selection =
  { readonly ids: IdList; readonly campaign?: undefined } | { readonly campaign: string; readonly ids?: undefined };

/** Adds the ways to say which actors. */
export function addSelection(command: Command): Command {
  return command
    .argument("[id...]", "actor ids")
    .option("--from <file>", "actors of a list, or - for standard input: one id per line, # begins a comment")
    .option("--campaign <name>", "all actors that a campaign migrated");
}

/** Reads which actors are meant. @throws UsageError unless it is said in exactly one way, or where a list has a line that is no id. */
export async function readSelection(
  run: Run,
  idTexts: readonly string[],
  { campaign, from, confirm }: SelectionFlags,
): Promise<Selection> {
  const ways = [idTexts.length > 0, from !== undefined, campaign !== undefined];
  if (ways.filter((isGiven) => isGiven).length !== 1) {
    throw new UsageError("Say which actors: their ids, --from FILE or --campaign NAME, and only one of these.");
  }
  if (campaign !== undefined) {
    return { campaign };
  }
  if (confirm !== undefined) {
    throw new UsageError("--confirm goes with --campaign.");
  }
  return { ids: from === undefined ? new IdList(idTexts.map(parseIdArgument)) : await readIdList(from, run) };
}

/** The actors of a selection. */
export function selectActors(store: Store, { ids, campaign }: Selection): AsyncIterable<ActorId> | IdList {
  return campaign === undefined ? ids : migratedActors(store, campaign);
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
        ? await targetOfActors(run.config, store, ids)
        : await targetOfCampaign(run.config, store, campaign),
    codec: inlineCodec,
    ledger,
    now: Date.now,
    randomBytes,
    observer: { enter: () => undefined },
    checkIntegrity: (image, mode, signal) => checker.check(image, mode, signal),
  };
}
