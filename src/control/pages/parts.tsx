import type { Child, PropsWithChildren } from 'hono/jsx'

export interface Crumb {
  readonly href: string
  readonly title: string
}

export function Breadcrumbs({ trail, here }: { readonly trail: readonly Crumb[]; readonly here: string }) {
  return (
    <nav class="trail" aria-label="Breadcrumb">
      <ol>
        {trail.map(({ href, title }) => (
          <li>
            <a href={href}>{title}</a>
          </li>
        ))}
        <li aria-current="page">{here}</li>
      </ol>
    </nav>
  )
}

/** `done`, `note` and `warning` are said when convenient, `error` at once. */
export function Notice({ kind, children }: PropsWithChildren<{ readonly kind: 'done' | 'note' | 'warning' | 'error' }>) {
  return (
    <div class={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      {children}
    </div>
  )
}

/** Always with words: colour alone tells nobody. */
export function Badge({ kind, children }: PropsWithChildren<{ readonly kind: 'good' | 'quiet' | 'warning' | 'bad' }>) {
  return <span class={`badge ${kind}`}>{children}</span>
}

/** Where a list would be. */
export function Empty({ title, children }: PropsWithChildren<{ readonly title: string }>) {
  return (
    <div class="empty">
      <p>
        <strong>{title}</strong>
      </p>
      {children}
    </div>
  )
}

/** Milliseconds since the epoch, to the minute (`day`: to the day), in UTC. */
export function Time({ at, day = false }: { readonly at: number; readonly day?: boolean }) {
  return <time datetime={new Date(at).toISOString()}>{timeText(at, day)}</time>
}
export function timeText(at: number, day = false): string {
  const date = new Date(at)
  const text = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()] ?? ''} ${date.getUTCFullYear()}`
  return day ? text : `${text}, ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`
}
const two = (value: number): string => String(value).padStart(2, '0')
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** `1 key`, `2 keys`. */
export const counted = (count: number, noun: string, plural = `${noun}s`): string => `${numberText(count)} ${count === 1 ? noun : plural}`
/** Thousands apart, in any runtime alike. */
export const numberText = (value: number): string => String(value).replaceAll(/\B(?=(?:\d{3})+$)/gu, ',')

export interface Column {
  readonly title: string
  /** Numbers stand below one another. */
  readonly isNumber?: boolean
}
/** On a narrow screen every row is a card. The first cell of a row names it. `hideCaption`: where a heading just above says the same. */
export function Table({
  caption,
  hideCaption = false,
  columns,
  rows,
}: {
  readonly caption: string
  readonly hideCaption?: boolean
  readonly columns: readonly Column[]
  readonly rows: readonly (readonly Child[])[]
}) {
  const cell = (content: Child, index: number) => {
    const { title = '', isNumber = false } = columns[index] ?? {}
    const attributes = { class: isNumber ? 'number' : undefined, 'data-label': title === '' ? undefined : title }
    return index === 0 ? (
      <th scope="row" role="rowheader" {...attributes}>
        {content}
      </th>
    ) : (
      <td role="cell" {...attributes}>
        {content}
      </td>
    )
  }
  // The roles are those of the elements: the style makes them blocks on narrow screens, and browsers then forget them.
  return (
    <table role="table">
      <caption class={hideCaption ? 'unseen' : undefined}>{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(({ title, isNumber = false }) => (
            <th scope="col" role="columnheader" class={isNumber ? 'number' : undefined}>
              {title === '' ? <span class="unseen">Actions</span> : title}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((cells) => (
          <tr role="row">{cells.map(cell)}</tr>
        ))}
      </tbody>
    </table>
  )
}

export function Definitions({ items }: { readonly items: readonly (readonly [term: string, description: Child])[] }) {
  return (
    <dl>
      {items.map(([term, description]) => (
        <div>
          <dt>{term}</dt>
          <dd>{description}</dd>
        </div>
      ))}
    </dl>
  )
}

/** Lists go on by an opaque name of where they stopped. `path`: of the list, with what else it was asked for. */
export function Pagination({
  path,
  isFirst,
  next,
}: {
  readonly path: string
  readonly isFirst: boolean
  readonly next: string | undefined
}) {
  if (isFirst && next === undefined) return null
  const url = new URL(path, 'https://page.invalid')
  const at = (after: string | undefined): string => {
    url.searchParams.delete('after')
    if (after !== undefined) url.searchParams.set('after', after)
    return url.pathname + url.search
  }
  return (
    <nav class="pages" aria-label="Pages of the list">
      {isFirst ? null : (
        <a class="button quiet" href={at(undefined)}>
          First page
        </a>
      )}
      {next === undefined ? null : (
        <a class="button quiet" href={at(next)}>
          Next page
        </a>
      )}
    </nav>
  )
}

/** Text to take along. The script adds a button; without it, the text is one click to select. */
export function CopyField({ label, text, hint }: { readonly label: string; readonly text: string; readonly hint?: string }) {
  const id = `copy-${label.toLowerCase().replaceAll(/[^a-z0-9]+/gu, '-')}`
  return (
    <div class="field copy">
      <label for={id}>{label}</label>
      {hint === undefined ? null : (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <input
        id={id}
        class="code"
        value={text}
        readonly
        autocomplete="off"
        spellcheck={false}
        data-copy={label}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
      />
    </div>
  )
}
/** Commands and the like, on several lines. `name`: what the copy button says. */
export function Code({ name, text }: { readonly name: string; readonly text: string }) {
  return (
    <pre class="code" data-copy={name}>
      <code>{text}</code>
    </pre>
  )
}
