import { html } from 'hono/html'
import { page, type Choice, type Html, type PageFrame } from '../pages.ts'

export const ACCOUNT = '/.portcullis/account'

/** One of a person's ways to sign in. */
export interface Way {
  /** `personName`. */
  readonly name: string
  readonly title: string
  /** Milliseconds since the epoch. */
  readonly since: number
}

/** What a provider says stands by itself, whichever way it is written. */
const words = (text: string): Html => html`<bdi>${text}</bdi>`

const day = (time: number): Html => {
  const date = new Date(time)
  const text = date.toLocaleDateString('en-GB', { dateStyle: 'long', timeZone: 'UTC' })
  return html`<time datetime="${date.toISOString().slice(0, 10)}">${text}</time>`
}

export function accountPage(
  frame: PageFrame,
  {
    who,
    ways: [current, ...others],
    choices,
    isFresh,
    done,
  }: {
    readonly who: string
    /** The one of this session first. Empty: this way to sign in cannot be linked. */
    readonly ways: readonly Way[]
    readonly choices: readonly Choice[]
    readonly isFresh: boolean
    readonly done: 'linked' | 'removed' | undefined
  },
): Response {
  const list = html`<ul>
    ${current === undefined ? '' : html`<li><strong>${current.title}</strong>, by which you are signed in now<br /><span class="soft">known here since ${day(current.since)}</span></li>`}
    ${others.map(({ name, title, since }) => html`<li><strong>${title}</strong><br /><span class="soft">known here since ${day(since)}</span><br /><a href="${ACCOUNT}/remove?identity=${name}">Remove ${title}</a></li>`)}
  </ul>`
  const add = html`<h2>Add another way</h2>
    <p class="soft">
      Choose it, and sign in
      there.${isFresh ? '' : ' You signed in here a while ago: you are asked to sign in again first, then choose once more.'}
    </p>
    ${choices.map(({ name, title }) => html`<form action="${ACCOUNT}/link" method="post"><input type="hidden" name="provider" value="${name}" /><button>Add ${title}</button></form>`)}`
  const body = html`<h1>How you sign in</h1>
    <p class="soft">to ${frame.service}, as ${words(who)}</p>
    ${done === undefined ? '' : html`<p role="status">${done === 'linked' ? 'It was added. From the next sign-in on, both are you.' : 'It was removed.'}</p>`}
    ${current === undefined ? html`<p>The way by which you signed in names you anew each time, so no other can be added to it.</p>` : list}
    ${current === undefined || choices.length === 0 ? '' : add}
    <p><a class="button quiet" href="/">Back to ${frame.service}</a></p>`
  return page(frame, { status: 200, title: 'How you sign in', body })
}

export function confirmLinkPage(
  frame: PageFrame,
  {
    offer,
    to,
    other,
    wasSomebody,
  }: {
    readonly offer: string
    readonly to: string
    readonly other: string
    /** Somebody has signed in by it here before. */
    readonly wasSomebody: boolean
  },
): Response {
  const body = html`<h1>Add this way to sign in?</h1>
    <p>You are signed in to ${frame.service} as<br /><strong>${words(to)}</strong></p>
    <p>From now on the same person is also<br /><strong>${words(other)}</strong></p>
    <p>Add it only if both are you: whoever can sign in by one of them can do here what you can.</p>
    ${wasSomebody ? html`<p>It was a person of its own here. Applications may know it by another number from its next sign-in on.</p>` : ''}
    <form action="${ACCOUNT}/confirm" method="post">
      <input type="hidden" name="offer" value="${offer}" />
      <button>Add it</button>
    </form>
    <p><a class="button quiet" href="${ACCOUNT}">Do not add it</a></p>`
  return page(frame, { status: 200, title: 'Add this way to sign in?', body })
}

export function confirmRemovalPage(frame: PageFrame, { name, title, since }: Way): Response {
  const body = html`<h1>Remove ${title}?</h1>
    <p class="soft">known here since ${day(since)}</p>
    <p>Whoever signs in by it is then another person here. Where it is signed in now, it is signed out.</p>
    <form action="${ACCOUNT}/remove" method="post">
      <input type="hidden" name="identity" value="${name}" />
      <button>Remove it</button>
    </form>
    <p><a class="button quiet" href="${ACCOUNT}">Keep it</a></p>`
  return page(frame, { status: 200, title: `Remove ${title}?`, body })
}
