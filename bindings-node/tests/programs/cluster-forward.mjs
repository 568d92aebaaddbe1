// A primary and two cluster workers that all send to one collector, by the environment alone: one worker is killed.

import cluster from "node:cluster";
import { once } from "node:events";

import { init, security } from "veribus";

const bus = init({ service: "case", capacity: 20_000 });
const mark = cluster.isPrimary ? "primary" : `worker${cluster.worker.id}`;
for (let n = 0; n < 50; n++) {
  bus.publish(security("e", { target: `${mark}-${n}` }));
}
if (cluster.isPrimary) {
  const workers = [cluster.fork(), cluster.fork()];
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const ends = workers.map((worker) => once(worker, "exit"));
  workers[0].process.kill("SIGKILL");
  workers[1].send("end");
  const [[, signal], [code]] = await Promise.all(ends);
  await bus.close({ timeoutMs: 3000 });
  console.log(signal, code);
} else {
  await bus.publishConfirmed(security("e", { target: `sure${cluster.worker.id}-0` }), { timeoutMs: 10_000 });
  process.send("sure");
  process.on("message", async () => {
    await bus.close({ timeoutMs: 3000 });
    process.exit(0);
  });
}
