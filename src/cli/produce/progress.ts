import { Presets, SingleBar } from "cli-progress";
import type { Completion } from "../../campaign/enqueue/completion.ts";
import { formatDuration } from "../../config/duration.ts";
import type { Notes } from "../notes.ts";
import { Pace } from "./pace.ts";

/** A plain line every so often, where there is no terminal to draw on. */
const PLAIN_EVERY_MS = 5_000;

/** Shows how far a run is: a bar on a terminal, a line now and then elsewhere. Always on standard error. */
export interface Progress {
  /** `isOpen`: more actors are still being found, so the total is only what is known yet. */
  show(completion: Completion, isOpen: boolean): void;
  /** Shows the last state and gives the line back. */
  end(completion: Completion): void;
}

/** The progress that fits where standard error goes. */
export function makeProgress(notes: Notes): Progress {
  return notes.isTerminal ? new BarProgress(notes) : new PlainProgress(notes);
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #pace = new Pace();

  constructor(notes: Notes) {
    this.#bar = new SingleBar(
      {
        format: "{bar} {percentage}% {value}/{total}{open} {rest}",
        barsize: 24,
        stream: notes.stream,
        hideCursor: true,
        stopOnComplete: false,
        // Interrupts are the command's own affair.
        gracefulExit: false,
      },
      Presets.shades_classic,
    );
    this.#bar.start(0, 0, { open: "", rest: "" });
  }

  show(completion: Completion, isOpen: boolean): void {
    const done = doneOf(completion);
    this.#pace.sample(done);
    this.#bar.setTotal(completion.total);
    this.#bar.update(done, { open: isOpen ? "+" : "", rest: describeRest(completion, isOpen, this.#pace) });
  }

  end(completion: Completion): void {
    this.show(completion, false);
    this.#bar.stop();
  }
}

class PlainProgress implements Progress {
  readonly #notes: Notes;
  readonly #pace = new Pace();
  #saidAtMs = performance.now();

  constructor(notes: Notes) {
    this.#notes = notes;
  }

  show(completion: Completion, isOpen: boolean): void {
    this.#pace.sample(doneOf(completion));
    if (performance.now() - this.#saidAtMs >= PLAIN_EVERY_MS) {
      this.#say(completion, isOpen);
    }
  }

  end(completion: Completion): void {
    this.#pace.sample(doneOf(completion));
    this.#say(completion, false);
  }

  #say(completion: Completion, isOpen: boolean): void {
    this.#saidAtMs = performance.now();
    const open = isOpen ? " found so far" : "";
    const rest = describeRest(completion, isOpen, this.#pace);
    this.#notes.say(`${doneOf(completion)} of ${completion.total} actors${open} ${rest}`.trimEnd());
  }
}

/** Actors with a final outcome. */
function doneOf({ byState }: Completion): number {
  return byState.migrated + byState.skipped + byState.rejected + byState.failed;
}

function describeRest(completion: Completion, isOpen: boolean, pace: Pace): string {
  const { rejected, failed, deferred } = completion.byState;
  const remainingMs = pace.remainingMs(completion.pending);
  return [
    ...(rejected > 0 ? [`${rejected} rejected`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(deferred > 0 ? [`${deferred} deferred`] : []),
    ...(pace.perSecond > 0 ? [`${pace.perSecond.toFixed(pace.perSecond < 10 ? 1 : 0)}/s`] : []),
    // While actors are still being found nobody knows the end; without a pace neither.
    ...(isOpen || completion.pending === 0 || remainingMs === undefined ? [] : [`ETA ${formatDuration(remainingMs)}`]),
  ].join(", ");
}
