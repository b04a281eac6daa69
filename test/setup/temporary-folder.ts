import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

let folder: string | undefined

/** A temporary folder of the run: whatever a test leaves in it, or a server that it killed, goes with it. */
export const setup = (): void => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-run-'))
  process.env['TMPDIR'] = folder
}

export const teardown = (): void => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
}
