import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server on loopback, on the wanted port or, where that is taken, on any. */
export async function listen(wanted: number, serve?: RequestListener): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer()
  if (serve !== undefined) server.on('request', serve)
  await new Promise<void>((resolve, reject) => {
    const again = (error: NodeJS.ErrnoException): void => {
      if (error.code !== 'EADDRINUSE') reject(error)
      else server.once('error', reject).listen(0, '127.0.0.1', resolve)
    }
    server.once('error', again).listen(wanted, '127.0.0.1', () => {
      server.off('error', again)
      resolve()
    })
  })
  return { server, port: (server.address() as AddressInfo).port }
}

/** A port that is free now, the wanted one if it is. */
export async function freePort(wanted: number): Promise<number> {
  const { server, port } = await listen(wanted)
  await close(server)
  return port
}

export async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise((resolve) => {
    server.close(resolve)
  })
}
