import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** `refused`: connections break and new ones do too. `silent`: they stay, and what is sent arrives when the cut is mended. */
export type Cut = "refused" | "silent";

/** A stretch of network that can be cut: passes connections to a port of this host on to another one. */
export class TcpProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #cut: Cut | undefined;

  static async start(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((near) => {
      this.#accept(near);
    });
  }

  /** As a Redis URL. */
  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") {
      throw new Error("the proxy does not listen");
    }
    return `redis://127.0.0.1:${address.port}`;
  }

  cut(how: Cut): void {
    this.#cut = how;
    for (const pair of this.#pairs) {
      pair.forEach((socket) => {
        if (how === "silent") {
          socket.pause();
        } else {
          socket.destroy();
        }
      });
    }
  }

  mend(): void {
    this.#cut = undefined;
    for (const pair of this.#pairs) {
      pair.forEach((socket) => {
        socket.resume();
      });
    }
  }

  async stop(): Promise<void> {
    this.cut("refused");
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(near: Socket): void {
    if (this.#cut === "refused") {
      near.destroy();
      return;
    }
    const far = connect(this.#targetPort, "127.0.0.1");
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on("data", (bytes) => {
        to.write(bytes);
      });
      // The other side's end is this side's; an error is always followed by the close.
      from.on("error", () => undefined);
      from.on("close", () => {
        to.destroy();
        this.#pairs.delete(pair);
      });
      if (this.#cut === "silent") {
        from.pause();
      }
    }
  }
}
