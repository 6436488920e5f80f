import { setTimeout as sleep } from "node:timers/promises";
import { isOver } from "../../campaign/campaign.ts";
import { readView, type CampaignView } from "../../campaign/progress/view.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import { InterruptedError } from "../interrupted-error.ts";
import type { Run } from "../run.ts";
import { Canvas } from "./canvas.ts";
import { viewJson } from "./show.ts";
import { plainLine, watchLines } from "./watch-lines.ts";

const TERMINAL_EVERY_MS = 1_000;
const PLAIN_EVERY_MS = 5_000;
const DEFAULT_COLUMNS = 80;

/** `ferry campaign watch`: a live view on a terminal, a line every few seconds elsewhere, until the campaign is over or Ctrl-C. */
export async function watchOne(run: Run, name: string): Promise<ExitStatus> {
  const store = await run.openStore({ readOnly: true });
  const screen = screenOf(run);
  try {
    for (;;) {
      const view = await readView(store, name, Date.now());
      await screen.show(view);
      if (isOver(view.campaign)) {
        return EXIT.done;
      }
      await sleep(screen.everyMs, undefined, { signal: run.signal });
    }
  } catch (error) {
    if (!(run.signal.aborted && run.signal.reason instanceof InterruptedError)) {
      throw error;
    }
    await screen.end();
    run.notes.say(`No longer watching; campaign ${name} goes on. To stop it: ferry campaign pause ${name}`);
    return EXIT.done;
  } finally {
    await screen.end();
  }
}

/** Where views are shown. */
interface Screen {
  readonly everyMs: number;
  show(view: CampaignView): Promise<void>;
  end(): Promise<void>;
}

function screenOf(run: Run): Screen {
  const { output, environment, json } = run;
  const nothing = (): Promise<void> => Promise.resolve();
  if (json || !output.isTerminal || environment["TERM"] === "dumb") {
    return {
      everyMs: PLAIN_EVERY_MS,
      show: (view) => output.line(json ? viewJson(view) : plainLine(view)),
      end: nothing,
    };
  }
  const canvas = new Canvas(output);
  const color = (environment["NO_COLOR"] ?? "") === "";
  return {
    everyMs: TERMINAL_EVERY_MS,
    show: (view) => canvas.draw(watchLines(view, { columns: output.columns ?? DEFAULT_COLUMNS, color })),
    end: () => canvas.end(),
  };
}
