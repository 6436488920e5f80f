import { expect } from "chai";
import { isFlat, quarters } from "../../bench/flat.ts";

describe("the check of memory in the campaign of a million", () => {
  it("takes the most of each quarter of the time", () => {
    expect(quarters([1, 5, 2, 3, 9, 8, 4, 4])).to.deep.equal([5, 3, 9, 4]);
  });

  it("calls a rise of more than 30 % a leak, in the third quarter as in the last, but not in the first", () => {
    expect(isFlat([10, 100, 130, 130])).to.equal(true);
    expect(isFlat([10, 100, 131, 100])).to.equal(false);
    expect(isFlat([10, 100, 100, 131])).to.equal(false);
    expect(isFlat([180, 120, 110, 100])).to.equal(true);
  });

  it("allows a few MiB more where 30 % are next to nothing", () => {
    expect(isFlat([9, 9, 17, 12])).to.equal(true);
    expect(isFlat([9, 9, 12, 18])).to.equal(false);
  });
});
