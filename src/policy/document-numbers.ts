import * as v from 'valibot'

/** A whole number within bounds, with its default in the description for editors. */
export const whole = (min: number, max: number, description: string) =>
  v.pipe(
    v.number(),
    v.integer('expected a whole number'),
    v.minValue(min, `at least ${min}`),
    v.maxValue(max, `at most ${max}`),
    v.description(description),
  )
