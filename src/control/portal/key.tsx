import type { KeyRecord } from '../../directory/accounts.ts'
import { Button, ConfirmForm, ErrorSummary, type FieldError, Form, Select } from '../pages/fields.tsx'
import { Definitions, Time } from '../pages/parts.tsx'
import type { Sent } from '../pages/site.ts'
import { trailToApp } from './apps.tsx'
import { forKey, type KeyPlace, type PortalRoute } from './access.ts'
import { type Context, pathTo, render, renderForm } from './context.ts'
import { isAlive, KeyState } from './key-state.tsx'
import { SECRET_LOST } from './keys.tsx'
import { may } from './rights.ts'
import { secretPage } from './secret.tsx'
import { backTo, notFound, submit } from './submit.tsx'
import { versionOf, Words } from './words.tsx'

export const keyRoutes: readonly PortalRoute[] = [
  forKey('/keys/:key', 'look', { get: keyPage }),
  forKey('/keys/:key/rotate', 'build', { get: (context, place) => rotatePage(context, place), post: rotate }),
  forKey('/keys/:key/state', 'build', { get: (context, place) => statePage(context, place), post: switchState }),
  forKey('/keys/:key/revoke', 'build', { get: (context, place) => revokePage(context, place), post: revoke }),
]

const OVERLAPS = [
  { value: '0', title: 'At once: the old secret has leaked' },
  { value: '3600', title: 'In an hour' },
  { value: '86400', title: 'In a day' },
  { value: '604800', title: 'In 7 days' },
  { value: '2592000', title: 'In 30 days' },
  { value: '7776000', title: 'In 90 days' },
]
const DEFAULT_OVERLAP = '604800'
/** A public key is replaced by adding another one, because its private half is made elsewhere. */
const canRotate = ({ kind, validUntil }: KeyRecord): boolean => kind === 'secret' && validUntil === undefined

function keyPage(context: Context, place: KeyPlace): Response {
  const { key, role } = place
  const base = pathTo('keys', key.id)
  const alive = may(role, 'build') && isAlive(key, context.now)
  return render(context, {
    title: key.name,
    trail: trailToApp(place),
    beside: <KeyState record={key} now={context.now} />,
    body: (
      <>
        <section class="card">
          <Definitions items={factsOf(key, place)} />
        </section>
        {alive ? (
          <div class="buttons">
            {canRotate(key) ? (
              <a class="button" href={`${base}/rotate`}>
                Rotate
              </a>
            ) : null}
            <a class="button quiet" href={`${base}/settings`}>
              Change
            </a>
            <a class="button quiet" href={`${base}/state`}>
              {key.state === 'disabled' ? 'Enable' : 'Disable'}
            </a>
            <a class="button danger" href={`${base}/revoke`}>
              Revoke
            </a>
          </div>
        ) : null}
      </>
    ),
  })
}

const KINDS = {
  secret: 'Secret, made by this gate',
  imported: 'Secret, made elsewhere',
  public: 'Public key: requests are signed',
} as const
function factsOf(key: KeyRecord, { app }: KeyPlace) {
  const { id, kind, scopes, plan, addresses = [], origins = [], createdAt, expiresAt, validUntil, replacedBy, lastUsedAt } = key
  const facts: (readonly [string, Parameters<typeof Definitions>[0]['items'][number][1]])[] = [
    ['Id', <code>{id}</code>],
    ['Kind', KINDS[kind]],
    ['May', scopes === undefined ? `Everything that plan ${plan ?? app.plan} may` : scopes.join(', ')],
    ['Only from', [...addresses, ...origins].length === 0 ? 'Anywhere' : [...addresses, ...origins].join(', ')],
    ['Made', <Time at={createdAt} />],
    ['Ends', expiresAt === undefined ? 'Never' : <Time at={expiresAt} />],
    ['Last used', lastUsedAt === undefined ? 'Never, as far as is known' : <Time at={lastUsedAt} />],
  ]
  if (validUntil !== undefined) facts.push(['Replaced, works until', <Time at={validUntil} />])
  if (replacedBy !== undefined) facts.push(['Replaced by', <a href={pathTo('keys', replacedBy)}>{replacedBy}</a>])
  return facts
}

export const trailToKey = (place: KeyPlace) => [...trailToApp(place), { href: pathTo('keys', place.key.id), title: place.key.name }]

function rotatePage(context: Context, place: KeyPlace, overlap = DEFAULT_OVERLAP, errors: readonly FieldError[] = []): Response {
  const { key } = place
  if (!canRotate(key) || !isAlive(key, context.now)) return notFound(context)
  return renderForm(context, errors, {
    title: 'Rotate the key',
    trail: trailToKey(place),
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <p>A new key with a new secret takes its place, with the same name, scopes and addresses. Both work until the old one ends.</p>
        <Form action={pathTo('keys', key.id, 'rotate')} token={context.token}>
          <Select name="overlapSeconds" label="The old key ends" options={OVERLAPS} value={overlap} errors={errors} isRequired />
          <div class="buttons">
            <Button>Rotate</Button>
            <a class="button quiet" href={pathTo('keys', key.id)}>
              Cancel
            </a>
          </div>
        </Form>
      </section>
    ),
  })
}

async function rotate(context: Context, sent: Sent, place: KeyPlace): Promise<Response> {
  const { key } = place
  if (!canRotate(key) || !isAlive(key, context.now)) return notFound(context)
  const overlap = sent.form.get('overlapSeconds') ?? ''
  const isKnown = OVERLAPS.some(({ value }) => value === overlap)
  return submit<KeyRecord & { readonly secret?: string }>(context, sent, {
    errors: isKnown ? [] : [{ name: 'overlapSeconds', text: 'Choose when the old key ends.' }],
    again: (found) => rotatePage(context, place, overlap, found),
    back: pathTo('apps', place.app.id),
    twice: SECRET_LOST,
    write: async () => context.parts.accounts.rotateKey(key.id, { overlapSeconds: Number(overlap) }, context.actor),
    done: (record, inForce) =>
      secretPage(context, place, {
        record,
        title: 'The key is rotated',
        inForce,
        replaced: { name: key.name, validUntil: context.now + Number(overlap) * 1000 },
      }),
  })
}

function statePage(context: Context, place: KeyPlace, errors: readonly FieldError[] = []): Response {
  const { key } = place
  const isOff = key.state === 'disabled'
  const base = pathTo('keys', key.id)
  return renderForm(context, errors, {
    title: isOff ? 'Enable the key?' : 'Disable the key?',
    trail: trailToKey(place),
    body: (
      <section class="card narrow">
        <ErrorSummary errors={errors} />
        <p>
          {isOff
            ? 'Requests with it are let in again within seconds.'
            : 'Every request with it is refused within seconds, until you enable it again.'}
        </p>
        <Form action={`${base}/state`} token={context.token}>
          <input type="hidden" name="version" value={String(key.version)} />
          <div class="buttons">
            <Button name="state" value={isOff ? 'active' : 'disabled'}>
              {isOff ? 'Enable' : 'Disable'}
            </Button>
            <a class="button quiet" href={base}>
              Cancel
            </a>
          </div>
        </Form>
      </section>
    ),
  })
}

async function switchState(context: Context, sent: Sent, place: KeyPlace): Promise<Response> {
  const { id } = place.key
  const asked = sent.form.get('state')
  const state = asked === 'active' || asked === 'disabled' ? asked : undefined
  return submit<KeyRecord>(context, sent, {
    errors: state === undefined ? [{ text: 'Say whether to enable or to disable it.' }] : [],
    again: (found) => statePage(context, place, found),
    back: pathTo('keys', id),
    write: async () => context.parts.accounts.changeKey(id, { state: state ?? 'disabled' }, versionOf(sent.form), context.actor),
    done: (_value, inForce) => backTo(pathTo('keys', id), state === 'active' ? 'key-enabled' : 'key-disabled', inForce),
  })
}

function revokePage(context: Context, place: KeyPlace, errors: readonly FieldError[] = []): Response {
  const { key } = place
  const base = pathTo('keys', key.id)
  return renderForm(context, errors, {
    title: 'Revoke the key?',
    trail: trailToKey(place),
    body: (
      <ConfirmForm action={`${base}/revoke`} token={context.token} button="Revoke the key" cancel={base} errors={errors}>
        <p>
          <strong>
            <Words text={key.name} />
          </strong>{' '}
          is refused everywhere within seconds, for good. To replace it without an interruption, rotate it instead.
        </p>
        <p class="soft">
          {key.lastUsedAt === undefined ? (
            'It was never used, as far as is known.'
          ) : (
            <>
              Last used on <Time at={key.lastUsedAt} />.
            </>
          )}
        </p>
      </ConfirmForm>
    ),
  })
}

async function revoke(context: Context, sent: Sent, place: KeyPlace): Promise<Response> {
  const { id } = place.key
  return submit<KeyRecord>(context, sent, {
    again: (found) => revokePage(context, place, found),
    back: pathTo('keys', id),
    write: async () => context.parts.accounts.revokeKey(id, 'revoked by its developers', context.actor),
    done: (_value, inForce) => backTo(pathTo('keys', id), 'key-revoked', inForce),
  })
}
