import * as v from 'valibot'

/** `?after=&limit=`: where the last page ended, and how many are wanted. */
export const pageQuery = {
  after: v.exactOptional(v.pipe(v.string(), v.regex(/^[\x21-\x7e]{1,128}$/u, '`next` of the page before'))),
  limit: v.exactOptional(
    v.pipe(
      v.string(),
      v.regex(/^[0-9]{1,3}$/u, 'a whole number'),
      v.transform(Number),
      v.minValue(1, 'at least 1'),
      v.maxValue(100, 'at most 100'),
    ),
  ),
}
