import type { Sample } from "../progress/samples.ts";

/** How many points a series has at most: more do not fit a chart. */
const POINTS = 240;

/** A campaign over a stretch of time: averages of it. */
export interface SeriesPoint {
  /** The stretch's end. */
  readonly atMs: number;
  readonly actorsPerSecond: number;
  readonly bytesPerSecond: number;
  /** Of the actors that ended in it, those rejected or failed. */
  readonly badPerSecond: number;
  readonly inFlight: number;
  readonly deferred: number;
  /** Actors done at its end. */
  readonly done: number;
}

/** Folds samples, in order, into a bounded number of points between two times. */
export class Series {
  readonly #stretchMs: number;
  readonly #points: SeriesPoint[] = [];
  /** The sample that ended the last point. */
  #before: Sample | undefined;
  #part: Sample[] = [];

  constructor(fromMs: number, toMs: number) {
    this.#stretchMs = Math.max(1, (toMs - fromMs) / POINTS);
  }

  add(sample: Sample): void {
    if (this.#before === undefined) {
      this.#before = sample;
      return;
    }
    this.#part.push(sample);
    if (sample.atMs - this.#before.atMs >= this.#stretchMs) {
      this.#close();
    }
  }

  /** All points; call it last. */
  end(): readonly SeriesPoint[] {
    this.#close();
    return this.#points;
  }

  #close(): void {
    const [before, last] = [this.#before, this.#part.at(-1)];
    if (before === undefined || last === undefined || last.atMs <= before.atMs) {
      return;
    }
    const seconds = (last.atMs - before.atMs) / 1000;
    const mean = (of: (sample: Sample) => number): number =>
      this.#part.reduce((sum, sample) => sum + of(sample), 0) / this.#part.length;
    this.#points.push({
      atMs: last.atMs,
      actorsPerSecond: Math.max(0, last.done - before.done) / seconds,
      bytesPerSecond: Math.max(0, last.bytes - before.bytes) / seconds,
      badPerSecond: Math.max(0, last.bad - before.bad) / seconds,
      inFlight: mean((sample) => sample.open),
      deferred: mean((sample) => sample.later),
      done: last.done,
    });
    this.#before = last;
    this.#part = [];
  }
}
