import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { inPartFolder } from './part-folder.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-parts-'))
})
afterEach(() => rmSync(root, { recursive: true }))

describe('what is made in parts', () => {
  it('appears when it is whole, and leaves nothing', async () => {
    const output = join(root, 'below', 'made')
    const answer = await inPartFolder(output, async (part) => {
      writeFileSync(join(part, 'a'), '')
      expect(readdirSync(join(root, 'below'))).toEqual([`.made.${process.pid}.part`])
      renameSync(join(part, 'a'), output)
      return 'done'
    })
    expect([answer, readdirSync(join(root, 'below'))]).toEqual(['done', ['made']])
    const failing = inPartFolder(output, () => Promise.reject(new Error('no disk')))
    await expect(failing).rejects.toThrow('no disk')
    expect(readdirSync(join(root, 'below'))).toEqual(['made'])
  })

  it('goes with the next when its maker was killed, and stays while that one runs', async () => {
    const { pid: dead } = spawnSync(process.execPath, ['--version'])
    for (const name of [
      `.made.${dead}.part`,
      `.made.${process.pid}.part`,
      `.made.${process.ppid}.part`,
      '.made.x.part',
    ])
      mkdirSync(join(root, name, 'half'), { recursive: true })
    const inside = await inPartFolder(join(root, 'made'), async (part) => readdirSync(part))
    expect(inside).toEqual([])
    expect(readdirSync(root).toSorted()).toEqual([`.made.${process.ppid}.part`, '.made.x.part'])
  })
})
