import type { Command } from "commander";
import type { Runner } from "../run.ts";
import { registerV1Import } from "./v1-import.ts";

/** `ferry v1 …`. */
export function registerV1(program: Command, runner: Runner): void {
  registerV1Import(program.command("v1").description("actors' databases as v1 has them"), runner);
}
