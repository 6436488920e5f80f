import { PassThrough } from "node:stream";
import { expect } from "chai";
import { Canvas } from "../../../src/cli/campaign/canvas.ts";
import { Output } from "../../../src/cli/output.ts";

describe("the canvas of the live view", () => {
  it("redraws in one write over the last frame, clearing only what is left of it", async () => {
    const stream = new PassThrough();
    const writes: string[] = [];
    stream.setEncoding("utf8").on("data", (text: string) => writes.push(text));
    const canvas = new Canvas(new Output(stream));
    await canvas.draw(["one", "two"]);
    await canvas.draw(["three"]);
    await canvas.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes.join("")).to.equal(
      "\u001b[?25lone\u001b[K\ntwo\u001b[K\n\u001b[J" + "\u001b[2Fthree\u001b[K\n\u001b[J" + "\u001b[?25h",
    );
  });

  it("draws no more lines than the terminal has, as it could not go back to them", async () => {
    const stream = Object.assign(new PassThrough({ encoding: "utf8" }), { rows: 3 });
    const canvas = new Canvas(new Output(stream));
    await canvas.draw(["one", "two", "three", "four"]);
    await canvas.draw(["five"]);
    expect(stream.read()).to.equal("\u001b[?25lone\u001b[K\ntwo\u001b[K\n\u001b[J" + "\u001b[2Ffive\u001b[K\n\u001b[J");
  });

  it("takes a terminal that does not say how large it is for one of unknown size, as one of kubectl exec at first", async () => {
    const stream = Object.assign(new PassThrough().setEncoding("utf8"), { isTTY: true, columns: 0, rows: 0 });
    const output = new Output(stream);
    expect([output.columns, output.rows]).to.deep.equal([undefined, undefined]);
    await new Canvas(output).draw(["first", "second"]);
    expect(stream.read()).to.match(/first.*\n.*second/);
  });
});
