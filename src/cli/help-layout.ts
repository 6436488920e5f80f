import { Help, type HelpConfiguration } from "commander";
import { wrapped } from "./wrap-prose.ts";

/** Columns that a description needs beside what it describes. */
const LEAST_BESIDE = 24;
const TERM_INDENT = "  ";
const BELOW_INDENT = "      ";

/** Commander's help, where it leaves descriptions unwrapped in narrow terminals: there they go below what they describe. */
export const HELP_LAYOUT: HelpConfiguration = {
  showGlobalOptions: true,
  minWidthToWrap: LEAST_BESIDE,
  formatItem(term, termWidth, description, helper) {
    const columns = helper.helpWidth ?? Infinity;
    const beside = columns - TERM_INDENT.length - termWidth - "  ".length;
    if (description === "" || beside >= LEAST_BESIDE) {
      return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
    }
    const lines = wrapped(description.split(" "), columns - BELOW_INDENT.length);
    return [TERM_INDENT + term, ...lines.map((line) => BELOW_INDENT + line)].join("\n");
  },
};
