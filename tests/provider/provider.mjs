// An identity provider for tests: oidc-provider, a login form that believes everybody, and ways to make it lie.
//
// Its one line on standard output says that it listens. PORT, CLIENT_ID, CLIENT_SECRET and REDIRECT_URI say the rest.
// POST /control takes {"thin": …, "rotate": …, "lie": …, "client": …}: whether the ID token is without the mail
// address; new keys from now on; what is wrong with ID tokens from now on.
import http from "node:http";
import { createHmac } from "node:crypto";
import { SignJWT, UnsecuredJWT, base64url, decodeJwt, exportJWK, generateKeyPair, importJWK } from "jose";
import Provider from "oidc-provider";

const { PORT, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI } = process.env;
const issuer = `http://127.0.0.1:${PORT}`;
const people = new Map();
const state = { thin: true, lie: null, keys: null, callback: null };

async function newKeys() {
  state.generation = (state.generation ?? 0) + 1;
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  const key = { ...(await exportJWK(privateKey)), alg: "RS256", use: "sig", kid: `key-${state.generation}` };
  state.keys = { keys: [key] };
}

function build() {
  const provider = new Provider(issuer, {
    jwks: state.keys,
    clients: [{ client_id: CLIENT_ID, client_secret: CLIENT_SECRET, redirect_uris: [REDIRECT_URI] }],
    cookies: { keys: ["only for tests"] },
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
    conformIdTokenClaims: state.thin,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people.get(id) }) }),
    async loadExistingGrant(ctx) {
      const grant = new ctx.oidc.provider.Grant({ clientId: CLIENT_ID, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid email profile");
      await grant.save();
      return grant;
    },
  });
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === "/token" && ctx.body?.id_token && state.lie) {
      ctx.body = { ...ctx.body, id_token: await spoiled(ctx.body.id_token) };
    }
  });
  state.provider = provider;
  state.callback = provider.callback();
}

async function spoiled(token) {
  const claims = decodeJwt(token);
  const now = Math.floor(Date.now() / 1000);
  const [key] = state.keys.keys;
  const sign = async (changed, by = key, header = { alg: "RS256", kid: key.kid }) =>
    new SignJWT({ ...claims, ...changed }).setProtectedHeader(header).sign(await importJWK(by, "RS256"));
  switch (state.lie) {
    case "audience": return sign({ aud: "another client" });
    case "audiences": return sign({ aud: [CLIENT_ID, "another client"] });
    case "party": return sign({ aud: [CLIENT_ID, "another client"], azp: "another client" });
    case "issuer": return sign({ iss: "https://another.example" });
    case "expired": return sign({ iat: now - 600, exp: now - 300 });
    case "future": return sign({ iat: now + 600, exp: now + 900 });
    case "nonce": return sign({ nonce: "another nonce" });
    case "no nonce": return sign({ nonce: undefined });
    case "subject": return sign({ sub: "somebody else" });
    case "unsigned": return new UnsecuredJWT(claims).encode();
    case "signature": return `${token.slice(0, -8)}AAAAAAAA`;
    case "another key": {
      const { privateKey } = await generateKeyPair("RS256", { extractable: true });
      return sign({}, await exportJWK(privateKey));
    }
    case "our secret": { // signed with what the client has, too
      const text = [{ alg: "HS256", kid: key.kid }, claims].map((each) => base64url.encode(JSON.stringify(each))).join(".");
      return `${text}.${createHmac("sha256", CLIENT_SECRET).update(text).digest("base64url")}`;
    }
    default: throw new Error(`no such lie: ${state.lie}`);
  }
}

function bodyOf(request) {
  return new Promise((resolve, reject) => {
    const parts = [];
    request.on("data", (part) => parts.push(part)).on("end", () => resolve(Buffer.concat(parts).toString())).on("error", reject);
  });
}

async function answer(request, response) {
  const [, first, uid] = request.url.split("?")[0].split("/");
  if (first === "control") {
    const { rotate, ...changes } = JSON.parse(await bodyOf(request));
    Object.assign(state, changes);
    if (rotate) await newKeys();
    build();
    response.writeHead(204).end();
  } else if (first === "interaction" && request.method === "GET") {
    response.writeHead(200, { "Content-Type": "text/html" }).end(`<form method="post" action="/interaction/${uid}">Who are you?</form>`);
  } else if (first === "interaction") { // the form's one field is who somebody is, or nothing: they say no
    const person = JSON.parse(new URLSearchParams(await bodyOf(request)).get("person"));
    if (person) people.set(person.sub, person);
    const result = person
      ? { login: { accountId: person.sub }, consent: {} }
      : { error: "access_denied", error_description: "they said no" };
    await state.provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
  } else {
    state.callback(request, response);
  }
}

await newKeys();
build();
http
  .createServer((request, response) => {
    answer(request, response).catch((error) => response.writeHead(500).end(String(error)));
  })
  .listen(Number(PORT), "127.0.0.1", () => console.log(`listens at ${issuer}`));
