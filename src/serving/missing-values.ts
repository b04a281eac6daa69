/** Engines whose models know missing values of every type. */
const engines: ReadonlySet<string> = new Set(['python'])

export const takesNulls = (engine: string): boolean => engines.has(engine)

/** Under which name a host is told which values of an input are missing. Names of inputs have no NUL. */
export const nullsName = (input: string): string => `${input}\u0000null`
