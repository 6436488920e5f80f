import { bytesOf, type Row } from "./v1-actors.ts";

/** A row in v2's older form, by which a cluster that holds it is told. */
export const STORAGE_ROW: Row = {
  key: bytesOf(Buffer.from("1415030273716c6974652d73746f7261676500", "hex"), 2, "x"),
  value: bytesOf(0),
};
