import { forEachEngine } from "../support/stores.ts";
import { describeStoreContract } from "./contract.ts";

describe("a store", () => {
  forEachEngine(describeStoreContract);
});
