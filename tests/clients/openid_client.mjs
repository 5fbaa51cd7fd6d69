// A client written with openid-client: it knows one address, and ends with a revoked token.
import { browse, CALLBACK, consentClient, detailsOf, finish, ISSUER, load, registrationOf, scopeId } from './app.mjs'

const oauth = await load('openid-client')
const plain = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] }

const found = await oauth.discovery(new URL(ISSUER), 'not registered yet', undefined, oauth.None(), plain)
const metadata = found.serverMetadata()
const admin = await oauth.dynamicClientRegistration(new URL(ISSUER), registrationOf(metadata), undefined, plain)
const { client_id, client_secret } = admin.clientMetadata()
const adminConfig = new oauth.Configuration(metadata, client_id, {}, oauth.ClientSecretBasic(client_secret))
oauth.allowInsecureRequests(adminConfig)
const adminToken = await oauth.clientCredentialsGrant(adminConfig, { scope: 'cds_client_admin' })

const headers = new Headers({ 'content-type': 'application/json' })
const consent = await consentClient(metadata, (url, method, body) =>
  oauth.fetchProtectedResource(adminConfig, adminToken.access_token, url, method, body, body && headers),
)
const config = new oauth.Configuration(metadata, consent.client.client_id, {}, oauth.ClientSecretBasic(consent.client_secret))
oauth.allowInsecureRequests(config)

const scope = scopeId(metadata, 'cds_usage')
const verifier = oauth.randomPKCECodeVerifier()
const state = oauth.randomState()
const address = await oauth.buildAuthorizationUrlWithPAR(config, {
  redirect_uri: CALLBACK,
  scope,
  state,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  authorization_details: detailsOf(scope),
})
const back = await browse(address)
const tokens = await oauth.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state })
const refreshed = await oauth.refreshTokenGrant(config, tokens.refresh_token)
const before = await oauth.tokenIntrospection(config, refreshed.access_token)
const read = await oauth.fetchProtectedResource(config, refreshed.access_token, new URL(metadata.cds_servicecontracts_api), 'GET')
const contracts = (await read.json()).service_contracts
await oauth.tokenRevocation(config, refreshed.access_token)
const after = await oauth.tokenIntrospection(config, refreshed.access_token)

finish({ scope, address: String(address), tokens, refreshed, before, contracts, after })
