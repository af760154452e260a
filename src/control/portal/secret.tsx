import type { KeyRecord } from '../../directory/accounts.ts'
import { Code, CopyField, Notice, Time } from '../pages/parts.tsx'
import type { AppPlace } from './access.ts'
import { type Context, pathTo, render } from './context.ts'
import { trialOf } from './recipes.ts'
import { trailTo } from './organisations.tsx'
import { Words } from './words.tsx'

interface Made {
  readonly record: KeyRecord & { readonly secret?: string }
  readonly title: string
  readonly inForce: 'announced' | 'pending'
  /** Of a rotation: the key that it replaces. */
  readonly replaced?: { readonly name: string; readonly validUntil: number | undefined }
}

/** The one answer that holds the secret: of a POST, stored nowhere, and not shown again by a reload. */
export function secretPage(context: Context, place: AppPlace, { record, title, inForce, replaced }: Made): Response {
  const { secret = '', id, expiresAt } = record
  const { policy } = context.parts
  const scopes = record.scopes ?? policy.plans.find(({ name }) => name === (record.plan ?? place.app.plan))?.scopes ?? []
  const trial = trialOf(policy, scopes, { origin: context.url.origin, secret, signingKeyId: id })
  return render(context, {
    title,
    trail: [...trailTo(place), { href: pathTo('apps', place.app.id), title: place.app.name }],
    body: (
      <>
        {inForce === 'pending' ? (
          <Notice kind="warning">It is recorded. Until every part of the gate has been told, requests with it may be refused.</Notice>
        ) : null}
        <section class="card secret">
          <p>
            <strong>Copy the secret now. It is kept nowhere and is not shown again.</strong> Put it where your app reads its secrets, and in
            no source code.
          </p>
          <CopyField label="Secret" text={secret} />
          <p class="soft">
            Key <code>{id}</code>
            {expiresAt === undefined ? null : (
              <>
                {' '}
                · ends on <Time at={expiresAt} />
              </>
            )}
          </p>
        </section>
        {replaced === undefined ? null : (
          <Notice kind="note">
            <Words text={replaced.name} />, the key that it replaces, works until{' '}
            {replaced.validUntil === undefined ? 'it is revoked' : <Time at={replaced.validUntil} />}. Put the new secret in place before.
          </Notice>
        )}
        {trial === undefined ? null : (
          <section class="card">
            <h2>Try it</h2>
            <Code name="the command" text={trial} />
          </section>
        )}
        <p>
          <a class="button" href={pathTo('apps', place.app.id)}>
            I have copied it
          </a>
        </p>
      </>
    ),
  })
}
