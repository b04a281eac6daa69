import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Root of the package: above both src/app and dist/app. */
export const packageRoot: string = fileURLToPath(new URL('../../', import.meta.url))

export const packageVersion: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version
