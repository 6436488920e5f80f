// Run by `helm test` in Ferry's image: node --input-type=module -e <this> <base URL>…
// Passes when each endpoint serves Ferry's metrics and is ready, within two minutes; says what it found.
const deadline = Date.now() + Number(process.env.CHECK_SECONDS ?? 120) * 1000;

async function problemOf(base) {
  const ready = await fetch(`${base}/readyz`, { signal: AbortSignal.timeout(5_000) });
  if (ready.status !== 200) {
    return `/readyz answers ${ready.status}: ${await ready.text()}`;
  }
  const metrics = await (await fetch(`${base}/metrics`, { signal: AbortSignal.timeout(5_000) })).text();
  return /^ferry_build_info\{/m.test(metrics) ? undefined : "/metrics has no ferry_build_info";
}

for (const base of process.argv.slice(1)) {
  for (;;) {
    const problem = await problemOf(base).catch((error) => `${error.message}: ${error.cause?.message ?? "no cause"}`);
    if (problem === undefined) {
      console.log(`${base}: ready, with metrics`);
      break;
    }
    if (Date.now() > deadline) {
      console.error(`${base}: ${problem}`);
      process.exit(1);
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}
