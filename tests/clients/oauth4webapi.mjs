// A client written with oauth4webapi, the low-level library: it checks every answer against the RFCs.
import { browse, CALLBACK, consentClient, detailsOf, finish, ISSUER, load, registrationOf, scopeId } from './app.mjs'

const oauth = await load('oauth4webapi')
const plain = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(ISSUER)

const server = await oauth
  .discoveryRequest(issuer, { algorithm: 'oauth2', ...plain })
  .then((answer) => oauth.processDiscoveryResponse(issuer, answer))
const admin = await oauth
  .dynamicClientRegistrationRequest(server, registrationOf(server), plain)
  .then(oauth.processDynamicClientRegistrationResponse)
const adminToken = await oauth
  .clientCredentialsGrantRequest(server, admin, oauth.ClientSecretBasic(admin.client_secret), { scope: 'cds_client_admin' }, plain)
  .then((answer) => oauth.processClientCredentialsResponse(server, admin, answer))

const headers = new Headers({ 'content-type': 'application/json' })
const consent = await consentClient(server, (url, method, body) =>
  oauth.protectedResourceRequest(adminToken.access_token, method, url, body ? headers : undefined, body, plain),
)
const client = { client_id: consent.client.client_id }
const authentication = oauth.ClientSecretBasic(consent.client_secret)

const scope = scopeId(server, 'cds_usage')
const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const request = {
  response_type: 'code',
  client_id: client.client_id,
  redirect_uri: CALLBACK,
  scope,
  state,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  authorization_details: detailsOf(scope),
}
const pushed = await oauth
  .pushedAuthorizationRequest(server, client, authentication, request, plain)
  .then((answer) => oauth.processPushedAuthorizationResponse(server, client, answer))
const address = new URL(server.authorization_endpoint)
address.searchParams.set('client_id', client.client_id)
address.searchParams.set('request_uri', pushed.request_uri)

const callback = oauth.validateAuthResponse(server, client, await browse(address), state)
const tokens = await oauth
  .authorizationCodeGrantRequest(server, client, authentication, callback, CALLBACK, verifier, plain)
  .then((answer) => oauth.processAuthorizationCodeResponse(server, client, answer))
const refreshed = await oauth
  .refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token, plain)
  .then((answer) => oauth.processRefreshTokenResponse(server, client, answer))
const introspect = async () =>
  oauth
    .introspectionRequest(server, client, authentication, refreshed.access_token, plain)
    .then((answer) => oauth.processIntrospectionResponse(server, client, answer))

const before = await introspect()
const read = await oauth.protectedResourceRequest(
  refreshed.access_token, 'GET', new URL(server.cds_servicecontracts_api), undefined, undefined, plain,
)
const contracts = (await read.json()).service_contracts
await oauth.revocationRequest(server, client, authentication, refreshed.access_token, plain).then(oauth.processRevocationResponse)
const after = await introspect()
const claims = await oauth.validateJwtAccessToken(
  server, new Request('http://data.example/', { headers: { authorization: `Bearer ${refreshed.access_token}` } }), ISSUER, plain,
)

finish({ scope, address: String(address), tokens, refreshed, before, contracts, after, claims })
