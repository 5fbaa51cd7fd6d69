// What the client programs of this folder share: their libraries, their browser (the test at the other end of the pipe), and
// the steps of CDS-WG1-02 between registration and the first authorization request, made with the library's own fetch.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

export const ISSUER = process.env.ISSUER
export const CALLBACK = process.env.CALLBACK

const require = createRequire(pathToFileURL(`${process.env.NODE_MODULES}/any.js`))
export const load = (name) => import(pathToFileURL(require.resolve(name)))

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

// Sends the browser somewhere; gives the address at which it left the server.
export async function browse(url) {
  console.log(JSON.stringify({ open: String(url) }))
  return new URL((await lines.next()).value)
}

export function finish(result) {
  console.log(JSON.stringify({ result }))
  process.exit(0)
}

export const scopeId = (metadata, type) => Object.values(metadata.cds_scope_descriptions).find((scope) => scope.type === type).id

export const registrationOf = (metadata) => ({
  scope: `${scopeId(metadata, 'cds_client_admin')} ${scopeId(metadata, 'cds_usage')}`,
  client_name: 'Kestrel Home Audits',
  contacts: ['dev@kestrel.example'],
})

export const detailsOf = (scope) => JSON.stringify([{ type: scope, contract_numbers: ['_all'], include_service_contracts: true, include_contract_numbers: true }])

// The consent Client Object and its secret; `send(url, method, body)` calls an API with the admin token.
export async function consentClient(metadata, send) {
  const json = async (url, method, body) => (await send(new URL(url), method, body)).json()
  const { clients } = await json(metadata.cds_clients_api, 'GET')
  const wanted = scopeId(metadata, 'cds_usage')
  const client = clients.find((each) => each.scope.split(' ').includes(wanted))
  const body = { ...client, redirect_uris: [...client.redirect_uris, CALLBACK] }
  const changed = await json(client.cds_client_uri, 'PUT', JSON.stringify(body))
  const { credentials } = await json(metadata.cds_credentials_api, 'GET')
  const { client_secret } = credentials.find((each) => each.client_id === client.client_id)
  return { client: changed, client_secret }
}
