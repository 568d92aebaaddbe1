// The way in: the customer's token, where it is used from, and what it allows. Then on to `orders`.

import express from "express";
import { jwtVerify } from "jose";
import { init, trace } from "veribus";
import { veribus } from "veribus/express";

const { API_KEY, JWT_SECRET, ORDERS } = process.env;
const secret = new TextEncoder().encode(JWT_SECRET);

const bus = init({ service: "web" }); // VERIBUS_URL says where events go, VERIBUS_SPOOL where they wait
const app = express().set("trust proxy", "loopback"); // the proxy on this machine says whose request it is
app.use(veribus(), express.raw({ type: "*/*" })); // each request in its trace, with its address

app.post("/orders", async (request, response) => {
  const token = (request.get("authorization") ?? "").replace(/^Bearer /, "");
  let claims;
  try {
    claims = await bus.verify("token.signature", { method: "jwt" }, async (check) => {
      const { payload } = await jwtVerify(token, secret, { algorithms: ["HS256"], requiredClaims: ["sub", "jti", "exp"] });
      check.set({ actor: payload.sub, credential: payload.jti });
      return payload;
    });
  } catch {
    return response.sendStatus(401);
  }
  trace.context().actor = claims.sub; // from here on every event of this request has it

  // People change networks: this alone refuses nobody. With more in the same trace it is an alert, see rules.yml.
  bus.verify("token.address", (check) => claims.ip === request.ip || check.fail("other_address"));

  const mayOrder = { kind: "authorization", permission: "orders:write" };
  const allowed = bus.verify("order.create", mayOrder, () => (claims.scope ?? "").split(" ").includes("orders:write"));
  if (!allowed) {
    return response.sendStatus(403);
  }
  const headers = trace.inject({
    "x-api-key": API_KEY, "x-customer": claims.sub, "x-forwarded-for": request.ip, "x-signature": request.get("x-signature") ?? "",
  });
  const answer = await fetch(`${ORDERS}/orders`, { method: "POST", headers, body: request.body });
  response.status(answer.status).send(await answer.text());
});

const server = app.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
process.on("SIGTERM", () => server.close(() => bus.close()));
