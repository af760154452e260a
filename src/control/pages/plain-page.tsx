import { page, type PageFrame } from './layout.tsx'

/** A page that says one thing and leads on: what is not there, not allowed, or not to be had. */
export interface PlainPage {
  readonly status: number
  readonly title: string
  readonly advice: string
  readonly link: { readonly href: string; readonly title: string }
  readonly fields?: Readonly<Record<string, string>>
}

export function plainPage(frame: PageFrame, { advice, link, ...rest }: PlainPage): Response {
  return page(frame, {
    ...rest,
    body: (
      <section class="card narrow">
        <p>{advice}</p>
        <p>
          <a class="button" href={link.href}>
            {link.title}
          </a>
        </p>
      </section>
    ),
  })
}
