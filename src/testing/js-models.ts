/** Model modules for tests: FP32 [rows, 1] in and out under the names x and y. */
const head = `export const signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 1] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 1] }],
}
export const batched = true
`

/** A module whose predict has this body; \`x\` is the input's tensor, the result an array of values. */
export const jsModel = (body: string): string =>
  `${head}export const predict = async ({ x }) => ({ y: await (async () => { ${body} })() })\n`

/** Adds a constant: tells versions apart. */
export const addModel = (amount: number): string => jsModel(`return Array.from(x.data, (value) => value + ${amount})`)

/**
 * Obeys its input: 666 aborts the process, 667 never returns, 668 exits with code 7, 669 takes memory without end,
 * 670 throws, 671 answers too few values, 672 prints without end for a while, 673 answers NaN; anything else is
 * answered as it is.
 */
export const obedientModel = (): string =>
  jsModel(`
  for (const value of x.data) {
    if (value === 666) process.abort()
    if (value === 667) for (;;) {}
    if (value === 668) process.exit(7)
    if (value === 669) { const held = []; for (;;) { held.push(new Uint8Array(16 * 1024 * 1024).fill(1)); await new Promise(setImmediate) } }
    if (value === 670) throw new Error('no such customer')
    if (value === 671) return []
    if (value === 672) for (let i = 0; i < 5000; i++) console.log('noise '.repeat(50))
    if (value === 673) return [NaN]
  }
  return Array.from(x.data)`)

export const inferBody = (
  rows: readonly number[],
  extra: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> => ({
  inputs: [{ name: 'x', datatype: 'FP32', shape: [rows.length, 1], data: rows }],
  ...extra,
})
