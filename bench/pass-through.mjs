/** The floor that every figure is compared with: the least that a Worker before an origin can do. */
export default { fetch: (request) => fetch(request) }
