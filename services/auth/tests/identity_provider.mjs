// The identity provider of a utility, by another author: oidc-provider with its own login pages.
// Usage: node identity_provider.mjs <node_modules> <port> <redirect_uri> <client_secret>
const [modules, port, redirectUri, secret] = process.argv.slice(2);
const { default: Provider } = await import(`${modules}/oidc-provider/lib/index.js`);

// The login name is the customer number; "nobody-..." is a person whom the utility does not know.
const findAccount = (_context, id) => ({
  accountId: id,
  claims: () => ({ sub: id, customer_number: id, preferred_username: `${id} at the provider` }),
});

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{ client_id: "cds", client_secret: secret, redirect_uris: [redirectUri], grant_types: ["authorization_code"], response_types: ["code"] }],
  claims: { openid: ["sub"], customer: ["customer_number"], profile: ["preferred_username"] },
  cookies: { keys: ["of the tests only"] },
  features: { devInteractions: { enabled: true } },
  findAccount,
  pkce: { required: () => true },
});

provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
