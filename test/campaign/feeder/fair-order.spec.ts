import { expect } from "chai";
import { FairOrder } from "../../../src/campaign/feeder/fair-order.ts";

/** Campaigns that always have more, each with its window of waiting actors, and a queue that serves the lowest turn first. */
class Fleet {
  readonly order = new FairOrder();
  readonly served: string[] = [];
  readonly #windows = new Map<string, number>();
  #waiting: { campaign: string; turn: number; fedAt: number }[] = [];
  #lastTurn: number | undefined;
  /** The longest that an actor waited, in actors served meanwhile, by campaign. */
  readonly longest = new Map<string, number>();

  add(campaign: string, window: number): void {
    this.#windows.set(campaign, window);
  }

  /** Fills the windows, then serves one actor. */
  step(): void {
    for (const [campaign, window] of this.#windows) {
      const open = this.#waiting.filter((actor) => actor.campaign === campaign).length;
      this.order.observe(this.#turn());
      const turnOf = this.order.take(campaign, window - open, open);
      for (let index = 0; index < window - open; index += 1) {
        this.#waiting.push({ campaign, turn: turnOf(index), fedAt: this.served.length });
        this.#lastTurn = Math.max(this.#lastTurn ?? 0, turnOf(index));
      }
    }
    const next = this.#waiting.reduce((a, b) => (b.turn < a.turn ? b : a));
    this.#waiting = this.#waiting.filter((actor) => actor !== next);
    this.served.push(next.campaign);
    const waited = this.served.length - next.fedAt;
    this.longest.set(next.campaign, Math.max(this.longest.get(next.campaign) ?? 0, waited));
  }

  run(steps: number): Record<string, number> {
    const before = this.served.length;
    for (let step = 0; step < steps; step += 1) {
      this.step();
    }
    const counts: Record<string, number> = {};
    for (const campaign of this.served.slice(before)) {
      counts[campaign] = (counts[campaign] ?? 0) + 1;
    }
    return counts;
  }

  #turn(): number | undefined {
    return this.#waiting.length === 0 ? this.#lastTurn : Math.min(...this.#waiting.map(({ turn }) => turn));
  }
}

describe("turns of campaigns", () => {
  let fleet: Fleet;
  beforeEach(() => {
    fleet = new Fleet();
  });

  it("are equal in number, however long the windows are", () => {
    fleet.add("wide", 100);
    fleet.add("narrow", 1);
    fleet.add("middling", 10);
    fleet.run(30);
    const counts = fleet.run(300);
    expect([counts["wide"], counts["middling"], counts["narrow"]]).to.deep.equal([100, 100, 100]);
  });

  it("leave no actor waiting for longer than its window times the campaigns", () => {
    fleet.add("wide", 50);
    fleet.add("narrow", 1);
    fleet.run(500);
    expect(fleet.longest.get("wide")).to.be.at.most(2 * 50 + 1);
    expect(fleet.longest.get("narrow")).to.be.at.most(2);
  });

  it("begin now for a campaign that comes late, which neither waits for the others nor makes up for the past", () => {
    fleet.add("first", 100);
    fleet.run(1_000);
    fleet.add("late", 100);
    const counts = fleet.run(40);
    expect([counts["first"], counts["late"]]).to.deep.equal([20, 20]);
  });

  it("go on behind those that another feeder gave", () => {
    fleet.order.observe(500);
    expect(fleet.order.take("taken-over", 2, 30)(1)).to.equal(531);
    expect(fleet.order.take("new", 2, 0)(1)).to.equal(501);
  });

  it("begin again at 1 for all when the queue has forgotten them", () => {
    fleet.order.observe(500);
    fleet.order.take("spring", 10, 0);
    fleet.order.observe(undefined);
    expect(fleet.order.take("spring", 1, 10)(0)).to.equal(1);
    expect(fleet.order.take("summer", 1, 0)(0)).to.equal(1);
  });

  it("sort campaigns by who has had the fewest", () => {
    fleet.order.take("much", 10, 0);
    fleet.order.take("little", 2, 0);
    const names = fleet.order.sorted([{ name: "much" }, { name: "little" }, { name: "none" }]).map(({ name }) => name);
    expect(names).to.deep.equal(["none", "little", "much"]);
  });

  it("are moved back long before the queue's numbers run out, and stay in their order", () => {
    const { order } = fleet;
    order.observe(1_000_000);
    expect(order.rebaseBy).to.equal(0);
    order.observe(1_100_000);
    order.take("spring", 7, 0);
    expect(order.rebaseBy).to.equal(1_099_999);
    order.rebase(order.rebaseBy);
    expect(order.rebaseBy).to.equal(0);
    expect(order.take("spring", 1, 0)(0)).to.equal(8);
    expect(order.take("summer", 1, 0)(0)).to.equal(1);
  });

  it("are never more than the queue takes", () => {
    fleet.order.observe(1_000_000);
    expect(fleet.order.take("vast", 3_000_000, 0)(2_999_999)).to.equal(2 ** 21);
  });

  it("do not go back to that of an actor that is tried again", () => {
    const { order } = fleet;
    order.observe(50);
    order.observe(10);
    expect(order.take("new", 1, 0)(0)).to.equal(50);
  });
});
