import { CALL_MS, within } from '../http/object-call.ts'
import { problemResponse } from '../http/problem.ts'
import { parseChangeRequest } from '../revocation/change-request.ts'
import type { Changes } from '../revocation/changes.ts'
import type { AdminApiParts } from './admin-api.ts'
import { announceTo } from './in-force.ts'
import { json, readJson, UNAVAILABLE } from './json-call.ts'

/** Changes one key or consumer (docs/api-keys.md, "Change a key"). What the request does not name stays as it was. */
export async function changeRoute(
  parts: Pick<AdminApiParts, 'feed' | 'authorize' | 'hasPlan' | 'announce' | 'boundSeconds' | 'graceSeconds' | 'now'>,
  request: Request,
): Promise<Response> {
  const refusal = await parts.authorize(request, 'changes:write')
  if (refusal !== undefined) return refusal
  const document = await readJson(request)
  if ('problem' in document) return problemResponse(document.problem)
  const at = parts.now()
  const parsed = parseChangeRequest(document.value, at, parts.hasPlan)
  if (parsed.status === 'invalid')
    return problemResponse({
      status: 422,
      code: 'change-invalid',
      title: 'The change is not valid',
      detail: 'See docs/api-keys.md for what can be changed.',
      extensions: { errors: parsed.errors },
    })
  try {
    const entry = await within(parts.feed().change(parsed.request, at), CALL_MS, 'the revocation feed')
    const inForce = await announceTo(parts, request)
    return json(201, { ...inForce, ...entry.target, ...valuesOf(entry.changed ?? {}), expiresAt: new Date(entry.expiresAt).toISOString() })
  } catch {
    return problemResponse(UNAVAILABLE)
  }
}

/** All that is set of the target from now on, in the words of the request. */
function valuesOf(changed: Changes): Record<string, unknown> {
  const values = Object.entries(changed).map(([field, { value }]): [string, unknown] => [
    field,
    field === 'validUntil' && typeof value === 'number' ? new Date(value).toISOString() : value,
  ])
  return Object.fromEntries(values)
}
