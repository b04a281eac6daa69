/** A double as JSON text: with a fraction, so that it isn't taken for an integer, and with JSON5's words for the rest. */
export const doubleText = (value: number): string => {
  const text = Object.is(value, -0) ? '-0' : String(value)
  return /^-?\d+$/.test(text) ? `${text}.0` : text
}

/**
 * Text as JSON. A text that is itself the JSON of a text, a list or an object is taken for that, as MLflow does: its
 * clients send such attributes already written as JSON.
 */
export const stringText = (value: string): string => {
  const [first] = value.trimStart()
  if (first === '"' || first === '[' || first === '{')
    try {
      JSON.parse(value)
      return value
    } catch {
      // It only began like one.
    }
  return JSON.stringify(value)
}

/** Names in order; of two that are the same the last counts. */
export const objectText = (entries: ReadonlyMap<string, string>): string =>
  `{${[...entries].map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(',')}}`
