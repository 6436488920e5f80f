import type { ActorId } from "../../formats/actor-id.ts";
import type { EnqueueReport } from "../../queue/migration-queue.ts";
import type { Notes } from "../notes.ts";

/** Named in a message; the rest is counted. */
const NAMED = 10;

/** Remembers which requests met a job of the same actor, to tell the operator: they asked for something that was under way. */
export class HeldActors {
  readonly #held = {
    already_queued: { count: 0, ids: [] as ActorId[] },
    queued_after_active: { count: 0, ids: [] as ActorId[] },
  };

  add(results: EnqueueReport["results"]): void {
    for (const { actorId, answer } of results) {
      if (answer !== "enqueued") {
        const held = this.#held[answer];
        held.count += 1;
        if (held.ids.length < NAMED) {
          held.ids.push(actorId);
        }
      }
    }
  }

  say(notes: Notes): void {
    const { already_queued: queued, queued_after_active: active } = this.#held;
    sayOf(notes, queued, "queued already, and will be done as asked for now");
    sayOf(notes, active, "being worked on, and will be done again as asked for now");
  }
}

function sayOf(notes: Notes, { count, ids }: { count: number; ids: readonly ActorId[] }, what: string): void {
  if (count > 0) {
    const more = count > ids.length ? ` and ${count - ids.length} more` : "";
    notes.say(`${count} ${count === 1 ? "is" : "are"} ${what}: ${ids.join(" ")}${more}`);
  }
}
