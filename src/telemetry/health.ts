import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

import { UnavailableError } from "../errors.ts";
import { Readiness, type ReadinessOptions } from "./readiness.ts";

/** Where to listen, and what to say. */
export interface HealthOptions extends ReadinessOptions {
  /** Default 127.0.0.1: metrics name campaigns, so they are not for everyone. */
  readonly host?: string;
  /** 0: any free one, see `HealthServer.port`. */
  readonly port: number;
  /** The text of `/metrics` and its content type. */
  readonly metrics: { metrics(): Promise<string>; readonly contentType: string };
  readonly isDraining: () => boolean;
}

/**
 * `/metrics` for Prometheus; `/healthz`: this process answers, so its event loop is alive; `/readyz`: it is of use, 200 or 503, with a JSON
 * body that says which check fails.
 */
export class HealthServer {
  /** The real port. */
  readonly port: number;
  readonly #server: Server;
  readonly #readiness: Readiness;

  /** @throws UnavailableError `port_unavailable` when the port cannot be had. */
  static async start(options: HealthOptions): Promise<HealthServer> {
    const readiness = new Readiness(options);
    const server = createServer((request, response) => {
      answer(request, response, options, readiness).catch(() => {
        response.destroy();
      });
    });
    const host = options.host ?? "127.0.0.1";
    try {
      server.listen(options.port, host);
      await once(server, "listening");
    } catch (cause) {
      readiness.close();
      throw new UnavailableError(
        "port_unavailable",
        `Metrics cannot be served on ${host}:${options.port} (${codeOf(cause)}): choose another port.`,
        { cause },
      );
    }
    const address = server.address();
    return new HealthServer(server, readiness, typeof address === "object" && address !== null ? address.port : 0);
  }

  private constructor(server: Server, readiness: Readiness, port: number) {
    this.#server = server;
    this.#readiness = readiness;
    this.port = port;
  }

  /** Stops listening and drops open connections; idempotent. */
  async close(): Promise<void> {
    this.#readiness.close();
    if (this.#server.listening) {
      const closed = once(this.#server, "close");
      this.#server.close();
      this.#server.closeAllConnections();
      await closed;
    }
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: HealthOptions,
  readiness: Readiness,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    send(response, 405, "text/plain", "Only GET and HEAD.\n");
    return;
  }
  switch (new URL(request.url ?? "/", "http://localhost").pathname) {
    case "/metrics":
      send(response, 200, options.metrics.contentType, await options.metrics.metrics());
      return;
    case "/healthz":
      send(response, 200, "text/plain", "ok\n");
      return;
    case "/readyz": {
      const draining = options.isDraining();
      const checks = readiness.states();
      const ready = !draining && Object.values(checks).every((check) => check.ready);
      send(response, ready ? 200 : 503, "application/json", `${JSON.stringify({ ready, draining, checks })}\n`);
      return;
    }
    default:
      send(response, 404, "text/plain", "There are /metrics, /healthz and /readyz.\n");
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) });
  response.end(response.req.method === "HEAD" ? undefined : body);
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
