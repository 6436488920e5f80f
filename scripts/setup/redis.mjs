import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createServer, connect } from "node:net";
import { once } from "node:events";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Package managers that can give a Redis, and whether they need root. */
const MANAGERS = [
  {
    name: "apt-get",
    root: true,
    commands: [
      ["update", "-qq"],
      ["install", "-y", "-qq", "redis-server"],
    ],
  },
  { name: "apk", root: true, commands: [["add", "--quiet", "redis"]] },
  { name: "dnf", root: true, commands: [["install", "-y", "-q", "valkey"]] },
  { name: "brew", root: false, commands: [["install", "--quiet", "redis"]] },
];

/** Where redis-server or valkey-server is; installed with the system's package manager when it is nowhere and that is allowed. */
export function ensureRedis() {
  return findServer() ?? installServer() ?? giveUp();
}

/** A Redis on a free port of loopback that keeps its files in `folder`. */
export async function startRedis(binary, folder) {
  const port = await freePort();
  const child = spawn(
    binary,
    ["--bind", "127.0.0.1", "--port", String(port), "--dir", folder, "--save", "", "--maxmemory-policy", "noeviction"],
    { stdio: "ignore" },
  );
  for (let tries = 0; !(await accepts(port)); tries += 1) {
    if (child.exitCode !== null || tries > 200) {
      throw new Error(`${binary} does not start.`);
    }
    await sleep(50);
  }
  return { child, url: `redis://127.0.0.1:${port}` };
}

function findServer() {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of ["redis-server", "valkey-server"]) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  return undefined;
}

function installServer() {
  const isRoot = process.getuid?.() === 0;
  for (const { name, root, commands } of MANAGERS) {
    const isThere = spawnSync(name, ["--version"], { stdio: "ignore" }).error === undefined;
    if (!isThere || root !== isRoot) {
      continue;
    }
    process.stderr.write(`Installing Redis with ${name} …\n`);
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    for (const args of commands) {
      spawnSync(name, args, { stdio: ["ignore", 2, 2], env });
    }
    return findServer();
  }
  return undefined;
}

function giveUp() {
  process.stderr.write(
    "There is no redis-server or valkey-server on PATH, and it cannot be installed here. Install one of them first,\n" +
      "for example: sudo apt-get install redis-server, sudo dnf install valkey, brew install redis.\n",
  );
  process.exit(1);
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
