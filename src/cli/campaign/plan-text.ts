import { durationAt, type Plan } from "../../campaign/plan/plan.ts";
import { percentagesOf } from "../../campaign/progress/percentages.ts";
import { plural } from "../../campaign/plural.ts";
import { formatByteSize } from "../../config/byte-size.ts";
import { formatDuration } from "../../config/duration.ts";
import { OUTCOME_STATES } from "../../migration/outcome.ts";
import { tableLines } from "./table.ts";

/** A plan for people: what is expected, from what it is known, and how long it would take. */
export function planText(plan: Plan, workers: number): string[] {
  const { actors, bytes, examinedActors, examinedBytes } = plan;
  const isExact = examinedActors === actors;
  const { lowMs, highMs } = durationAt(plan, workers);
  const time = formatDuration(plan.elapsedMs);
  const shares = percentagesOf(plan.activityMs)
    .map(({ name, percent }) => `${name} ${percent} %`)
    .join(", ");
  return [
    `${plural(actors, "actor")}, ${formatByteSize(bytes)}`,
    isExact
      ? `all of them examined (${formatByteSize(examinedBytes)}): what follows is what a migration would find now`
      : `${examinedActors} of them examined (${formatByteSize(examinedBytes)}): what follows is scaled to all, by size class`,
    "",
    ...expectedLines(plan),
    "",
    `v2 storage    ${formatByteSize(plan.v2Bytes)}`,
    `transactions  ${plan.transactions}`,
    `duration      ${formatDuration(lowMs)} to ${formatDuration(highMs)} with ${workers} ${workers === 1 ? "worker" : "workers"} of ${plan.concurrency} slots`,
    "",
    `The duration is from this examination: ${time} on this machine, ${plan.concurrency} actors at once${shares === "" ? "" : ` (${shares})`}.`,
    "Writing was not measured; the upper end counts it as as much again. Actors that are awake now are counted as deferred.",
  ];
}

function expectedLines({ expected, byReason }: Plan): string[] {
  const rows = OUTCOME_STATES.flatMap((state) => {
    const { actors, bytes } = expected[state];
    const reasons = byReason.filter((line) => line.state === state);
    return actors === 0
      ? []
      : [
          [state, "", String(actors), formatByteSize(bytes)],
          ...reasons.map(({ reason, actors: count }) => ["", reason, String(count), ""]),
        ];
  });
  return tableLines(
    [{ title: "EXPECTED" }, { title: "REASON" }, { title: "ACTORS", right: true }, { title: "BYTES", right: true }],
    rows,
  );
}
