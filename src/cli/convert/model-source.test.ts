import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { findModel } from './model-source.ts'

it('a pipe in place of what describes a model is refused, not waited for', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-source-'))
  try {
    execFileSync('mkfifo', [join(folder, 'MLmodel')])
    expect(() => findModel(folder, undefined)).toThrow("MLmodel' is not a file")
  } finally {
    rmSync(folder, { recursive: true })
  }
})
