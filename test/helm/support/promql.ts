/** The part of prom-client's registry that the tests use. */
interface Registry {
  getMetricsAsArray(): readonly { readonly name: string; readonly type: unknown }[];
  metrics(): Promise<string>;
}

/** Names of series that a scrape of the registry shows, with the labels they may have. */
export async function exportedSeries(registry: Registry): Promise<ReadonlyMap<string, readonly string[]>> {
  const exported = new Map<string, readonly string[]>();
  for (const metric of registry.getMetricsAsArray()) {
    const { name, type, labelNames = [] } = metric as { name: string; type: string; labelNames?: readonly string[] };
    for (const suffix of type === "histogram" || type === "summary" ? ["_bucket", "_sum", "_count"] : [""]) {
      exported.set(`${name}${suffix}`, labelNames);
    }
  }
  // Some of Node's own name their labels only when they are scraped.
  for (const [, name = "", labels = ""] of (await registry.metrics()).matchAll(/^([a-z_]\w*)(?:\{(.*)\})? /gim)) {
    const seen = [...labels.matchAll(/(\w+)="/g)].map(([, label = ""]) => label);
    exported.set(name, [...new Set([...(exported.get(name) ?? []), ...seen])]);
  }
  return exported;
}

/** Names of series in a query: what Ferry, the engine or Node's runtime call theirs. */
export function seriesIn(query: string): string[] {
  return [...query.matchAll(/\b(?:ferry|pegboard|process|nodejs)_\w+\b(?!\s*=)/g)].map(([name]) => name);
}

/** Labels that a query selects or groups by. */
export function labelsIn(query: string): string[] {
  const matchers = [...query.matchAll(/\{([^}]*)\}/g)].flatMap(([, inner = ""]) =>
    [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
  );
  const groups = [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, inner = ""]) => inner.split(/,\s*/));
  return [...matchers, ...groups];
}
