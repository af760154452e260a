// A process of its own: answers everything with 1 KB, and the issuer's key set where it is asked for.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

const content = Buffer.alloc(1024, 'x')
const [keySet = '{}'] = process.argv.slice(2)

const server = createServer((request, response) => {
  const isKeySet = request.url === '/jwks.json'
  const body = isKeySet ? Buffer.from(keySet) : content
  const type = isKeySet ? 'application/json' : 'text/plain'
  response.writeHead(200, { 'content-type': type, 'content-length': body.byteLength, 'cache-control': 'max-age=3600' }).end(body)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit())
