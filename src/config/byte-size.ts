const UNITS = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const;
const BINARY = ["GiB", "MiB", "KiB"] as const;

/** Bytes of a size such as `64MiB`, `10GB` or `4096`; undefined when it is none. Units are exact: MB is a million, MiB 1,048,576. */
export function parseByteSize(text: string): number | undefined {
  const [, number, unit = "B"] = /^(\d+(?:\.\d+)?)\s?(B|KB|MB|GB|KiB|MiB|GiB|TiB)?$/.exec(text) ?? [];
  if (number === undefined) {
    return undefined;
  }
  const bytes = Math.round(Number(number) * UNITS[unit as keyof typeof UNITS]);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** A size for people, e.g. `30.0 MiB`, `812 B`. */
export function formatByteSize(bytes: number): string {
  for (const unit of BINARY) {
    if (bytes >= UNITS[unit]) {
      return `${(bytes / UNITS[unit]).toFixed(1)} ${unit}`;
    }
  }
  return `${bytes} B`;
}
