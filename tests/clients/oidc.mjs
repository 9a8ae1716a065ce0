// oidc-provider, a certified OpenID provider, with the routes of Cognito's hosted sign-in. Arguments: the
// port, the pool's id, the app client's id and the callback.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [port, pool, client, callback] = process.argv.slice(2);
// A module's imports do not look where NODE_PATH says.
const found = createRequire(import.meta.url).resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(found).href);

const provider = new Provider(`https://cognito-idp.us-east-1.amazonaws.com/${pool}`, {
  clients: [
    {
      client_id: client,
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      redirect_uris: [callback],
    },
  ],
  routes: {
    authorization: "/oauth2/authorize",
    token: "/oauth2/token",
    revocation: "/oauth2/revoke",
    userinfo: "/oauth2/userInfo",
    jwks: `/${pool}/.well-known/jwks.json`,
  },
  claims: { openid: ["sub"], email: ["email"], profile: ["name"] },
  // Cognito puts them into the ID token as well.
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.com`, name: "Ada" }),
  }),
  issueRefreshToken: () => true,
  pkce: { required: () => true },
  // Its pages are for development; so is this.
  features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
  cookies: { keys: ["only for this test"] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
