// Two cluster workers and their primary, each with a bus: one worker is killed, the other closes its bus.

import cluster from "node:cluster";
import { once } from "node:events";

import { authentication, VerificationEventBus } from "veribus";

const bus = new VerificationEventBus(1000);
let given = 0;
bus.registerHandler((events) => void (given += events.length));
if (cluster.isPrimary) {
  const workers = [cluster.fork(), cluster.fork()];
  const instances = await Promise.all(workers.map(async (worker) => (await once(worker, "message"))[0]));
  console.log("instances", new Set([...instances, bus.instanceId]).size);
  workers[0].process.kill("SIGKILL");
  await once(workers[0], "exit");
  bus.publish(authentication("primary"));
  workers[1].send("end");
  console.log("worker", (await once(workers[1], "exit"))[0]);
  await bus.close();
  console.log("primary", given);
} else {
  for (let n = 0; n < 100; n++) {
    bus.publish(authentication("worker"));
  }
  process.send(bus.instanceId);
  process.on("message", async () => {
    await bus.close();
    process.exit(given === 100 ? 0 : 9);
  });
}
