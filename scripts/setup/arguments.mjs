/** Answers --help, and refuses what is no argument with status 2, before anything is begun. */
export function checkArguments(help, isArgument = () => false) {
  const isHelp = (arg) => arg === "--help" || arg === "-h";
  const args = process.argv.slice(2);
  const unknown = args.find((arg) => !isHelp(arg) && !isArgument(arg));
  if (unknown !== undefined) {
    process.stderr.write(`"${unknown}" cannot be used here; --help says what can.\n`);
    process.exit(2);
  }
  if (args.some(isHelp)) {
    process.stdout.write(`${help}\n`);
    process.exit(0);
  }
}

/** The same where arguments go to mocha, which takes any flag without a word: a slip of the pen would run everything. */
export async function checkMochaArguments(help) {
  const { isMochaFlag } = await import("mocha/lib/cli/run-option-metadata.cjs");
  checkArguments(help, (arg) => !arg.startsWith("-") || isMochaFlag(arg.replace(/=.*$/s, "").replace(/^--no-/, "--")));
}
